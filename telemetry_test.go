package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// took returns what the operations since the last call were and how they ended, such as
// "load found, commit updated".
func (g *rig) took() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []string
	for _, e := range g.ops {
		all = append(all, fmt.Sprintf("%s %s", e.Op, e.Outcome))
	}
	g.ops = nil
	return strings.Join(all, ", ")
}

// TestEachOperationEndsOnce: a load or a commit that calls the store sends exactly one event
// with an Op, and one that does not sends none.
func TestEachOperationEndsOnce(t *testing.T) {
	t.Parallel()
	read := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { session.Get(s, "data", "") }
	set := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("data", "new") }
	logout := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }
	down := errors.New("down")
	fails := func(op string) func(g *rig, b *browser) {
		return func(g *rig, _ *browser) {
			g.spy.hook(func(o string, _ session.ID) error {
				if o == op {
					return down
				}
				return nil
			}, nil)
		}
	}
	// meanwhile changes the session behind the request's back, once it is loaded.
	meanwhile := func(change func(s *session.Session), h handler) func(g *rig) handler {
		return func(g *rig) handler {
			return func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				cookie, _ := r.Cookie(g.CookieName())
				other := load(t, g.Manager, session.Token(cookie.Value))
				change(other)
				commitOf(t, g.Manager, other)
				g.took()
				h(w, r, s)
			}
		}
	}
	for _, c := range []struct {
		name    string
		prepare func(*rig, *browser)
		h       func(*rig) handler
		want    string
	}{
		{"read", nil, func(*rig) handler { return read }, "load found"},
		{"set", nil, func(*rig) handler { return set }, "load found, commit updated"},
		{"log out", nil, func(*rig) handler { return logout }, "load found, commit ended"},
		{"log out and write", nil, func(*rig) handler {
			return func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				logout(w, r, s)
				set(w, r, s)
			}
		}, "load found, commit created"},
		{"touch", func(g *rig, _ *browser) { g.clock.Advance(time.Hour) }, func(*rig) handler { return read }, "load found, commit touched"},
		{"touch fails", func(g *rig, b *browser) { g.clock.Advance(time.Hour); fails("touch")(g, b) }, func(*rig) handler { return read }, "load found, commit error"},
		{"expired", func(g *rig, _ *browser) { g.clock.Advance(3 * time.Hour) }, func(*rig) handler { return read }, "load expired"},
		{"no cookie", func(_ *rig, b *browser) { clear(b.cookies) }, func(*rig) handler { return read }, ""},
		{"new", func(_ *rig, b *browser) { clear(b.cookies) }, func(*rig) handler { return set }, "commit created"},
		{"create fails", func(g *rig, b *browser) { clear(b.cookies); fails("create")(g, b) }, func(*rig) handler { return set }, "commit error"},
		{"unknown", func(g *rig, b *browser) { b.cookies[g.CookieName()] = string(otherToken(t)) }, func(*rig) handler { return read }, "load unknown"},
		{"corrupt", func(g *rig, _ *browser) {
			r := g.spy.all()[0]
			r.Data = []byte("nonsense")
			g.spy.put(r)
		}, func(*rig) handler { return read }, "load corrupt"},
		{"load fails", fails("load"), func(*rig) handler { return read }, "load error"},
		{"update panics", func(g *rig, _ *browser) {
			g.spy.hook(func(o string, _ session.ID) error {
				if o == "update" {
					panic("test")
				}
				return nil
			}, nil)
		}, func(g *rig) handler {
			return func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				defer func() { _ = recover() }()
				set(w, r, s)
				w.WriteHeader(http.StatusOK)
			}
		}, "load found, commit error"},
		{"update fails", fails("update"), func(*rig) handler { return set }, "load found, commit error"},
		{"ended meanwhile", nil, meanwhile((*session.Session).Invalidate, set), "commit dropped"},
		{"taken meanwhile", nil, meanwhile(func(s *session.Session) { session.PopOnce(s, "data", "") },
			func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { session.PopOnce(s, "data", "") }), "commit conflict"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "old")
			g.took()
			if c.prepare != nil {
				c.prepare(g, b)
			}
			b.method = "POST"
			g.visit(b, c.h(g))
			equal(t, "operations", g.took(), c.want)
		})
	}
	t.Run("replaced", func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "old")
		old := g.with(g.token(b))
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") })
		g.took()
		g.visit(old, read)
		equal(t, "operations", g.took(), "load replaced")
	})
	t.Run("not asked", func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "old")
		g.took()
		b.send(g.Handler(http.NotFoundHandler()))
		equal(t, "operations", g.took(), "")
	})
}

// otherToken returns a token of a manager with another store.
func otherToken(t *testing.T) session.Token {
	g := newRig(t)
	return stored(t, g.Manager, func(s *session.Session) { s.Set("a", 1) })
}

// TestEventFields checks what the events at the end of operations contain.
func TestEventFields(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(c *session.Config) { c.Now = time.Now })
		b := g.signedUp(t, "old")
		g.took()
		conflicts := 2
		g.spy.hook(func(op string, id session.ID) error {
			time.Sleep(time.Millisecond)
			if op == "update" && conflicts > 0 { // another process commits
				conflicts--
				g.spy.mu.Lock()
				r := g.spy.records[id]
				r.Version++
				g.spy.records[id] = r
				g.spy.mu.Unlock()
			}
			return nil
		}, nil)
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("data", "a longer value")
		})
		if len(g.ops) != 2 {
			t.Fatalf("%d operations: %s", len(g.ops), g.took())
		}
		l, c := g.ops[0], g.ops[1]
		equal(t, "duration of the load", l.Duration, time.Millisecond)
		equal(t, "bytes of the load", l.Bytes, len(`{"data":"old"}`))
		equal(t, "kind of the commit", c.Kind, session.EventCommitted)
		equal(t, "bytes of the commit", c.Bytes, len(`{"data":"a longer value"}`))
		equal(t, "replays", c.Replays, 2)
		equal(t, "batch", c.Batch, 1)
		if c.Duration < 5*time.Millisecond { // three updates and two loads
			t.Errorf("the commit took %v", c.Duration)
		}
		if l.ID.IsZero() || c.ID != l.ID || l.Winner != nil || c.Winner != nil {
			t.Errorf("IDs %v and %v, winners %v and %v", l.ID, c.ID, l.Winner, c.Winner)
		}
	})
}

// TestBatchEvents: of requests whose changes are stored by one update, one has the size of the
// batch, and the others have the context of that one.
func TestBatchEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testBatchEvents)
}

func testBatchEvents(t *testing.T) {
	type key struct{}
	g := newRig(t)
	token := stored(t, g.Manager, func(s *session.Session) { s.Set("n", 0) })
	const followers = 3
	sessions := make([]*session.Session, followers+1)
	for i := range sessions {
		sessions[i] = load(t, g.Manager, token)
		sessions[i].Set(fmt.Sprint("key", i), i)
	}
	g.took()
	first := newGate()
	var once sync.Once
	g.spy.hook(func(op string, _ session.ID) error {
		if op == "update" {
			once.Do(first.pass)
		}
		return nil
	}, nil)
	var all sync.WaitGroup
	commit := func(i int) {
		all.Go(func() {
			if _, err := g.Commit(context.WithValue(t.Context(), key{}, i), sessions[i]); err != nil {
				t.Error(err)
			}
		})
	}
	commit(0)
	<-first.reached
	for i := 1; i <= followers; i++ {
		commit(i)
	}
	synctest.Wait() // until they are in the queue
	close(first.open)
	all.Wait()

	var sizes []int
	winners := map[any]int{}
	for _, e := range g.ops {
		if e.Batch > 0 {
			sizes = append(sizes, e.Batch)
		}
		if e.Winner != nil {
			winners[e.Winner.Value(key{})]++
		}
	}
	total := 0
	for _, n := range sizes {
		total += n
	}
	if total != followers+1 || len(sizes) < 2 {
		t.Errorf("batches of %v, want %d requests in all", sizes, followers+1)
	}
	// The first follower leads the others, after the first request.
	if winners[0] != 1 || len(winners) != 2 {
		t.Errorf("winners %v", winners)
	}
}

// TestPruneEvent: a sweep reports how many records it has deleted.
func TestPruneEvent(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	for range 3 {
		g.signedUp(t, "old")
	}
	g.took()
	g.clock.Advance(100 * time.Hour)
	for range 2 { // nothing is left for the second sweep
		if _, err := g.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(g.ops) != 1 || g.ops[0].Kind != session.EventPruned || g.ops[0].Pruned != 3 {
		t.Errorf("%+v", g.ops)
	}
}

// ExampleEventKind_Routine logs what is out of the ordinary.
func ExampleEventKind_Routine() {
	hook := func(_ context.Context, e session.Event) {
		if !e.Kind.Routine() {
			fmt.Println(e.Kind)
		}
	}
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{OnEvent: hook, PruneEvery: -1})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := manager.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "https://example.com/", nil))
	// Output: created
}
