package integration

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/memstore"
)

// A closing is a test of Close. Its manager has a running sweeper, and a store that
// only the manager closes.
type closing struct {
	*testing.T
	manager *session.Manager
	gate    *gate
	db      *sql.DB // nil if the store has none
}

// A gate intercepts the Prune of a store.
type gate struct {
	session.Store
	entered chan struct{} // closed when the first prune begins
	once    sync.Once
	through func(ctx context.Context, prune func(context.Context) (int, error)) (int, error)
}

func (g *gate) Unwrap() session.Store { return g.Store }

func (g *gate) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	g.once.Do(func() { close(g.entered) })
	return g.through(ctx, func(ctx context.Context) (int, error) { return session.Prune(ctx, g.Store, before, limit) })
}

const overdue = 300 // records to prune

// closeEvery runs a test of Close on every store, and then checks that no connection
// and no goroutine is left.
func closeEvery(t *testing.T, every time.Duration, test func(c *closing)) {
	run := func(t *testing.T, open func() (session.Store, *sql.DB)) {
		t.Helper()
		before := goleak.IgnoreCurrent()
		store, db := open()
		for i := range overdue {
			mustCreate(t, store, session.Record{ID: session.ID{1, byte(i), byte(i >> 8)}, ExpiresAt: time.Now().Add(-2 * session.PruneSlack)})
		}
		g := &gate{Store: store, entered: make(chan struct{}), through: func(ctx context.Context, prune func(context.Context) (int, error)) (int, error) {
			return prune(ctx)
		}}
		m, err := session.New(g, session.Config{PruneEvery: every})
		if err != nil {
			t.Fatal(err)
		}
		test(&closing{t, m, g, db})
		if db != nil {
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections are in use after Close", n)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if pool := poolOf(db); pool != nil {
				pool.Close() // waits for all connections, even those that pgx is closing
			}
		}
		goleak.VerifyNone(t, before)
	}
	t.Run("memory", func(t *testing.T) {
		run(t, func() (session.Store, *sql.DB) { return memstore.New(memstore.Config{}), nil })
	})
	t.Run("file", func(t *testing.T) {
		run(t, func() (session.Store, *sql.DB) {
			s, err := filestore.Open(filepath.Join(t.TempDir(), "sessions"), filestore.Config{DangerouslyNoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			return s, nil
		})
	})
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		run(t, func() (session.Store, *sql.DB) {
			db := p.connect(t)
			return open(t, db, d.dialect, p.table(t, db, d.dialect)), db
		})
	})
}

// visit makes the first session, which starts the sweeper.
func (c *closing) visit() {
	c.Helper()
	w := httptest.NewRecorder()
	c.manager.Handler(c.manager.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("here", true)
	})).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	if w.Code != http.StatusOK {
		c.Fatalf("status %d: %s", w.Code, w.Body)
	}
}

func (c *closing) close(ctx context.Context, want error) {
	c.Helper()
	if err := c.manager.Close(ctx); !errors.Is(err, want) {
		c.Errorf("Close: got %v, want %v", err, want)
	}
}

func TestCloseOfAnIdleSweeper(t *testing.T) {
	closeEvery(t, time.Hour, func(c *closing) {
		c.visit()
		c.close(c.Context(), nil)
	})
}

// Close cancels a prune, and waits for the batch that has begun.
func TestCloseWaitsForAPrune(t *testing.T) {
	closeEvery(t, time.Millisecond, func(c *closing) {
		pruned := 0
		c.gate.through = func(ctx context.Context, prune func(context.Context) (int, error)) (n int, err error) {
			<-ctx.Done()
			n, err = prune(context.WithoutCancel(ctx))
			pruned += n
			return n, err
		}
		c.visit()
		<-c.gate.entered
		c.close(c.Context(), nil)
		if pruned != overdue {
			c.Errorf("Close returned when %d of %d records were pruned", pruned, overdue)
		}
	})
}

// A prune that is cancelled at any point leaves no connection and no goroutine.
func TestCloseStopsAPrune(t *testing.T) {
	closeEvery(t, time.Millisecond, func(c *closing) {
		c.visit()
		<-c.gate.entered
		c.close(c.Context(), nil)
	})
}

// If the context of Close ends first, another Close continues to wait.
func TestCloseAgain(t *testing.T) {
	closeEvery(t, time.Millisecond, func(c *closing) {
		held := make(chan struct{})
		c.gate.through = func(_ context.Context, prune func(context.Context) (int, error)) (int, error) {
			<-held
			return prune(context.Background())
		}
		c.visit()
		<-c.gate.entered
		ctx, cancel := context.WithCancel(c.Context())
		cancel()
		c.close(ctx, context.Canceled)
		close(held)
		c.close(c.Context(), nil)
		c.close(c.Context(), nil)
	})
}
