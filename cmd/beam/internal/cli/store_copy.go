package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/sessionconfig"
)

const copyHelp = `Copies the sessions of one store to another. NAME is the name of a store, or database:CONNECTION for
the database store on another connection. Expired sessions are left out.

While the application runs, set fallback to the old store and store to the new one first, in all
processes of the application. The command then moves the sessions: a session that a request changes,
or that ends, at the same time is neither lost nor brought back. It leaves a small mark of each in
the old store.

Without a fallback, stop the application first. The command then leaves the old store as it is.

You can interrupt the command, and run it again: it continues with what is left.`

// copiers is how many sessions are copied at once, because a store on a server waits for the
// network most of the time.
const copiers = 8

// copyReport is the JSON output of store copy.
type copyReport struct {
	From    string `json:"from"`
	To      string `json:"to"`
	DryRun  bool   `json:"dry_run"`
	Moves   bool   `json:"moves"` // the fallback is configured
	Copied  int    `json:"copied"`
	Present int    `json:"present"` // already in the target, with the same content
	Differ  int    `json:"differ"`  // already in the target, with other content
	Expired int    `json:"expired"`
}

// storeCopy copies sessions between the stores named by two flags.
func (a *app) storeCopy(ctx context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	r := copyReport{From: cmd.String("from"), To: cmd.String("to"), DryRun: cmd.Bool("dry-run")}
	switch {
	case r.From == "" || r.To == "":
		return wrong(cmd, "needs --from and --to")
	case fullName(c, r.From) == fullName(c, r.To):
		return wrong(cmd, "--from and --to are the same store")
	}
	if fallback := c.Fallback(); fallback != "" {
		r.Moves = fullName(c, fallback) == fullName(c, r.From) && fullName(c, c.StoreName()) == fullName(c, r.To)
		if !r.Moves {
			return wrong(cmd, "the application moves sessions from %s to %s; use the same stores, or change store and fallback in the configuration", fallback, c.StoreName())
		}
	}
	from, closeFrom, err := a.open1(ctx, c, r.From, !r.DryRun && r.Moves)
	if err != nil {
		return err
	}
	defer closeFrom()
	to, closeTo, err := a.open1(ctx, c, r.To, !r.DryRun)
	if err != nil {
		return err
	}
	defer closeTo()
	both, err := fallbackstore.New(to, from)
	if err != nil {
		return err
	}
	if !r.Moves && !r.DryRun {
		a.warn("no fallback is configured, so what a running application changes meanwhile is not copied; see %s --help", cmd.FullName())
	}
	x := copying{app: a, from: from, to: to, both: both, report: &r}
	failed := x.run(ctx)
	if err := a.copied(cmd, r); err != nil {
		return err
	}
	switch {
	case failed != nil:
		return fmt.Errorf("%w; run the command again to continue", failed)
	case r.Differ > 0:
		return fmt.Errorf("%s in %s with other content, and kept: remove them, or leave them if the application already uses %s", plural(r.Differ, "session")+" found", r.To, r.To)
	}
	return nil
}

// fullName returns the name of a store with its connection, to compare names.
func fullName(c *sessionconfig.Config, name string) string {
	store, connection, _ := strings.Cut(name, ":")
	store = strings.ToLower(store)
	if store == "dict" {
		store = "memory"
	}
	if store != "database" {
		return store
	}
	con, err := c.Connection(connection)
	if err != nil {
		return name
	}
	return store + ":" + con.Name
}

// open1 opens one store, by name.
func (a *app) open1(ctx context.Context, c *sessionconfig.Config, name string, writes bool) (session.Store, func(), error) {
	if writes && strings.EqualFold(name, "file") {
		if err := a.mayWriteFiles(c, true); err != nil {
			return nil, nil, err
		}
	}
	return a.opened(name, func() (session.Store, error) { return c.OpenNamed(ctx, name) })
}

func (a *app) copied(cmd *cli.Command, r copyReport) error {
	if cmd.Bool("json") {
		return a.json(r)
	}
	verb := "copied"
	switch {
	case r.DryRun:
		verb = "would copy"
	case r.Moves:
		verb = "moved"
	}
	a.printf("%s %s from %s to %s\n", verb, plural(r.Copied, "session"), r.From, r.To)
	if r.Present > 0 {
		a.printf("%s already there\n", plural(r.Present, "session"))
	}
	if r.Expired > 0 {
		a.printf("%s left out\n", plural(r.Expired, "expired session"))
	}
	return nil
}

// A copying is one run of store copy.
type copying struct {
	app      *app
	from, to session.Store
	both     *fallbackstore.Store
	report   *copyReport
	mu       sync.Mutex // of the report
}

func (x *copying) run(ctx context.Context) error {
	total, err := x.total(ctx)
	if err != nil {
		return err
	}
	p := x.app.begin("copying sessions")
	defer p.end()
	began, done := time.Now(), 0
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(copiers)
	for r, err := range session.List(ctx, x.from) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return errors.Join(g.Wait(), err)
		}
		if fallbackstore.IsMark(r) {
			if x.report.Moves && !x.report.DryRun { // the process that moved it may have died
				g.Go(func() error { _, err := x.both.Move(ctx, r.ID); return err })
			}
			continue
		}
		done++
		p.say("%s", bar("copying sessions", done, total, time.Since(began)))
		g.Go(func() error { return x.one(ctx, r) })
	}
	return g.Wait()
}

// total counts the sessions, to show the time that is left. It is not needed otherwise.
func (x *copying) total(ctx context.Context) (n int, err error) {
	if !x.app.stderr.terminal {
		return 0, nil
	}
	p := x.app.begin("counting sessions")
	defer p.end()
	for r, err := range session.List(ctx, x.from) {
		if err != nil {
			return n, err
		}
		if !fallbackstore.IsMark(r) {
			n++
			p.say("counting sessions: %d", n)
		}
	}
	return n, nil
}

// one copies a session, or finds out what it would do.
func (x *copying) one(ctx context.Context, r session.Record) error {
	counter := &x.report.Copied
	switch {
	case !time.Now().Before(r.ExpiresAt):
		counter = &x.report.Expired
	case x.report.Moves && x.report.DryRun:
	case x.report.Moves:
		moved, err := x.both.Move(ctx, r.ID)
		if err != nil {
			return err
		}
		if !moved { // by a request, or it has ended
			counter = &x.report.Present
		}
	default:
		var err error
		if counter, err = x.insert(ctx, r); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	*counter++
	return nil
}

// insert copies a session, unless it is there already.
func (x *copying) insert(ctx context.Context, r session.Record) (counter *int, err error) {
	if !x.report.DryRun {
		importer, _ := session.Capability[session.Importer](x.to)
		if err := importer.Import(ctx, r); !errors.Is(err, session.ErrConflict) {
			return &x.report.Copied, err
		}
	}
	there, err := x.to.Load(ctx, r.ID)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return &x.report.Copied, nil
	case err != nil:
		return nil, err
	case there.Version != r.Version || string(there.Data) != string(r.Data):
		return &x.report.Differ, nil
	}
	return &x.report.Present, nil
}

// bar draws progress, such as "copying sessions [####      ] 40 %, 812/s, 1m5s left". A total of
// 0 is unknown.
func bar(what string, done, total int, took time.Duration) string {
	rate := float64(done) / max(took.Seconds(), 0.001)
	if total < done || done == 0 {
		return fmt.Sprintf("%s: %d, %.0f/s", what, done, rate)
	}
	const width = 20
	left := time.Duration(float64(total-done) / rate * float64(time.Second)).Round(time.Second)
	filled := width * done / total
	return fmt.Sprintf("%s [%s%s] %d %%, %.0f/s, %v left", what, strings.Repeat("#", filled), strings.Repeat(" ", width-filled), 100*done/total, rate, left)
}
