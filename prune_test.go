package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A slowPruner has three batches, and takes a second for each.
type slowPruner struct {
	session.Store
	batches int
}

func (p *slowPruner) Prune(_ context.Context, _ time.Time, limit int) (int, error) {
	time.Sleep(time.Second)
	if p.batches == 0 {
		return 0, nil
	}
	p.batches--
	return limit, nil
}

// A manager prunes for at most half of the time.
func TestPruneLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, err := session.New(&slowPruner{memstore.New(memstore.Config{}), 3}, session.Config{PruneEvery: -1})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := m.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(began), 7*time.Second; (got - want).Abs() > 50*time.Millisecond {
			t.Errorf("four calls of a second took %v, want %v with the pauses between them", got, want)
		}
	})
}
