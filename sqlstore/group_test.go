package sqlstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// A fakeDB is what a group writes to. Each call takes a second, of the fake clock.
type fakeDB struct {
	mu      sync.Mutex
	calls   [][]byte // the first bytes of the IDs, a slice for each call
	results map[byte]error
}

func (f *fakeDB) group() *group {
	return &group{
		takes:  func(op) bool { return true },
		fits:   otherIDs,
		single: func(ctx context.Context, w *write) error { return f.call(w)[0] },
		batch: func(ctx context.Context, ws []*write) {
			for i, err := range f.call(ws...) {
				ws[i].result = err
			}
		},
	}
}

func (f *fakeDB) call(ws ...*write) []error {
	time.Sleep(time.Second)
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []byte
	var errs []error
	for _, w := range ws {
		ids = append(ids, w.rec.ID[0])
		err := f.results[w.rec.ID[0]]
		if err == errAlone && len(ws) == 1 {
			err = nil
		}
		errs = append(errs, err)
	}
	f.calls = append(f.calls, ids)
	return errs
}

func (f *fakeDB) want(t *testing.T, calls ...string) {
	t.Helper()
	var got, want []string
	for _, c := range f.calls {
		got = append(got, string(c))
	}
	if want = calls; !slices.Equal(got, want) {
		t.Errorf("calls of the database: got %q, want %q", got, want)
	}
}

// start writes in order: each goroutine waits before the next one begins.
func start(ctx context.Context, g *group, ids string) (results func() map[byte]error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	errs := make(map[byte]error)
	for i := range len(ids) {
		wg.Go(func() {
			err := g.do(ctx, &write{op: opUpdate, rec: session.Record{ID: session.ID{ids[i]}}})
			mu.Lock()
			defer mu.Unlock()
			errs[ids[i]] = err
		})
		synctest.Wait()
	}
	return func() map[byte]error { wg.Wait(); return errs }
}

func TestGroupOfOneGoesStraightThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		for _, id := range []string{"a", "b", "c"} {
			if err := start(t.Context(), g, id)()[id[0]]; err != nil {
				t.Error(err)
			}
		}
		f.want(t, "a", "b", "c")
	})
}

func TestGroupTakesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{results: map[byte]error{'c': session.ErrConflict, 'd': session.ErrNotFound}}
		g := f.group()
		began := time.Now()
		got := start(t.Context(), g, "abcde")()
		want := map[byte]error{'a': nil, 'b': nil, 'c': session.ErrConflict, 'd': session.ErrNotFound, 'e': nil}
		for id, err := range want {
			if got[id] != err {
				t.Errorf("%c: got %v, want %v", id, got[id], err)
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v, want 2s", took)
		}
		f.want(t, "a", "bcde")
		if g.holder != nil || len(g.queue) != 0 {
			t.Errorf("afterwards the turn is taken: %t, and %d writers wait", g.holder != nil, len(g.queue))
		}
	})
}

// After a batch, even who finds a free slot gathers: here there is nobody to gather.
func TestCrowdedGroupCalmsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		start(t.Context(), g, "abc")()
		if !g.crowded {
			t.Error("a batch of two did not make the group crowded")
		}
		start(t.Context(), g, "d")()
		if g.crowded {
			t.Error("a single write left the group crowded")
		}
		f.want(t, "a", "bc", "d")
	})
}

func TestGroupKeepsOneSessionApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		start(t.Context(), f.group(), "abbcb")()
		f.want(t, "a", "bc", "b", "b")
	})
}

// A deadline neither ends the write of who has none, nor is lost in its company.
func TestGroupKeepsDeadlinesApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var all []func() map[byte]error
		for _, w := range []struct {
			ctx context.Context
			id  string
		}{{ctx, "a"}, {ctx, "b"}, {t.Context(), "c"}, {ctx, "d"}, {t.Context(), "e"}} {
			all = append(all, start(w.ctx, g, w.id))
		}
		for _, results := range all {
			for id, err := range results() {
				if err != nil {
					t.Errorf("%c: %v", id, err)
				}
			}
		}
		f.want(t, "a", "bd", "ce")
	})
}

func TestGroupWritesLeftOverAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{results: map[byte]error{'b': errAlone, 'd': errAlone}}
		got := start(t.Context(), f.group(), "abcd")()
		for id, err := range got {
			if err != nil {
				t.Errorf("%c: %v", id, err)
			}
		}
		slices.SortFunc(f.calls[2:], slices.Compare[[]byte])
		f.want(t, "a", "bcd", "b", "d")
	})
}

func TestGroupWriterWithdraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		first := start(t.Context(), g, "a")
		short, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		second := start(short, g, "b")
		third := start(t.Context(), g, "c")
		if err := second()['b']; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a deadline", err)
		}
		if err := errors.Join(first()['a'], third()['c']); err != nil {
			t.Error(err)
		}
		f.want(t, "a", "c")
	})
}

// Whose context ends after a batch took the write learns how it went.
func TestGroupWriterWaitsOnceTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{results: map[byte]error{'c': session.ErrConflict}}
		g := f.group()
		long, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		first := start(long, g, "ab") // b leads at 1 s, until 2 s
		short, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		got := start(short, g, "cd")()
		if got['c'] != session.ErrConflict || got['d'] != nil {
			t.Errorf("got %v and %v, want a conflict and success", got['c'], got['d'])
		}
		first()
		f.want(t, "a", "bcd")
	})
}

// A leader whose own context has ended passes the turn on.
func TestGroupLeaderGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := &write{}
		g.holder = w
		if n := g.lead(ctx, w); n != gone {
			t.Errorf("got news %v, want that it is gone", n)
		}
		if g.holder != nil {
			t.Error("the turn is still taken")
		}
		f.want(t)
	})
}

// If somebody has the turn for too long, one that waits takes it away and leads; the
// one that hung disturbs nobody when it returns.
func TestGroupPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		g.patience = 100 * time.Millisecond
		hung := make(chan error)
		single := g.single
		g.single = func(ctx context.Context, w *write) error {
			if w.rec.ID[0] == 'a' {
				return <-hung
			}
			return single(ctx, w)
		}
		began := time.Now()
		first := start(t.Context(), g, "a")
		others := start(t.Context(), g, "bcd")
		others()
		if took := time.Since(began); took != 1100*time.Millisecond {
			t.Errorf("took %v, want 1.1s: the second takes over after 0.1s", took)
		}
		start(t.Context(), g, "e")()
		slices.Sort(f.calls[0]) // any of them may be the one
		f.want(t, "bcd", "e")
		g.mu.Lock()
		g.holder = new(write)
		g.mu.Unlock()
		hung <- session.ErrConflict
		if err := first()['a']; err != session.ErrConflict {
			t.Errorf("got %v, want its own result", err)
		}
		if g.holder == nil {
			t.Error("the one that hung gave up another one's turn")
		}
	})
}

// A leader whose own write the batch left out gives up the turn, and answers its
// followers, before it writes alone: its row may be locked for long.
func TestGroupLeaderLeftOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{results: map[byte]error{'b': errAlone}}
		g := f.group()
		hung := make(chan error)
		single := g.single
		g.single = func(ctx context.Context, w *write) error {
			if w.rec.ID[0] == 'b' {
				return <-hung
			}
			return single(ctx, w)
		}
		first := start(t.Context(), g, "a")
		leader := start(t.Context(), g, "b")
		followers := start(t.Context(), g, "cd")
		first()
		followers()
		start(t.Context(), g, "e")()
		hung <- nil
		leader()
		f.want(t, "a", "bcd", "e")
	})
}

// A driver that panics in a batch must not leave the others waiting.
func TestGroupSurvivesPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeDB{}
		g := f.group()
		g.batch = func(context.Context, []*write) { panic("driver") }
		first := start(t.Context(), g, "a")
		caught := make(chan any, 1)
		go func() {
			defer func() { caught <- recover() }()
			_ = g.do(t.Context(), &write{rec: session.Record{ID: session.ID{'b'}}})
		}()
		synctest.Wait()
		third := start(t.Context(), g, "c")
		if err := errors.Join(first()['a'], third()['c']); err != nil {
			t.Error(err)
		}
		if got := <-caught; got != "driver" {
			t.Errorf("got panic %v, want that of the driver", got)
		}
		if g.holder != nil {
			t.Error("the turn is still taken")
		}
		f.want(t, "a", "c")
	})
}

func TestBatchIsBounded(t *testing.T) {
	g := &group{fits: func([]*write, *write) bool { return true }}
	for range maxBatch + 5 {
		g.queue = append(g.queue, &write{})
	}
	if got := len(g.gather(&write{})); got != maxBatch {
		t.Errorf("got a batch of %d, want %d", got, maxBatch)
	}
	if got := len(g.queue); got != 6 {
		t.Errorf("%d wait on, want 6", got)
	}
	big := session.Record{Data: make([]byte, maxBatchBytes/2)}
	small := session.Record{Owner: "o", Client: session.Client{Address: "a", UserAgent: "u"}}
	g.queue = []*write{{rec: big}, {rec: small}, {rec: big}, {}}
	if got := len(g.gather(&write{rec: big})); got != 3 {
		t.Errorf("got a batch of %d, want 3: two big ones, and what brings no bytes", got)
	}
	if len(g.queue) != 2 || g.queue[0].rec.Owner != "o" {
		t.Errorf("%d wait on, want the third big one behind the small one", len(g.queue))
	}
}

func TestBatchContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		leader, hangUp := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
		at := func(d time.Duration) *write { return &write{waiting: waiting{deadline: time.Now().Add(d)}} }

		ctx, cancel := batchContext(leader, []*write{at(time.Second), at(3 * time.Second), at(2 * time.Second)})
		defer cancel()
		hangUp()
		if err := ctx.Err(); err != nil {
			t.Errorf("the batch ended with its leader: %v", err)
		}
		if got := ctx.Value(key{}); got != "trace" {
			t.Errorf("got value %v, want the leader's", got)
		}
		if got, _ := ctx.Deadline(); !got.Equal(time.Now().Add(3 * time.Second)) {
			t.Errorf("got deadline %v, want the last one", got)
		}
		ctx, cancel = batchContext(leader, []*write{at(time.Second), {}})
		defer cancel()
		if got, ok := ctx.Deadline(); ok {
			t.Errorf("got deadline %v, want none: one of them has none", got)
		}
	})
}
