package session_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// manyWrites are loops of n writes, with reads in between, as a handler has them for the
// values of a form.
var manyWrites = []struct {
	name string
	seed func(s *session.Session, n int) // nil: an empty session
	loop func(s *session.Session, n int)
}{
	{"Append", nil, func(s *session.Session, n int) {
		for i := range n {
			s.Append("tags", i)
		}
	}},
	{"Append and Get", nil, func(s *session.Session, n int) {
		for i := range n {
			s.Append("form.tags", i)
			if session.Get(s, fmt.Sprint("form.tags.", i), -1) != i || !s.Has("form.tags") {
				s.Set("wrong", i)
			}
		}
	}},
	{"Set of keys", nil, func(s *session.Session, n int) {
		for i := range n {
			s.Set(fmt.Sprint("k", i), i)
		}
	}},
	{"Set of a key", many, func(s *session.Session, n int) {
		for i := range n {
			s.Set("k1", i)
		}
	}},
	{"Set of nested keys", nil, func(s *session.Session, n int) {
		for i := range n {
			s.Set(fmt.Sprint("users.", i, ".name.first"), "a name")
			s.Set(fmt.Sprint("users.", i, ".name.last"), session.Get(s, fmt.Sprint("users.", i, ".name.first"), ""))
		}
	}},
	{"Update of a counter", many, func(s *session.Session, n int) {
		for range n {
			session.Update(s, "n", func(n int) int { return n + 1 })
		}
	}},
	{"Update of keys", nil, func(s *session.Session, n int) {
		for i := range n {
			session.Update(s, fmt.Sprint("k.", i%(n/2)), func(n int) int { return n + 1 })
		}
	}},
	{"Remove", many, func(s *session.Session, n int) {
		for i := range n {
			s.Remove(fmt.Sprint("k", i))
		}
	}},
	{"Pop", many, func(s *session.Session, n int) {
		for i := n - 1; i >= 0; i-- {
			session.PopOnce(s, fmt.Sprint("k", i), 0)
		}
	}},
	{"Get", many, func(s *session.Session, n int) {
		for i := range n {
			if session.Get(s, fmt.Sprint("k", i), -1) != i {
				s.Set("wrong", i)
			}
		}
	}},
	{"AddFlash", nil, func(s *session.Session, n int) {
		for i := range n {
			s.AddFlash("messages", i)
		}
	}},
	{"Append to FlashNow", nil, func(s *session.Session, n int) {
		s.FlashNow("form.tags", []int{})
		for i := range n {
			s.Append("form.tags", i)
			s.Set("form.last", session.Get(s, fmt.Sprint("form.tags.", i), -1))
		}
	}},
}

func many(s *session.Session, n int) {
	for i := range n {
		s.Set(fmt.Sprint("k", i), i)
	}
}

// timeWrites runs a loop on a session of a manager without a limit, commits it, and returns how
// long that took. With a conflict, the commit runs the writes again, on a newer document.
func timeWrites(tb testing.TB, seed, loop func(s *session.Session, n int), n int, conflict bool) time.Duration {
	tb.Helper()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{MaxBytes: -1, PruneEvery: -1})
	if err != nil {
		tb.Fatal(err)
	}
	s, err := m.Load(tb.Context(), "")
	if err != nil {
		tb.Fatal(err)
	}
	s.Set("n", 0)
	if seed != nil {
		seed(s, n)
	}
	c, err := m.Commit(tb.Context(), s)
	if err != nil {
		tb.Fatal(err)
	}
	token := session.Token(c.Value)
	began := time.Now()
	if s, err = m.Load(tb.Context(), token); err != nil {
		tb.Fatal(err)
	}
	if conflict {
		other, err := m.Load(tb.Context(), token)
		if err != nil {
			tb.Fatal(err)
		}
		other.Set("other", 1)
		if _, err := m.Commit(tb.Context(), other); err != nil {
			tb.Fatal(err)
		}
	}
	loop(s, n)
	if _, err := m.Commit(tb.Context(), s); err != nil || s.Has("wrong") {
		tb.Fatal(err, session.Get(s, "wrong", -1))
	}
	return time.Since(began)
}

// TestAttackS1WritesAreNotQuadratic: 64 times as many writes take some 100 times as long, and never
// more than 1000 times, even on a busy machine; quadratic work takes 4096 times as long. A client
// decides how many values a form has.
func TestAttackS1WritesAreNotQuadratic(t *testing.T) {
	const n, times, atMost = 250, 64, 1000
	for _, w := range manyWrites {
		for _, conflict := range []bool{false, true} {
			name := w.name
			if conflict {
				name += ", conflict"
			}
			t.Run(name, func(t *testing.T) {
				few, many := time.Hour, time.Hour
				for range 10 { // the machine may be busy with something else
					few = min(few, timeWrites(t, w.seed, w.loop, n, conflict))
					many = min(many, timeWrites(t, w.seed, w.loop, times*n, conflict))
					if many < atMost*few {
						t.Logf("%d: %v, %d: %v", n, few, times*n, many)
						return
					}
				}
				t.Errorf("%d: %v, %d: %v, which is more than %d times as long", n, few, times*n, many, atMost)
			})
		}
	}
}

// TestAttackS1ReadsUnderFlashNow: reading all data under 256 values of FlashNow takes little longer
// than under one, although each lies on top of a large document.
func TestAttackS1ReadsUnderFlashNow(t *testing.T) {
	const atMost = 5
	under := func(n int) time.Duration {
		s := newSession(t)
		many(s, 20_000)
		for i := range n {
			s.FlashNow(fmt.Sprint("last.f", i), i)
		}
		began := time.Now()
		for range s.Keys() {
		}
		took := time.Since(began)
		if m := session.Get[map[string]int](s, "last", nil); len(m) != n || m[fmt.Sprint("f", n-1)] != n-1 {
			t.Fatalf("last has %d values, want %d", len(m), n)
		}
		return took
	}
	one, all := time.Hour, time.Hour
	for range 10 { // the machine may be busy with something else
		one, all = min(one, under(1)), min(all, under(256))
		if all < atMost*one {
			t.Logf("1: %v, 256: %v", one, all)
			return
		}
	}
	t.Errorf("1: %v, 256: %v, which is more than %d times as long", one, all, atMost)
}

// BenchmarkManyWrites shows the time of each write in requests of few and of many. The commit
// is included.
func BenchmarkManyWrites(b *testing.B) {
	for _, w := range manyWrites {
		for _, n := range []int{1, 10, 100, 1000, 10_000, 100_000} {
			b.Run(fmt.Sprint(w.name, "/", n), func(b *testing.B) {
				var all time.Duration
				for b.Loop() {
					all += timeWrites(b, w.seed, w.loop, max(n, 2), true)
				}
				b.ReportMetric(float64(all.Nanoseconds())/float64(b.N*n), "ns/write")
			})
		}
	}
}

// TestAttackS1LimitHoldsAtOnce: the write that takes the data above the limit fails, not the commit
// after all the others, and what was written before is intact.
func TestAttackS1LimitHoldsAtOnce(t *testing.T) {
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{MaxBytes: 1024})
	for name, write := range map[string]func(s *session.Session, i int){
		"Append":     func(s *session.Session, i int) { s.Append("tags", i) },
		"Set":        func(s *session.Session, i int) { s.Set(fmt.Sprint("k", i), i) },
		"nested Set": func(s *session.Session, i int) { s.Set(fmt.Sprint("a.b.k", i), i) },
		"Update":     func(s *session.Session, i int) { session.Update(s, fmt.Sprint("k", i), func(int) int { return i }) },
		"Flash":      func(s *session.Session, i int) { s.Flash("m", strings.Repeat("x", 10*i)) },
		"AddFlash":   func(s *session.Session, i int) { s.AddFlash("m", i) },
		"FlashNow":   func(s *session.Session, i int) { s.FlashNow(fmt.Sprint("k", i), "some text") },
		"Append to FlashNow": func(s *session.Session, i int) {
			if i == 0 {
				s.FlashNow("a", map[string]any{})
			}
			s.Append("a.list", i)
		},
		"large values": func(s *session.Session, i int) { s.Set(fmt.Sprint("a", i%2), strings.Repeat("x", 700)) },
	} {
		for _, at := range []string{"new", "known"} {
			s := load(t, m, "")
			if at == "known" {
				s = load(t, m, stored(t, m, func(s *session.Session) { s.Set("old", strings.Repeat("x", 800)) }))
			}
			i := 0
			var before string
			for s.Err() == nil && i < 2000 {
				before = fmt.Sprint(s.All())
				write(s, i)
				i++
			}
			if i > 1024 || !errors.Is(s.Err(), session.ErrTooLarge) {
				t.Errorf("%s, %s: %d writes, error %v", name, at, i, s.Err())
			}
			if got := fmt.Sprint(s.All()); got != before {
				t.Errorf("%s, %s: a write that failed has changed the data:\n%.200s\n%.200s", name, at, got, before)
			}
			s.Rollback()
			s.Set("fits", 1)
			commitOf(t, m, s)
		}
	}
}

// TestAttackS1LimitOfAnOldSession: data that is above the limit because that was higher once may
// stay and shrink, but not grow. Nobody is locked in or out by it.
func TestAttackS1LimitOfAnOldSession(t *testing.T) {
	store := memstore.New(memstore.Config{})
	high, _ := lawManager(t, store, session.Config{})
	low, _ := lawManager(t, store, session.Config{MaxBytes: 100})
	for name, c := range map[string]struct {
		do   func(s *session.Session)
		fits bool
	}{
		"grow":                   {func(s *session.Session) { s.Set("more", 1) }, false},
		"grow a list":            {func(s *session.Session) { s.Append("list", 1) }, false},
		"change":                 {func(s *session.Session) { s.Set("n", 2) }, true},
		"shrink":                 {func(s *session.Session) { s.Remove("n") }, true},
		"shrink, then grow less": {func(s *session.Session) { s.Remove("big"); s.Set("more", "some text") }, true},
		"login":                  {func(s *session.Session) { s.Login("ada") }, true},
		"logout":                 {func(s *session.Session) { s.Invalidate() }, true},
		"new, with too much": {func(s *session.Session) {
			s.Invalidate()
			s.Set("a", strings.Repeat("x", 60))
			s.Set("b", strings.Repeat("x", 60))
		}, false},
	} {
		token := stored(t, high, func(s *session.Session) {
			s.Set("big", strings.Repeat("x", 900))
			s.Set("n", 1)
			s.Set("list", []int{})
		})
		s := load(t, low, token)
		c.do(s)
		if err := s.Err(); c.fits != (err == nil) || err != nil && !errors.Is(err, session.ErrTooLarge) {
			t.Errorf("%s: Err = %v", name, err)
		}
		if _, err := low.Commit(t.Context(), s); c.fits != (err == nil) {
			t.Errorf("%s: Commit = %v", name, err)
		}
	}
}

// TestAttackS1IndexConcurrently: what was read stays as it was while other goroutines of the request
// write, and what a commit has got is not changed any more. It is the race detector that
// finds fault.
func TestAttackS1IndexConcurrently(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { many(s, 2000) })
	s := load(t, m, token)
	const n = 300
	var all sync.WaitGroup
	all.Go(func() {
		for i := range n {
			s.Append("list", i)
			if got := session.Get(s, "list", []int{}); len(got) != i+1 || got[i] != i {
				t.Errorf("the list has %d elements, want %d", len(got), i+1)
			}
		}
	})
	all.Go(func() {
		for i := range n {
			session.Update(s, "users.n", func(n int) int { return n + 1 })
			s.Remove(fmt.Sprint("k", i))
		}
	})
	all.Go(func() {
		for i := range n {
			s.FlashNow("users.now", i)
			s.Set("users.a", session.Get[any](s, "users", nil))
			s.Set("users.a", len(s.All()))
		}
	})
	all.Go(func() {
		for range 30 {
			if _, err := m.Commit(t.Context(), s); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	commitOf(t, m, s)
	got := load(t, m, token)
	equal(t, "n", session.Get(got, "users.n", 0), n)
	equal(t, "elements", len(session.Get(got, "list", []int{})), n)
	equal(t, "keys", len(got.All()), 2000-n+2)
	equal(t, "FlashNow", got.Has("users.now"), false)
}
