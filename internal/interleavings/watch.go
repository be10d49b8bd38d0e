package interleavings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

// watches lists what becomes of a context of Session.Watch when another request commits: it goes
// on, or ends with a cause. The session belongs to ada.
const watches = `
                      | the context
read                  | goes on
write                 | goes on
append                | goes on
update                | goes on
flash                 | goes on
touch                 | goes on
rotation              | goes on
login, the same owner | ErrReplaced
login, another owner  | ErrEnded
regenerate            | ErrReplaced
invalidate            | ErrEnded
revoke                | ErrEnded
revoke owner          | ErrEnded
prune                 | goes on
expire                | ErrExpired
timeout               | ErrExpired
`

// rotateEvery is when a token is rotated. No other kind lets that much time pass, unless the session
// expires.
const rotateEvery = idle / 4

// ofWatches are the kinds of that table that are not in byName, or differ from it.
var ofWatches = map[string]kind{
	"rotation": {
		says: "a write after the time of `Config.RotateEvery`, which replaces the token without a login",
		do: func(c *call) {
			c.clock.Advance(rotateEvery)
			c.s.Set("k", c.name)
		},
	},
	"login, the same owner": {
		says: "the owner of the session signs in again: `s.Login(…)`",
		do:   func(c *call) { c.s.Login("ada") },
	},
	"login, another owner": {
		says: "another user signs in: `s.Login(…)`",
		do:   func(c *call) { c.s.Login("bob") },
	},
	"revoke owner": {
		says:     "an administrator ends all sessions of the owner: `manager.RevokeOwner(…)`",
		stranger: true,
		do: func(c *call) {
			_, err := c.m.RevokeOwner(c.ctx, "ada")
			c.check(err)
		},
	},
}

// A WatchCase is one kind of request beside a watch, in one order.
type WatchCase struct {
	Op    string
	Order string // one of watchOrders
	Want  string // "goes on", or the name of the cause
}

// W loads the session and watches it, A is the other request.
var watchOrders = []string{
	"W loads, W watches, A commits",
	"W loads, A commits, W watches",
	"W loads, W watches, A commits, W commits",
}

// Watches returns the table of watches, each row in every order.
func Watches() []WatchCase {
	var all []WatchCase
	for line := range strings.Lines(strings.TrimSpace(watches)) {
		if row := fields(line); row[0] != "" && len(row) == 2 && row[1] != "the context" {
			for _, order := range watchOrders {
				all = append(all, WatchCase{row[0], order, row[1]})
			}
		}
	}
	return all
}

// Name returns the name of the subtest of c.
func (c WatchCase) Name() string { return c.Op + ": " + c.Order }

// Check runs the case. If there are two stores, which must share their data, the other request is
// served by another process.
func (c WatchCase) Check(tb testing.TB, stores ...session.Store) {
	tb.Helper()
	s := &run{tb: tb, title: c.Name(), clock: sessiontest.NewClock(start)}
	polled := &polls{Store: stores[0]}
	m := s.watching(polled)
	other, remote := m, len(stores) > 1
	if remote {
		other = s.watching(stores[1])
	}
	k, ok := ofWatches[c.Op]
	if !ok {
		k = byName[c.Op]
	}
	ctx := tb.Context()
	seeded, err := m.Load(ctx, "")
	if err != nil {
		tb.Fatal(err)
	}
	seeded.Login("ada")
	seeded.Set("seed", true)
	cookie, err := m.Commit(ctx, seeded)
	if err != nil {
		tb.Fatal(err)
	}
	token := session.Token(cookie.Value)
	s.id = seeded.ID()
	polled.id = s.id

	w, err := m.Load(ctx, token)
	if err != nil {
		tb.Fatal(err)
	}
	var watched context.Context
	watch := func() {
		var cancel context.CancelFunc
		watched, cancel = w.Watch(ctx)
		tb.Cleanup(cancel)
	}
	late := c.Order == watchOrders[1]
	if !late {
		watch()
	}
	s.commit(other, k, token)
	// An expiry takes effect at once, too, but no timer knows of the clock of a test.
	if !remote && !late && c.Want != "goes on" && c.Want != "ErrExpired" && watched.Err() == nil {
		s.fail("the watch goes on after the commit of its own manager")
	}
	switch {
	case late:
		watch()
	case c.Order == watchOrders[2]:
		w.Set("late", true)
		_, err := m.Commit(ctx, w)
		if refused := errors.Is(err, session.ErrEnded); refused != (c.Want != "goes on") {
			s.fail("the commit of the watching request: error %v, but the watch: %s", err, c.Want)
		}
	}
	if got := polled.await(watched); got != c.Want {
		s.fail("the watch: got %s, want %s", got, c.Want)
	}
}

// watching returns a manager that polls often. Nobody closes it, because Close would close the store.
func (s *run) watching(store session.Store) *session.Manager {
	s.tb.Helper()
	m, err := session.New(store, session.Config{
		IdleTimeout: idle, RotateEvery: rotateEvery, WatchEvery: 2 * time.Millisecond, Now: s.clock.Now, PruneEvery: -1,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	return m
}

// commit runs a request of a kind, with the cookie of the visitor or as a stranger.
func (s *run) commit(m *session.Manager, k kind, token session.Token) {
	s.tb.Helper()
	if k.stranger {
		token = ""
	}
	own := *s
	own.m = m
	x := &call{kind: k, name: "A", run: &own, ctx: s.tb.Context()}
	var err error
	if x.s, err = m.Load(x.ctx, token); err != nil {
		s.tb.Fatal(err)
	}
	k.do(x)
	if _, err := m.Commit(x.ctx, x.s); err != nil {
		s.fail("A: %v", err)
	}
}

// polls is a store that counts how often a watching manager has asked for a session.
type polls struct {
	session.Store

	id session.ID
	n  atomic.Int64
}

// Unwrap returns the store, for what it implements beside.
func (p *polls) Unwrap() session.Store { return p.Store }

// Stat counts.
func (p *polls) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	if slices.Contains(ids, p.id) {
		p.n.Add(1)
	}
	return session.Stat(ctx, p.Store, ids)
}

// await returns what becomes of a watch: the cause of its end, or "goes on" if the manager has looked
// at its session twice since, and did not end it.
func (p *polls) await(watched context.Context) string {
	const patience = 30 * time.Second
	seen := p.n.Load()
	timeout := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-watched.Done():
			return cause(watched)
		case <-timeout:
			return fmt.Sprintf("no poll within %v", patience)
		case <-tick.C:
			// The first may have begun before, and the third begins after the second is over.
			if p.n.Load() >= seen+3 && watched.Err() == nil {
				return "goes on"
			}
		}
	}
}

func cause(watched context.Context) string {
	switch err := context.Cause(watched); {
	case errors.Is(err, session.ErrExpired):
		return "ErrExpired"
	case errors.Is(err, session.ErrReplaced):
		return "ErrReplaced"
	case errors.Is(err, session.ErrEnded):
		return "ErrEnded"
	default:
		return err.Error()
	}
}
