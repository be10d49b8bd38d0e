package integration

import (
	"errors"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/sqlstore"
)

// Close of a store with a pool of its own waits for calls in progress. Calls that come
// later, or wait for a connection, fail with ErrClosed. Nothing stays behind.
func TestCloseOfAnOpenedPool(t *testing.T) {
	p := postgresSchema(pgxPool)(t)
	cfg := p.table(t, p.connect(t), sqlstore.PostgreSQL)
	before := goleak.IgnoreCurrent()
	s, err := pgxstore.Open(t.Context(), p.dsn+"&pool_max_conns=2", cfg.Schema, cfg.Table)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	touch := func() error { return s.Touch(t.Context(), session.ID{1}, time.Now(), time.Now().Add(time.Hour)) }
	var all, begun sync.WaitGroup
	for range 16 {
		begun.Add(1)
		all.Go(func() {
			err := touch()
			begun.Done()
			for err == nil {
				err = touch()
			}
			if !errors.Is(err, sqlstore.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		})
	}
	begun.Wait()
	for range 2 { // the second one does nothing
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if err := s.Check(t.Context()); !errors.Is(err, sqlstore.ErrClosed) {
		t.Errorf("Check: got %v, want ErrClosed", err)
	}
	goleak.VerifyNone(t, before)
}
