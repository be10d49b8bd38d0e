package cli

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionReport is the JSON form of a session.
type sessionReport struct {
	ID              session.ID      `json:"id"`
	Owner           string          `json:"owner"`
	Address         string          `json:"address"`
	UserAgent       string          `json:"user_agent"`
	CreatedAt       time.Time       `json:"created_at"`
	LastActivity    time.Time       `json:"last_activity"`
	ExpiresAt       time.Time       `json:"expires_at"`
	AuthenticatedAt *time.Time      `json:"authenticated_at"` // null while anonymous
	Version         uint64          `json:"version"`
	Bytes           int             `json:"bytes"`
	Document        json.RawMessage `json:"document,omitempty"` // only in session show
}

// report does not retain the data of the session.
func report(i session.Info) sessionReport {
	r := sessionReport{
		ID: i.ID, Owner: i.Owner, Address: i.Client.Address, UserAgent: i.Client.UserAgent,
		CreatedAt: i.CreatedAt.UTC(), LastActivity: i.LastActivity.UTC(), ExpiresAt: i.ExpiresAt.UTC(),
		Version: i.Version, Bytes: i.Bytes,
	}
	if !i.AuthenticatedAt.IsZero() {
		at := i.AuthenticatedAt.UTC()
		r.AuthenticatedAt = &at
	}
	return r
}

func (a *app) sessionList(ctx context.Context, cmd *cli.Command) error {
	f, err := filterOf(cmd)
	if err != nil {
		return err
	}
	limit := cmd.Int("limit")
	if limit < 0 {
		return wrong(cmd, "--limit %d: want a number of sessions, or 0 for all", limit)
	}
	manager, done, err := a.viewer(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	return a.list(ctx, manager, f, limit, a.newListing(cmd.Bool("json")))
}

// list writes the most recently active sessions that f selects. If limit is 0, it writes all of
// them, in the order in which the store yields them. Its memory depends only on the limit.
func (a *app) list(ctx context.Context, manager *session.Manager, f filter, limit int, to *listing) error {
	p := a.begin("reading sessions")
	defer p.end()
	if limit == 0 && a.stdout.terminal {
		p.end() // the sessions themselves show the progress
	}
	latest := least[sessionReport]{n: limit, compare: func(x, y sessionReport) int {
		if c := y.LastActivity.Compare(x.LastActivity); c != 0 {
			return c
		}
		return strings.Compare(x.ID.String(), y.ID.String())
	}}
	var bad corrupt
	read, selected := 0, 0
	sessions := manager.ListAll(ctx)
	if f.owner != "" {
		sessions = manager.List(ctx, f.owner)
	}
	for info, err := range sessions {
		broken := errors.Is(err, session.ErrCorrupt)
		if err != nil && !broken {
			return err
		}
		read++
		p.say("reading sessions: %d", read)
		if !f.wants(info.LastActivity, info.ExpiresAt) {
			continue
		}
		selected++
		if broken {
			bad.add(info.ID)
		}
		if limit > 0 {
			latest.add(report(info))
		} else if to.add(report(info)); a.writeErr != nil {
			return nil // Run reports it
		}
	}
	p.end()
	latest.cut()
	for _, r := range latest.kept {
		to.add(r)
	}
	to.end()
	bad.warn(a)
	if latest.dropped {
		a.warn("these are the %d most recently active of %s; --limit 0 lists all, in no particular order", limit, plural(selected, "session"))
	}
	return nil
}

// corrupt remembers the sessions that cannot be decoded, of many only the first ones.
type corrupt struct {
	ids   []session.ID
	total int
}

func (c *corrupt) add(id session.ID) {
	c.total++
	if len(c.ids) < 100 {
		c.ids = append(c.ids, id)
	}
}

func (c *corrupt) warn(a *app) {
	for _, id := range c.ids {
		a.warn("session %s cannot be decoded; its client will get a new session", id)
	}
	if more := c.total - len(c.ids); more > 0 {
		a.warn("%s more cannot be decoded", plural(more, "session"))
	}
}

// A listing writes sessions as a table or as JSON, a block at a time, so that it neither holds
// all of them nor makes a system call for each.
type listing struct {
	app   *app
	json  bool
	block []sessionReport
	any   bool // blocks have been written
}

// listingBlock is the number of sessions in a block. The columns of a block are aligned.
const listingBlock = 1000

func (a *app) newListing(asJSON bool) *listing { return &listing{app: a, json: asJSON} }

func (l *listing) add(r sessionReport) {
	l.block = append(l.block, r)
	if len(l.block) == listingBlock {
		l.flush()
	}
}

func (l *listing) end() {
	l.flush()
	switch {
	case l.json && l.any:
		l.app.printf("\n]\n")
	case l.json:
		l.app.printf("[]\n")
	case !l.any:
		l.app.printf("no sessions\n")
	}
}

func (l *listing) flush() {
	if len(l.block) == 0 {
		return
	}
	if l.json {
		l.elements()
	} else {
		l.rows()
	}
	l.block, l.any = l.block[:0], true
}

// elements continues the array, in the form that app.json writes.
func (l *listing) elements() {
	text, err := encode(l.block)
	if err != nil {
		l.app.writeErr = err
		return
	}
	text = strings.TrimSuffix(text, "\n]\n")
	if l.any {
		text = "," + strings.TrimPrefix(text, "[")
	}
	l.app.printf("%s", text)
}

func (l *listing) rows() {
	var rows [][]string
	for _, r := range l.block {
		rows = append(rows, []string{
			r.ID.String(), orDash(r.Owner), stamp(r.LastActivity), stamp(r.ExpiresAt),
			orDash(r.Address), orDash(cut(r.UserAgent, 40)),
		})
	}
	var header []string
	if !l.any {
		header = []string{"ID", "OWNER", "LAST ACTIVITY", "EXPIRES", "ADDRESS", "USER AGENT"}
	}
	l.app.table(header, rows)
}

// stamp formats a time in UTC, to the second, or "-" if it is zero.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// orDash cleans untrusted text, and returns "-" if it is empty.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return clean(s)
}

func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
