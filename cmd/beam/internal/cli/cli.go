// Package cli is the command line of beam: one tree of commands, a file for each
// command, and the rules of output in output.go.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/cmd/beam/internal/race"
)

// An app is one run of the command line. Everything that a command reads or
// writes comes from here: no command touches os.Stdout, os.Getenv or the current
// folder.
type app struct {
	stdin   io.Reader
	stdout  stream
	stderr  stream
	environ []string
	dir     string

	writeErr  error // the first failure to write to stdout
	storeFlag bool  // --store was given
}

// Run runs args, whose first element is the name of the program, and returns the
// exit code. Relative paths are taken from dir; environ has the form of
// [os.Environ]. It returns when the command is done or ctx is cancelled.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string, dir string) int {
	a := &app{stdin: stdin, environ: environ, dir: dir}
	a.stdout, a.stderr = newStream(stdout, a.getenv), newStream(stderr, a.getenv)
	err := a.tree().Run(ctx, helpArgs(args))
	if err == nil {
		err = a.writeErr
	}
	c := code(ctx, err)
	switch {
	case c == ExitInterrupted:
		a.fail("interrupted")
	case err != nil:
		for _, line := range a.lines(err) {
			a.fail(line)
		}
	}
	return c
}

const description = `Beam looks after the sessions of an application. In the folder of an application it reads
config/session.toml, config/database.toml and .env; the environment wins over all of them.

Environment variables, among those that "beam config show" lists:
  SESSION_STORE                          the store: database, file, memory, null
  SESSION_LIFETIME                       the idle timeout: 120 (minutes), 2h
  SESSION_STORES__DATABASE__CONNECTION   a connection of config/database.toml
  SESSION_STORES__DATABASE__TABLE        the table, "sessions" by default
  SESSION_STORES__FILE__PATH             the folder of the file store
  DB_CONNECTION                          the default connection
  NO_COLOR                               no colours

Exit codes:
  0 done   1 failed   2 wrong usage   3 wrong configuration   130 interrupted`

// tree is the whole command line, in the order in which help shows it.
func (a *app) tree() *cli.Command {
	asJSON := &cli.BoolFlag{Name: "json", Usage: "write JSON for programs", Local: true}
	return a.finish(&cli.Command{
		Name:        "beam",
		Usage:       "look after the sessions of an application",
		Version:     version(),
		Description: description,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: "config", Usage: "the `FOLDER` of the configuration"},
		},
		Commands: []*cli.Command{
			{
				Name:        "init",
				Usage:       "start an application in this folder",
				Description: initHelp,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "stores", Value: "sqlite", Usage: "what to compile in, the first one in use: " + strings.Join(initStores, ", "), Local: true},
					&cli.StringFlag{Name: "module", Usage: "the module `NAME` (default: the name of the folder)", Local: true},
				},
				Action: a.initialize,
			},
			{
				Name:  "make",
				Usage: "write files that an application needs",
				Commands: []*cli.Command{
					{Name: "session-table", Usage: "write the migration of the sessions table", Description: makeHelp, Action: a.makeSessionTable},
					{Name: "sessions", Usage: "the same, in two words", Commands: []*cli.Command{
						{Name: "table", Usage: "write the migration of the sessions table", Description: makeHelp, Action: a.makeSessionTable},
					}},
				},
			},
			{
				Name:  "db",
				Usage: "run the migrations in database/migrations",
				Commands: []*cli.Command{
					{Name: "migrate", Usage: "run what is pending; several processes may do so at once", Flags: []cli.Flag{asJSON}, Action: a.dbMigrate},
					{Name: "rollback", Usage: "take the latest migration back", Flags: []cli.Flag{
						&cli.IntFlag{Name: "steps", Value: 1, Usage: "how many `N` to take back", Local: true},
						&cli.StringFlag{Name: "only", Usage: "take back `FILE` instead, and none that came after it", Local: true},
						&cli.BoolFlag{Name: "yes", Usage: "do not ask, even if that removes sessions", Local: true}, asJSON,
					}, Action: a.dbRollback},
					{Name: "status", Usage: "say which migrations were run, and when", Flags: []cli.Flag{asJSON}, Action: a.dbStatus},
					{Name: "print", Usage: "write the statements of all migrations, without a database", Action: a.dbPrint},
				},
			},
			{
				Name:  "session",
				Usage: "look at live sessions and end them",
				Commands: []*cli.Command{
					{Name: "list", Usage: "list sessions, the latest activity first", Flags: []cli.Flag{
						&cli.StringFlag{Name: "owner", Usage: "only those of `NAME`", Local: true}, asJSON,
					}, Action: a.sessionList},
					{Name: "show", Usage: "show one session and the data in it", ArgsUsage: "ID", Flags: []cli.Flag{asJSON}, ArgValidator: anyArgs, Action: a.sessionShow},
					{Name: "revoke", Usage: "end sessions, as a logout does", ArgsUsage: "ID… | --owner NAME [--keep ID]", Flags: []cli.Flag{
						&cli.StringFlag{Name: "owner", Usage: "all those of `NAME`", Local: true},
						&cli.StringSliceFlag{Name: "keep", Usage: "with --owner: all but `ID`", Local: true}, asJSON,
					}, ArgValidator: anyArgs, Action: a.sessionRevoke},
					{Name: "clear", Usage: "remove expired sessions, which the application also does by itself", Flags: []cli.Flag{
						&cli.BoolFlag{Name: "all", Usage: "remove live ones too: everybody is signed out", Local: true},
						&cli.BoolFlag{Name: "yes", Usage: "do not ask", Local: true},
						&cli.BoolFlag{Name: "dry-run", Usage: "only count", Local: true}, asJSON,
					}, Action: a.sessionClear},
					{Name: "stats", Usage: "count sessions and their bytes", Flags: []cli.Flag{asJSON}, Action: a.sessionStats},
				},
			},
			{
				Name:  "store",
				Usage: "examine the store",
				Commands: []*cli.Command{
					{Name: "check", Usage: "run the contract of stores against the live store, on records of its own", Description: storeHelp, Flags: []cli.Flag{
						&cli.StringFlag{Name: "store", Usage: "the store `NAME` (default: the one in use)", Local: true}, asJSON,
					}, Action: a.storeCheck},
				},
			},
			{
				Name:  "config",
				Usage: "examine the configuration",
				Commands: []*cli.Command{
					{Name: "show", Usage: "show every setting and where its value comes from", Flags: []cli.Flag{asJSON}, Action: a.configShow},
					{Name: "check", Usage: "report all mistakes at once", Flags: []cli.Flag{
						&cli.BoolFlag{Name: "offline", Usage: "do not open the store", Local: true}, asJSON,
					}, Action: a.configCheck},
				},
			},
			{
				Name:        "demo",
				Usage:       "serve an application that shows the library at work",
				Description: demoHelp,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "store", Usage: "the store `NAME` (default: the one that is configured, or database)", Local: true},
					&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8000", Usage: "the loopback `ADDRESS` to listen on", Local: true},
					&cli.StringFlag{Name: "dir", Usage: "the `FOLDER` of the demo's data, when nothing is configured", Local: true},
					&cli.BoolFlag{Name: "open", Usage: "open the page in the browser", Local: true},
				},
				Action: a.demo,
			},
			{
				Name:                      "race",
				Usage:                     "count what a web application loses when requests of one session overlap",
				ArgsUsage:                 "URL",
				Description:               raceHelp,
				DisableSliceFlagSeparator: true, // a header may hold commas
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "request", Aliases: []string{"X"}, Usage: "the `METHOD` of a write (default: GET, or POST with --data)", Local: true},
					&cli.StringFlag{Name: "data", Aliases: []string{"d"}, Usage: "the `BODY` of a write, which is a form unless it looks like JSON", Local: true},
					&cli.StringSliceFlag{Name: "header", Aliases: []string{"H"}, Usage: "a `HEADER` of all requests: 'Name: value'", Local: true},
					&cli.StringFlag{Name: "read", Usage: "the `REQUEST` that shows what is stored", Local: true},
					&cli.StringFlag{Name: "login", Usage: "the `REQUEST` that signs in", Local: true},
					&cli.StringFlag{Name: "login-file", Usage: "a `FILE` with the recorded request that signs in: HTTP, or a curl command", Local: true},
					&cli.StringFlag{Name: "logout", Usage: "the `REQUEST` that signs out; without it, logouts are not tried", Local: true},
					&cli.StringFlag{Name: "mark", Usage: "the `TEXT` by which the read shows a write (default: {n})", Local: true},
					&cli.StringFlag{Name: "count", Usage: "instead of marks: a `REGEXP` that finds the number which a write raises by one", Local: true},
					&cli.StringFlag{Name: "signed-in", Usage: "a `REGEXP` that matches the read while somebody is signed in", Local: true},
					&cli.IntFlag{Name: "writes", Aliases: []string{"n"}, Value: 50, Usage: fmt.Sprintf("how many `N` writes in a round, at most %d", race.MaxWrites), Local: true},
					&cli.IntFlag{Name: "concurrent", Aliases: []string{"c"}, Usage: "how many `N` of them at once (default: all)", HideDefault: true, Local: true},
					&cli.IntFlag{Name: "rounds", Value: 5, Usage: fmt.Sprintf("how often `N`, at most %d", race.MaxRounds), Local: true},
					&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "how `LONG` one request may take", Local: true},
					&cli.BoolFlag{Name: "remote", Usage: "allow an application on another computer, which must be yours", Local: true}, asJSON,
				},
				ArgValidator: anyArgs,
				Action:       a.race,
			},
			{Name: "version", Usage: "say which version this is", Flags: []cli.Flag{asJSON}, Action: a.version},
		},
		EnableShellCompletion: true,
		ConfigureShellCompletionCommand: func(cmd *cli.Command) {
			cmd.Hidden = false
			cmd.Usage = "write the completion script of a shell: bash, zsh, fish"
		},
		Suggest:        true,
		ArgValidator:   checkArgs,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // Run reports
	})
}

// finish sets what every command of the tree has in common.
func (a *app) finish(root *cli.Command) *cli.Command {
	root.Reader, root.Writer, root.ErrWriter = a.stdin, a.stdout, a.stderr
	var each func(*cli.Command)
	each = func(cmd *cli.Command) {
		cmd.OnUsageError = onUsageError
		for _, sub := range cmd.Commands {
			each(sub)
		}
	}
	each(root)
	return root
}

// getenv is [os.Getenv] on the injected environment; the last one wins.
func (a *app) getenv(name string) string {
	value := ""
	for _, line := range a.environ {
		if n, v, ok := strings.Cut(line, "="); ok && n == name {
			value = v
		}
	}
	return value
}

// path takes a relative path from the folder of the run.
func (a *app) path(elem ...string) string {
	p := filepath.Join(elem...)
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.dir, p)
}

func exists(p string) bool {
	_, err := os.Lstat(p)
	return err == nil
}
