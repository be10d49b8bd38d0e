package memstore

import (
	"context"
	"encoding/binary"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// BenchmarkFootprint reports the memory overhead of a session, and how long the garbage
// collection of a heap with a million sessions takes.
func BenchmarkFootprint(b *testing.B) {
	for _, size := range []int{100, 500, 600, 1000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) { footprint(b, size) })
	}
}

func footprint(b *testing.B, size int) {
	const n = 1_000_000
	for b.Loop() {
		runtime.GC()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := New(Config{})
		fill(b, s, n, size)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n-float64(size), "B/session-over")
		start := time.Now()
		runtime.GC()
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/GC")
		runtime.KeepAlive(s)
	}
}

func BenchmarkLoad(b *testing.B) {
	s := New(Config{})
	fill(b, s, 512, 500)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Load(context.Background(), numbered(i%512)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := New(Config{})
	fill(b, s, 512, 500)
	r, err := s.Load(context.Background(), numbered(7))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r.LastActivity = r.LastActivity.Add(time.Second)
		if err := s.Update(context.Background(), r); err != nil {
			b.Fatal(err)
		}
		r.Version++
	}
}

// BenchmarkCreateFull creates sessions in a full store, so that each one evicts another.
func BenchmarkCreateFull(b *testing.B) {
	const n = 100_000
	s := New(Config{MaxSessions: n})
	fill(b, s, n, 500)
	r := session.Record{Data: make([]byte, 500), ExpiresAt: time.Now().Add(time.Hour)}
	b.ReportAllocs()
	for i := n; b.Loop(); i++ {
		r.ID, r.LastActivity = numbered(i), time.Unix(int64(i), 0)
		if err := s.Create(context.Background(), r); err != nil {
			b.Fatal(err)
		}
	}
}

func fill(tb testing.TB, s *Store, n, size int) {
	tb.Helper()
	now := time.Now()
	r := session.Record{Data: make([]byte, size), CreatedAt: now}
	for i := range n {
		r.ID = numbered(i)
		r.LastActivity = time.Unix(int64(i), 0)
		r.ExpiresAt = now.Add(time.Hour + time.Duration(i*7919%n)*time.Second)
		if err := s.Create(context.Background(), r); err != nil {
			tb.Fatal(err)
		}
	}
}

func numbered(i int) (id session.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(i)+1)
	return id
}
