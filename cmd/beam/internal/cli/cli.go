// Package cli implements the command line of beam. Each command has its own file; output.go
// defines the rules for output.
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

// An app is one run of the command line. Commands use it for all input and output, and
// never use os.Stdout, os.Getenv or the current folder directly.
type app struct {
	args    []string
	stdin   io.Reader
	stdout  stream
	stderr  stream
	environ []string
	dir     string

	writeErr  error // the first failure to write to stdout
	storeFlag bool  // --store was given
}

// Run runs the command line args, whose first element is the name of the program, and
// returns the exit code. Relative paths are resolved against dir. environ has the form of
// [os.Environ]. Run returns when the command is done or ctx is canceled.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string, dir string) int {
	a := &app{args: args, stdin: stdin, environ: environ, dir: dir}
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

const description = `Beam manages the sessions of an application. Run it in the application's folder, where it reads
config/session.toml, config/database.toml and .env. The environment overrides these files.

Environment variables ("beam config show --json" lists the variable of every setting):
  SESSION_STORE                          the store: database, file, memory, redis, null
  SESSION_FALLBACK                       the store that sessions move from (default: off)
  SESSION_LIFETIME                       the idle timeout: 120 (minutes), 2h
  SESSION_STORES__DATABASE__CONNECTION   a connection from config/database.toml
  SESSION_STORES__DATABASE__TABLE        the table (default: "sessions")
  SESSION_STORES__FILE__PATH             the folder of the file store
  DB_CONNECTION                          the default connection
  NO_COLOR                               if set, disables colors

Exit codes:
  0 success   1 failure   2 usage error   3 configuration error   130 interrupted`

// tree returns all commands, in the order in which help lists them.
func (a *app) tree() *cli.Command {
	asJSON := &cli.BoolFlag{Name: "json", Usage: "write JSON", Local: true}
	return a.finish(&cli.Command{
		Name:        "beam",
		Usage:       "manage the sessions of an application",
		Version:     version(),
		Description: description,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: "config", Usage: "the configuration `FOLDER`"},
		},
		Commands: []*cli.Command{
			{
				Name:        "init",
				Usage:       "create an application in the current folder",
				Description: initHelp,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "stores", Value: "sqlite", Usage: "the `STORES` to compile in, separated by commas, the default store first: " + strings.Join(initStores, ", "), Local: true},
					&cli.StringFlag{Name: "module", Usage: "the module `NAME` (default: the folder name)", Local: true},
				},
				Action: a.initialize,
			},
			{
				Name:  "make",
				Usage: "generate files for an application",
				Commands: []*cli.Command{
					{Name: "session-table", Usage: "generate the migration for the sessions table", Description: makeHelp, Action: a.makeSessionTable},
					{Name: "sessions", Usage: "alias: make sessions table is the same as make session-table", Commands: []*cli.Command{
						{Name: "table", Usage: "generate the migration for the sessions table", Description: makeHelp, Action: a.makeSessionTable},
					}},
				},
			},
			{
				Name:  "db",
				Usage: "run the migrations in database/migrations",
				Commands: []*cli.Command{
					{Name: "migrate", Usage: "run pending migrations; safe to run in several processes at once", Flags: []cli.Flag{asJSON}, Action: a.dbMigrate},
					{Name: "rollback", Usage: "roll back the latest migration", Flags: []cli.Flag{
						&cli.IntFlag{Name: "steps", Value: 1, Usage: "roll back `N` migrations", Local: true},
						&cli.StringFlag{Name: "only", Usage: "roll back only `FILE`, and keep later migrations", Local: true},
						&cli.BoolFlag{Name: "yes", Usage: "do not ask for confirmation, even if this removes sessions", Local: true}, asJSON,
					}, Action: a.dbRollback},
					{Name: "status", Usage: "show which migrations have run, and when", Flags: []cli.Flag{asJSON}, Action: a.dbStatus},
					{Name: "print", Usage: "print the SQL of all migrations; needs no database", Action: a.dbPrint},
				},
			},
			{
				Name:  "session",
				Usage: "inspect and end live sessions",
				Commands: []*cli.Command{
					{Name: "list", Usage: "list sessions, most recently active first", Flags: append(filterFlags(),
						&cli.IntFlag{Name: "limit", Value: 1000, Usage: "list at most `N` sessions; 0 lists all, in no particular order", Local: true}, asJSON,
					), Action: a.sessionList},
					{Name: "show", Usage: "show one session and its data", ArgsUsage: "ID", Flags: []cli.Flag{asJSON}, ArgValidator: anyArgs, Action: a.sessionShow},
					{Name: "log", Usage: "show which request has changed which keys of a session, if history is set", ArgsUsage: "ID", Flags: []cli.Flag{asJSON}, ArgValidator: anyArgs, Action: a.sessionLog},
					{Name: "revoke", Usage: "end sessions, like a logout", ArgsUsage: "ID… | --owner NAME [--keep ID]", Flags: []cli.Flag{
						&cli.StringFlag{Name: "owner", Usage: "end all sessions of `NAME`", Local: true},
						&cli.StringSliceFlag{Name: "keep", Usage: "with --owner, keep the session `ID`; can be repeated", Local: true}, asJSON,
					}, ArgValidator: anyArgs, Action: a.sessionRevoke},
					{Name: "clear", Usage: "remove expired sessions; the application also does this automatically", Flags: []cli.Flag{
						&cli.BoolFlag{Name: "all", Usage: "also remove live sessions, which signs everyone out", Local: true},
						&cli.BoolFlag{Name: "yes", Usage: "do not ask for confirmation", Local: true},
						&cli.BoolFlag{Name: "dry-run", Usage: "only count them", Local: true}, asJSON,
					}, Action: a.sessionClear},
					{Name: "stats", Usage: "count sessions and their size in bytes", Flags: append(filterFlags(), asJSON), Action: a.sessionStats},
				},
			},
			{
				Name:  "store",
				Usage: "check the store, and copy sessions to another one",
				Commands: []*cli.Command{
					{Name: "check", Usage: "test the live store against the store contract, using temporary records", Description: storeHelp, Flags: []cli.Flag{
						&cli.StringFlag{Name: "store", Usage: "the store `NAME` (default: the configured store)", Local: true}, asJSON,
					}, Action: a.storeCheck},
					{Name: "copy", Usage: "copy sessions to another store, also while the application runs", Description: copyHelp, Flags: []cli.Flag{
						&cli.StringFlag{Name: "from", Usage: "the store `NAME` to copy from", Local: true},
						&cli.StringFlag{Name: "to", Usage: "the store `NAME` to copy to", Local: true},
						&cli.BoolFlag{Name: "dry-run", Usage: "only count them", Local: true}, asJSON,
					}, Action: a.storeCopy},
				},
			},
			{
				Name:         "migrate-from",
				Usage:        "take over the sessions of another library",
				ArgsUsage:    "LIBRARY",
				Description:  migrateFromHelp,
				Flags:        append(migrateFlags(), asJSON),
				ArgValidator: anyArgs,
				Action:       a.migrateFrom,
			},
			{
				Name:  "config",
				Usage: "inspect the configuration",
				Commands: []*cli.Command{
					{Name: "show", Usage: "show every setting and the origin of its value", Flags: []cli.Flag{asJSON}, Action: a.configShow},
					{Name: "check", Usage: "report all configuration mistakes at once", Flags: []cli.Flag{
						&cli.BoolFlag{Name: "offline", Usage: "do not open the store", Local: true}, asJSON,
					}, Action: a.configCheck},
				},
			},
			{
				Name:        "demo",
				Usage:       "serve a demo application",
				Description: demoHelp,
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "store", Usage: "the store `NAME` (default: database)", Local: true},
					&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8000", Usage: "the loopback `ADDRESS` to listen on", Local: true},
					&cli.StringFlag{Name: "dir", Usage: "keep the demo's data in a folder " + demoFolder + " in `FOLDER` (default: your cache folder)", Local: true},
					&cli.BoolFlag{Name: useConfigured, Usage: "keep the demo's sessions in the configured store of the application", Local: true},
					&cli.BoolFlag{Name: "open", Usage: "open the demo in a browser", Local: true},
				},
				Action: a.demo,
			},
			{
				Name:                      "race",
				Usage:                     "measure how many writes a web application loses when requests overlap",
				ArgsUsage:                 "URL",
				Description:               raceHelp,
				DisableSliceFlagSeparator: true, // a header may contain commas
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "request", Aliases: []string{"X"}, Usage: "the HTTP `METHOD` of a write (default: GET, or POST with --data)", Local: true},
					&cli.StringFlag{Name: "data", Aliases: []string{"d"}, Usage: "the `BODY` of a write: JSON, or else form data", Local: true},
					&cli.StringSliceFlag{Name: "header", Aliases: []string{"H"}, Usage: "a `HEADER` for all requests: 'Name: value'; can be repeated", Local: true},
					&cli.StringFlag{Name: "read", Usage: "the `REQUEST` that shows what is stored", Local: true},
					&cli.StringFlag{Name: "login", Usage: "the `REQUEST` that signs in", Local: true},
					&cli.StringFlag{Name: "login-file", Usage: "a `FILE` with the recorded sign-in request: HTTP, or a curl command", Local: true},
					&cli.StringFlag{Name: "logout", Usage: "the `REQUEST` that signs out; without it, logouts are not tested", Local: true},
					&cli.StringFlag{Name: "mark", Usage: "the `TEXT` that the read shows for a write (default: {n})", Local: true},
					&cli.StringFlag{Name: "count", Usage: "instead of marks, a `REGEXP` for a number in the read that each write increments", Local: true},
					&cli.StringFlag{Name: "signed-in", Usage: "a `REGEXP` that matches the read while a user is signed in", Local: true},
					&cli.IntFlag{Name: "writes", Aliases: []string{"n"}, Value: 50, Usage: fmt.Sprintf("send `N` writes per round, at most %d", race.MaxWrites), Local: true},
					&cli.IntFlag{Name: "concurrent", Aliases: []string{"c"}, Usage: "send `N` writes at a time (default: all)", HideDefault: true, Local: true},
					&cli.IntFlag{Name: "rounds", Value: 5, Usage: fmt.Sprintf("run `N` rounds, at most %d", race.MaxRounds), Local: true},
					&cli.DurationFlag{Name: "timeout", Value: 10 * time.Second, Usage: "the `DURATION` after which a request times out", Local: true},
					&cli.BoolFlag{Name: "remote", Usage: "allow a host other than this computer; test only applications that you own", Local: true}, asJSON,
				},
				ArgValidator: anyArgs,
				Action:       a.race,
			},
			{Name: "version", Usage: "print the version", Flags: []cli.Flag{asJSON}, Action: a.version},
		},
		EnableShellCompletion: true,
		ConfigureShellCompletionCommand: func(cmd *cli.Command) {
			cmd.Hidden = false
			cmd.Usage = "print the completion script for a shell: bash, zsh, fish"
		},
		Suggest:        true,
		ArgValidator:   checkArgs,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // Run reports errors
	})
}

// finish sets the options that all commands share.
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

// getenv is like [os.Getenv] for the injected environment. The last entry of a name wins.
func (a *app) getenv(name string) string {
	value := ""
	for _, line := range a.environ {
		if n, v, ok := strings.Cut(line, "="); ok && n == name {
			value = v
		}
	}
	return value
}

// path joins elem, and resolves a relative result against the current folder.
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
