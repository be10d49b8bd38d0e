package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

// A usageError is a mistake on the command line. Its exit code is ExitUsage.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// wrong names the command, which Run's prefix does for the root.
func wrong(cmd *cli.Command, format string, args ...any) error {
	name := strings.TrimPrefix(strings.TrimPrefix(cmd.FullName(), cmd.Root().Name), " ")
	if name != "" {
		name += ": "
	}
	return &usageError{name + fmt.Sprintf(format, args...) + " (see " + cmd.FullName() + " --help)"}
}

// code tells the exit code of what a command returned. An error that the library
// makes its own ExitCoder for is about a help topic: usage.
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

// onUsageError rewords what the parser of flags says and adds the nearest flag.
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

// checkArgs is inherited by the whole tree: an argument of a group is an unknown
// command, and a command takes no arguments unless it has a validator of its own.
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

// resembles keeps a suggestion from being silly: the library always finds a
// nearest name, however far it is.
func resembles(near, name string) bool {
	return near != "" && near != name && near[0] == name[0]
}

// helpArgs makes "help db migrate" what the library understands, "db help
// migrate": by itself it would show the help of db.
func helpArgs(args []string) []string {
	if len(args) < 4 || args[1] != "help" {
		return args
	}
	last := len(args) - 1
	return slices.Concat(args[:1], args[2:last], []string{"help"}, args[last:])
}

// anyArgs is the validator of the commands that look at their arguments
// themselves.
func anyArgs(context.Context, *cli.Command) error { return nil }

// lines splits an error into what goes on a line each, without the prefix that
// says which package found it, and without repetitions.
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
