package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"
	"mvdan.cc/sh/v3/syntax"
)

// A usageError is a mistake on the command line. Its exit code is ExitUsage.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// wrong returns a usage error that names the command. Run adds the name of the root.
func wrong(cmd *cli.Command, format string, args ...any) error {
	name := strings.TrimPrefix(strings.TrimPrefix(cmd.FullName(), cmd.Root().Name), " ")
	if name != "" {
		name += ": "
	}
	return &usageError{name + fmt.Sprintf(format, args...) + " (see " + cmd.FullName() + " --help)"}
}

// code returns the exit code for the error of a command. Errors of the library that implement
// ExitCoder concern unknown help topics, so they are usage errors.
func code(ctx context.Context, err error) int {
	var usage *usageError
	var library cli.ExitCoder
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &usage) || errors.As(err, &library):
		return ExitUsage
	case isConfiguration(err):
		return ExitConfiguration
	case ctx.Err() != nil:
		return ExitInterrupted
	default:
		return ExitFailed
	}
}

// onUsageError rewords errors of the flag parser, and suggests the nearest flag.
func onUsageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		text = fmt.Sprintf("unknown flag --%s", strings.TrimLeft(name, "-"))
		if near := cli.SuggestFlag(cmd.Flags, name, false); resembles(strings.TrimLeft(near, "-"), name) {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
	}
	return wrong(cmd, "%s", lower(text))
}

// checkArgs is the default validator of all commands. An argument of a group is an unknown
// command. Other commands take no arguments unless they have their own validator.
func checkArgs(_ context.Context, cmd *cli.Command) error {
	name := cmd.Args().First()
	switch {
	case name == "" || cmd.Name == "help":
		return nil
	case len(cmd.VisibleCommands()) > 0:
		text := fmt.Sprintf("unknown command %q", name)
		if near := cli.SuggestCommand(cmd.VisibleCommands(), name); resembles(near, name) {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		return wrong(cmd, "%s", text)
	default:
		return wrong(cmd, "takes no arguments, got %q", name)
	}
}

// resembles rejects poor suggestions: the library always returns the nearest name, however
// different it is.
func resembles(near, name string) bool {
	return near != "" && near != name && near[0] == name[0]
}

// helpArgs turns "help db migrate" into "db help migrate", because the library would show the
// help of db only.
func helpArgs(args []string) []string {
	if len(args) < 4 || args[1] != "help" {
		return args
	}
	last := len(args) - 1
	return slices.Concat(args[:1], args[2:last], []string{"help"}, args[last:])
}

// anyArgs is the validator of commands that check their own arguments.
func anyArgs(context.Context, *cli.Command) error { return nil }

// lines splits an error into lines, without the prefix "session: " and without duplicates.
func lines(err error) []string {
	var out []string
	seen := map[string]bool{}
	for _, line := range strings.Split(err.Error(), "\n") {
		line = strings.TrimPrefix(strings.TrimRight(line, " \t\r"), "session: ")
		if strings.TrimSpace(line) == "" || seen[line] {
			continue
		}
		seen[line] = true
		out = append(out, clean(strings.ReplaceAll(line, "\t", "  ")))
	}
	return out
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// shellWord quotes an argument for a shell, if necessary.
func shellWord(arg string) string {
	quoted, err := syntax.Quote(arg, syntax.LangPOSIX)
	if err != nil { // a control character, which a POSIX shell cannot express
		return strconv.Quote(arg)
	}
	return quoted
}
