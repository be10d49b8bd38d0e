package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
)

const migrateFromHelp = `Makes a session in the configured store of each session of another library. LIBRARY is one of:

  scs            alexedwards/scs: --dsn of a database or of Redis
  gorilla-files  FilesystemStore of gorilla/sessions: --dir, --name, --key-env
  redistore      boj/redistore: --dsn of Redis, --name, --key-env
  fiber          the session middleware of Fiber: --dsn of a database or of Redis
  laravel        the database driver of Laravel: --dsn, --cookie, --key-env, --lifetime
  expanse        the database store of Expanse: --dsn, --cookie, --lifetime

The visitors keep their old cookies, which lead to the new sessions if the application takes sessions
over (session.Config.TakeOver, package sessionmigrate). The command writes nothing to the old store,
and the application may run meanwhile. You can interrupt the command, and run it again: it continues
with what is left.

A DSN is a URL of Redis (redis://…) or PostgreSQL (postgres://…), a data source name of go-sql-driver/mysql
(user@tcp(host)/db), or the path of a SQLite file.`

// migrateReport is the JSON output of migrate-from.
type migrateReport struct {
	From    string `json:"from"`
	To      string `json:"to"`
	DryRun  bool   `json:"dry_run"`
	Taken   int    `json:"taken"`
	Present int    `json:"present"` // taken over before
	Expired int    `json:"expired"`
	Empty   int    `json:"empty"`
	Failed  int    `json:"failed"` // could not be decoded or mapped
}

// migrateFrom makes sessions of those of another library.
func (a *app) migrateFrom(ctx context.Context, cmd *cli.Command) error {
	library := cmd.Args().First()
	switch {
	case library == "":
		return wrong(cmd, "needs a LIBRARY: scs, gorilla-files, redistore, fiber, laravel or expanse")
	case cmd.Args().Len() > 1:
		return wrong(cmd, "takes one LIBRARY, got %q as well", cmd.Args().Get(1))
	}
	from, closeFrom, err := a.oldSource(ctx, cmd, library)
	if err != nil {
		return err
	}
	defer closeFrom()
	to, done, err := a.manager(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	g, err := a.migration(cmd, library, to, from)
	if err != nil {
		return err
	}
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	x := migrating{app: a, from: from, to: to, by: g, report: &migrateReport{From: library, To: c.StoreName(), DryRun: cmd.Bool("dry-run")}}
	failed := x.run(ctx)
	if err := a.migrated(cmd, *x.report); err != nil {
		return err
	}
	if failed != nil {
		return fmt.Errorf("%w; run the command again to continue", failed)
	}
	if n := x.report.Failed; n > 0 {
		return fmt.Errorf("%s left out; the application takes them over when their visitors come, if it has the types and the mapping for them", plural(n, "session"))
	}
	return nil
}

func (a *app) migrated(cmd *cli.Command, r migrateReport) error {
	if cmd.Bool("json") {
		return a.json(r)
	}
	verb := "took over"
	if r.DryRun {
		verb = "would take over"
	}
	a.printf("%s %s of %s into %s\n", verb, plural(r.Taken, "session"), r.From, r.To)
	if r.Present > 0 {
		a.printf("%s taken over before\n", plural(r.Present, "session"))
	}
	if r.Expired+r.Empty > 0 {
		a.printf("%s left out\n", plural(r.Expired+r.Empty, "expired or empty session"))
	}
	return nil
}

// A migrating is one run of migrate-from.
type migrating struct {
	app    *app
	from   sessionmigrate.Lister
	to     *session.Manager
	by     *sessionmigrate.Migration
	report *migrateReport
	mu     sync.Mutex // of the report
	warned int
}

func (x *migrating) run(ctx context.Context) error {
	p := x.app.begin("taking sessions over")
	defer p.end()
	began, done := time.Now(), 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	for old, err := range x.from.List(ctx) {
		if cerr := ctx.Err(); cerr != nil {
			return errors.Join(g.Wait(), cerr)
		}
		if err != nil && old.Key == (sessionmigrate.Key{}) {
			return errors.Join(g.Wait(), err)
		}
		done++
		p.say("%s", bar("taking sessions over", done, 0, time.Since(began)))
		if err != nil {
			x.count(0, err)
			continue
		}
		g.Go(func() error { return x.one(ctx, old) })
	}
	return g.Wait()
}

// one takes one session over, or finds out what it would do.
func (x *migrating) one(ctx context.Context, old sessionmigrate.Old) error {
	do := func() (sessionmigrate.Outcome, error) { return x.by.Import(ctx, x.to, old) }
	if x.report.DryRun {
		do = func() (sessionmigrate.Outcome, error) { return x.by.DryRun(ctx, old) }
	}
	outcome, err := do()
	var value *sessionmigrate.ValueError
	if err != nil && !errors.As(err, &value) && !errors.Is(err, session.ErrTooLarge) {
		return err
	}
	x.count(outcome, err)
	return nil
}

// maxWarnings limits how many sessions that fail are described.
const maxWarnings = 10

func (x *migrating) count(outcome sessionmigrate.Outcome, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case err != nil:
		x.report.Failed++
		if x.warned++; x.warned <= maxWarnings {
			x.app.warn("%v", err)
		}
	case outcome == sessionmigrate.Taken:
		x.report.Taken++
	case outcome == sessionmigrate.Present:
		x.report.Present++
	case outcome == sessionmigrate.Expired:
		x.report.Expired++
	case outcome == sessionmigrate.Empty:
		x.report.Empty++
	}
}
