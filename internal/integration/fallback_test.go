package integration

import (
	"context"
	"errors"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// Each kind of database keeps the contract as the store that sessions move to, and as the one that they
// move from. The records begin in the fallback store.
func TestContractWithFallback(t *testing.T) {
	each(t, eachServer, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		in := func(tb testing.TB) session.Store { return open(tb, db, d.dialect, p.table(tb, db, d.dialect)) }
		t.Run("to the database", func(t *testing.T) {
			sessiontest.TestStore(t, sessiontest.Harness{Open: func(tb testing.TB) session.Store {
				return moving(tb, in(tb), memstore.New(memstore.Config{}))
			}})
		})
		t.Run("from the database", func(t *testing.T) {
			sessiontest.TestStore(t, sessiontest.Harness{Open: func(tb testing.TB) session.Store {
				return moving(tb, memstore.New(memstore.Config{}), in(tb))
			}})
		})
	})
}

// A movingStore creates each record in the fallback store, as if it had been there before.
type movingStore struct {
	*fallbackstore.Store
	fallback session.Store
}

func moving(tb testing.TB, primary, fallback session.Store) session.Store {
	tb.Helper()
	s, err := fallbackstore.New(primary, fallback)
	if err != nil {
		tb.Fatal(err)
	}
	return movingStore{s, fallback}
}

func (s movingStore) Create(ctx context.Context, r session.Record) error {
	if _, err := s.Load(ctx, r.ID); err == nil {
		return session.ErrConflict
	}
	err := s.fallback.Create(ctx, r)
	if errors.Is(err, session.ErrConflict) { // another call, or the mark of a deleted session
		err = s.Store.Create(ctx, r)
	}
	return err
}
