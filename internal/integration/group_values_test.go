package integration

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// A batch stores the same as single writes: bytes that are not text, text of any kind,
// nothing, long data, and times at both ends of the range.
func TestBatchesCarryAnyValue(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		const writers, rounds = 16, 8
		random := rand.New(rand.NewPCG(1, 2))
		owners := []string{"", "ada", "Ada ", "😀 ß", `o'; DROP TABLE sessions --`, strings.Repeat("é", 127), "0", "NULL"}
		times := []time.Time{{}, time.Unix(0, 1), time.Unix(0, -1), time.Now(), time.Unix(1<<33, 999_999_999)}
		next := func(r session.Record) session.Record {
			r.Owner = owners[random.IntN(len(owners))]
			r.Client = session.Client{Address: owners[random.IntN(3)], UserAgent: owners[random.IntN(len(owners))]}
			r.CreatedAt = times[random.IntN(len(times))].UTC()
			r.LastActivity = times[random.IntN(len(times))].UTC()
			r.ExpiresAt = times[random.IntN(len(times))].UTC()
			r.Data = make([]byte, []int{0, 1, 17, 500, 70_000}[random.IntN(5)])
			for i := range r.Data {
				r.Data[i] = byte(random.Uint32())
			}
			return r
		}
		records := make([]session.Record, writers)
		for w := range records {
			records[w].ID = session.ID{0xff, byte(w), 0, '\'', 15: byte(w)} // not valid UTF-8
			mustCreate(t, s, records[w])
			records[w].Version = 1
		}
		for range rounds {
			var wg sync.WaitGroup
			for w := range records {
				records[w] = next(records[w])
				wg.Go(func() {
					if err := s.Update(t.Context(), records[w]); err != nil {
						t.Errorf("%x: %v", records[w].ID, err)
					}
				})
			}
			wg.Wait()
			for w := range records {
				records[w].Version++
				got, err := s.Load(t.Context(), records[w].ID)
				if err != nil {
					t.Fatal(err)
				}
				want := records[w]
				if !bytes.Equal(got.Data, want.Data) {
					t.Errorf("%x: got %d bytes, want the %d that were written", want.ID, len(got.Data), len(want.Data))
				}
				got.Data, want.Data = nil, nil
				if !sameRecord(got, want) {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			}
		}
	})
}

func sameRecord(a, b session.Record) bool {
	return a.ID == b.ID && a.Version == b.Version && a.Owner == b.Owner && a.Client == b.Client &&
		a.CreatedAt.Equal(b.CreatedAt) && a.LastActivity.Equal(b.LastActivity) && a.ExpiresAt.Equal(b.ExpiresAt)
}

// The statement that inserts does not bring back a deleted session.
func TestBatchesReviveNothing(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		s := d.store(t)
		const writers, rounds = 16, 30
		for round := range rounds {
			var wg sync.WaitGroup
			for w := range writers {
				id := session.ID{byte(round + 1), byte(w + 1)}
				mustCreate(t, s, session.Record{ID: id})
				wg.Go(func() {
					if err := s.Update(t.Context(), session.Record{ID: id, Version: 1}); err != nil && !errors.Is(err, session.ErrNotFound) {
						t.Error(err)
					}
				})
				if w%2 == 0 {
					wg.Go(func() {
						if err := s.Delete(t.Context(), id); err != nil {
							t.Error(err)
						}
					})
				}
			}
			wg.Wait()
			for w := range writers {
				_, err := s.Load(t.Context(), session.ID{byte(round + 1), byte(w + 1)})
				if w%2 == 0 && !errors.Is(err, session.ErrNotFound) || w%2 == 1 && err != nil {
					t.Errorf("round %d, session %d: got %v", round, w, err)
				}
			}
		}
	})
}
