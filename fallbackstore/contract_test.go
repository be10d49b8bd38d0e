package fallbackstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

func memory(testing.TB) session.Store { return memstore.New(memstore.Config{}) }

func files(tb testing.TB) session.Store {
	tb.Helper()
	s, err := filestore.Open(tb.TempDir()+"/sessions", filestore.Config{DangerouslyNoSync: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// A storeOfBoth creates each record in the fallback store, as if it had been there before.
type storeOfBoth struct {
	*fallbackstore.Store
	fallback session.Store
}

func (s storeOfBoth) Create(ctx context.Context, r session.Record) error {
	if _, err := s.Load(ctx, r.ID); err == nil {
		return session.ErrConflict
	}
	err := s.fallback.Create(ctx, r)
	if errors.Is(err, session.ErrConflict) { // another call, or the mark of a deleted session
		err = s.Store.Create(ctx, r)
	}
	return err
}

// TestContract runs the contract over several stores, with the records in the primary store and
// with the records in the fallback store.
func TestContract(t *testing.T) {
	for name, open := range map[string][2]func(testing.TB) session.Store{
		"memory before memory": {memory, memory},
		"memory before files":  {memory, files},
		"files before memory":  {files, memory},
	} {
		if testing.Short() && name != "memory before memory" {
			continue // files take most of the time
		}
		both := func(tb testing.TB) (*fallbackstore.Store, session.Store) {
			tb.Helper()
			fallback := open[1](tb)
			s, err := fallbackstore.New(open[0](tb), fallback)
			if err != nil {
				tb.Fatal(err)
			}
			return s, fallback
		}
		t.Run(name+"/in the primary store", func(t *testing.T) {
			sessiontest.TestStore(t, sessiontest.Harness{Open: func(tb testing.TB) session.Store {
				tb.Helper()
				s, _ := both(tb)
				return s
			}})
		})
		t.Run(name+"/in the fallback store", func(t *testing.T) {
			sessiontest.TestStore(t, sessiontest.Harness{Open: func(tb testing.TB) session.Store {
				tb.Helper()
				s, fallback := both(tb)
				return storeOfBoth{s, fallback}
			}})
		})
	}
}
