package sessionpage_test

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
)

// A crowd is a store that lists many sessions, which it makes up as it goes. Those of
// real users are in the store below.
type crowd struct {
	session.Store
	n       uint64          // how many; 0: without an end
	model   *session.Record // what each is a copy of
	visit   func(i uint64)  // called before a session is yielded
	listing atomic.Int64    // lists that are under way, and the most at one time
	most    atomic.Int64
}

func (c *crowd) Unwrap() session.Store { return c.Store }

func (c *crowd) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return c.ListOwner(ctx, "")
}

func (c *crowd) ListOwner(ctx context.Context, _ string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		c.most.Store(max(c.most.Load(), c.listing.Add(1)))
		defer c.listing.Add(-1)
		for i := uint64(0); c.n == 0 || i < c.n; i++ {
			if c.visit != nil {
				c.visit(i)
			}
			r := *c.model
			binary.BigEndian.PutUint64(r.ID[8:], i)
			r.LastActivity = r.LastActivity.Add(time.Duration(i%1000) * time.Millisecond)
			r.Data = append([]byte(nil), r.Data...) // the caller owns it
			if !yield(r, nil) {
				return
			}
		}
	}
}

// newCrowd returns a site whose store lists n sessions of "ada".
func newCrowd(t *testing.T, n uint64, account sessionpage.AccountConfig, admin sessionpage.AdminConfig) (*crowd, *site) {
	t.Helper()
	store := memstore.New(memstore.Config{})
	c := &crowd{Store: store, n: n, model: &session.Record{}}
	s := newSite(t, c, session.Config{PruneEvery: -1}, account, admin)
	r, err := store.Load(t.Context(), s.client("ada", firefox).Session(s.manager).ID())
	if err != nil {
		t.Fatal(err)
	}
	c.model = &r
	return c, s
}

// heap returns the memory that is in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A page over a million sessions keeps none of them in memory.
func TestMillionSessions(t *testing.T) {
	n := uint64(1_000_000)
	if testing.Short() {
		n = 50_000
	}
	const patience = time.Minute // the limit is not what this test is about
	c, s := newCrowd(t, 1, sessionpage.AccountConfig{}, sessionpage.AdminConfig{CountTime: patience, CountEvery: -1})
	root := s.client("root", firefox)
	root.Get("/admin/") // fills what is filled once, such as the parser of devices
	c.n = n
	before, most, lists := heap(), uint64(0), 0
	c.visit = func(i uint64) {
		if i == 0 {
			lists++
		}
		if i == n-1 || i%(n/4) == n/8 {
			most = max(most, heap())
		}
	}
	start := time.Now()
	r := root.Get("/admin/")
	t.Logf("%d sessions twice: %v, %d bytes more at most", n, time.Since(start), int64(most)-int64(before))
	has(t, r, http.StatusOK, "<dt>Signed in</dt>", "<bdi>Firefox</bdi>")
	if lists != 2 {
		t.Errorf("the store was listed %d times, want 2", lists)
	}
	const allowed = 4 << 20
	if most > before+allowed {
		t.Errorf("the page needs %d bytes for %d sessions, want %d at most", most-before, n, allowed)
	}
	if all := "<dt>Live</dt><dd>1\u202f000\u202f000</dd>"; n == 1_000_000 && !strings.Contains(r.Text, all) {
		has(t, r, http.StatusOK, "Counting stopped") // on a very slow machine
	}

	most = 0
	r = root.Submit("/admin/search", url.Values{"owner": {"ada"}})
	has(t, r, http.StatusOK, "The first 100 are shown")
	if got := len(ids(r)); got != 100 {
		t.Errorf("%d sessions are shown, want 100", got)
	}
	if most > before+allowed {
		t.Errorf("the list needs %d bytes for %d sessions, want %d at most", most-before, n, allowed)
	}
}

// If the sessions never end, the pages do.
func TestTimeLimit(t *testing.T) {
	c, s := newCrowd(t, 0, sessionpage.AccountConfig{}, sessionpage.AdminConfig{CountTime: 50 * time.Millisecond, CountEvery: -1})
	has(t, s.client("root", firefox).Get("/admin/"), http.StatusOK, "Counting stopped after the first", "<bdi>Firefox</bdi>")
	has(t, s.client("ada", firefox).Get(page), http.StatusOK, "The first 100 are shown")
	if got := c.listing.Load(); got != 0 {
		t.Errorf("%d lists go on after the response", got)
	}
}

// A store that hangs until its context ends costs no more time than the limit.
func TestStoreThatHangs(t *testing.T) {
	store := hanging{memstore.New(memstore.Config{})}
	s := newSite(t, store, session.Config{PruneEvery: -1}, sessionpage.AccountConfig{}, sessionpage.AdminConfig{CountTime: 50 * time.Millisecond})
	has(t, s.client("root", firefox).Get("/admin/"), http.StatusOK, "Counting stopped after the first 0 live sessions")
	has(t, s.client("ada", firefox).Get(page), http.StatusOK, "The first 0 are shown")
}

type hanging struct{ session.Store }

func (hanging) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		<-ctx.Done()
		yield(session.Record{}, ctx.Err())
	}
}

// A store that fails is an error, and not a page with wrong numbers.
func TestStoreThatFails(t *testing.T) {
	s := newSite(t, failing{memstore.New(memstore.Config{})}, session.Config{PruneEvery: -1}, sessionpage.AccountConfig{}, sessionpage.AdminConfig{})
	has(t, s.client("root", firefox).Get("/admin/"), http.StatusServiceUnavailable)
	has(t, s.client("ada", firefox).Get(page), http.StatusServiceUnavailable)
}

type failing struct{ session.Store }

func (failing) List(context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) { yield(session.Record{}, errors.New("store is down")) }
}

// Requests at the same time do not multiply the load on the store.
func TestOneRequestCounts(t *testing.T) {
	c, s := newCrowd(t, 2000, sessionpage.AccountConfig{}, sessionpage.AdminConfig{CountEvery: time.Hour, CountTime: time.Minute})
	root := s.client("root", firefox)
	var lists atomic.Int64
	c.visit = func(i uint64) {
		if i == 0 {
			lists.Add(1)
		}
	}
	done := make(chan string)
	for range 8 {
		go func() { done <- root.Get("/admin/").Text }()
	}
	for range 8 {
		if text := <-done; !strings.Contains(text, "<h1>Sessions</h1>") {
			t.Errorf("no page: %s", text)
		}
	}
	if got := lists.Load(); got != 2 {
		t.Errorf("8 requests list the store %d times, want 2", got)
	}
	if got := c.most.Load(); got != 1 {
		t.Errorf("%d lists at once, want 1", got)
	}
}
