package sessiontest

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// callers is the number of goroutines that share a store in the parallel benchmarks,
// rounded up to a multiple of the number of processors.
const callers = 16

// BenchmarkStore measures the methods of a store with records of 500 bytes: called by one
// goroutine, and by 16 at once that use different records. It measures the store alone,
// without a manager.
func BenchmarkStore(b *testing.B, h Harness) {
	b.Run("Load", each(h, func(b *testing.B, s session.Store, r *session.Record) {
		if _, err := s.Load(b.Context(), r.ID); err != nil {
			b.Error(err)
		}
	}))
	b.Run("Update", each(h, func(b *testing.B, s session.Store, r *session.Record) {
		if err := s.Update(b.Context(), *r); err != nil {
			b.Error(err)
		}
		r.Version++
	}))
	b.Run("CreateDelete", each(h, func(b *testing.B, s session.Store, _ *session.Record) {
		r := sample()
		if err := s.Create(b.Context(), r); err != nil {
			b.Error(err)
		}
		if err := s.Delete(b.Context(), r.ID); err != nil {
			b.Error(err)
		}
	}))
	b.Run("Touch", each(h, func(b *testing.B, s session.Store, r *session.Record) {
		r.LastActivity = r.LastActivity.Add(time.Millisecond)
		if err := session.Touch(b.Context(), s, r.ID, r.LastActivity, r.ExpiresAt); err != nil {
			b.Error(err)
		}
	}))
}

// each benchmarks f, first in one goroutine, and then in several that use different
// records.
func each(h Harness, f func(*testing.B, session.Store, *session.Record)) func(*testing.B) {
	return func(b *testing.B) {
		b.Run("alone", func(b *testing.B) {
			s := h.Open(b)
			r := stored(b, s)
			b.ReportAllocs()
			for b.Loop() {
				f(b, s, &r)
			}
		})
		b.Run("parallel", func(b *testing.B) {
			s := h.Open(b)
			procs := runtime.GOMAXPROCS(0)
			b.SetParallelism((callers + procs - 1) / procs)
			records := make([]session.Record, callers+procs)
			for i := range records {
				records[i] = stored(b, s)
			}
			var next atomic.Int32
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				r := &records[int(next.Add(1)-1)%len(records)]
				for pb.Next() {
					f(b, s, r)
				}
			})
		})
	}
}

func stored(b *testing.B, s session.Store) session.Record {
	b.Helper()
	r := sample()
	if err := s.Create(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	r.Version = 1
	return r
}

// sample returns the record of a signed-in visitor.
func sample() session.Record {
	now := time.Now().UTC()
	r := session.Record{
		Client:       session.Client{Address: "192.0.2.1", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		CreatedAt:    now,
		LastActivity: now,
		ExpiresAt:    now.Add(2 * time.Hour),
		Data:         make([]byte, 500),
	}
	rand.Read(r.ID[:])
	rand.Read(r.Data)
	r.Owner = fmt.Sprintf("user-%x", r.ID[:4])
	return r
}
