package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/expanse-go/session"
)

// Many readers load at once and may share statements. Each gets the record that it
// asked for, at least as new as the last update that was acknowledged before its call,
// or ErrNotFound.
func TestReadersShareWhatIsFresh(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		const sessions, readers, loads = 12, 16, 300
		var stored [sessions]atomic.Uint64 // the acknowledged versions
		id := func(n int) session.ID { return session.ID{byte(n + 1), 0xff} }
		record := func(n int, version uint64) session.Record {
			return session.Record{ID: id(n), Version: version, Owner: fmt.Sprint("owner ", n), Data: fmt.Append(nil, n, " of version ", version+1)}
		}
		for n := range sessions {
			mustCreate(t, s, record(n, 0))
			stored[n].Store(1)
		}
		stop := make(chan struct{})
		var writer, wg sync.WaitGroup
		writer.Go(func() {
			for {
				for n := range sessions {
					select {
					case <-stop:
						return
					default:
					}
					if err := s.Update(t.Context(), record(n, stored[n].Load())); err != nil {
						t.Error(err)
						return
					}
					stored[n].Add(1)
				}
			}
		})
		for reader := range readers {
			random := rand.New(rand.NewPCG(1, uint64(reader)))
			wg.Go(func() {
				for range loads {
					n := random.IntN(sessions + 1)
					if n == sessions {
						if _, err := s.Load(t.Context(), session.ID{0xee}); !errors.Is(err, session.ErrNotFound) {
							t.Errorf("got %v, want not found", err)
						}
						continue
					}
					least := stored[n].Load()
					r, err := s.Load(t.Context(), id(n))
					want := record(n, r.Version-1)
					if err != nil || r.Version < least || r.ID != want.ID || r.Owner != want.Owner || string(r.Data) != string(want.Data) {
						t.Errorf("%d: got version %d of %q with %q (%v), want %d or later, its own", n, r.Version, r.Owner, r.Data, err, least)
					}
					for i := range r.Data {
						r.Data[i] = 'x' // the caller owns the data
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		writer.Wait()
	})
}
