package sqlstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// fakeReads answers from a map. A single load waits until gate is closed.
type fakeReads struct {
	*reads
	gate chan struct{}

	mu    sync.Mutex
	alone int
	asked [][]session.ID
	err   error // of many
}

func newFakeReads(recs map[session.ID]session.Record) *fakeReads {
	f := &fakeReads{gate: make(chan struct{})}
	f.reads = &reads{
		slots: 1, patience: time.Second,
		single: func(_ context.Context, id session.ID) (session.Record, error) {
			<-f.gate
			f.mu.Lock()
			defer f.mu.Unlock()
			f.alone++
			return recs[id], nil
		},
		many: func(_ context.Context, ids []session.ID, found func(session.Record)) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.asked = append(f.asked, ids)
			for _, id := range ids {
				if r, ok := recs[id]; ok {
					found(r)
				}
			}
			return f.err
		},
	}
	return f
}

type readResult struct {
	rec session.Record
	err error
}

// load lets one reader occupy the slot, the others wait, and then all go on.
func (f *fakeReads) load(t *testing.T, ids ...session.ID) []readResult {
	t.Helper()
	results := make([]readResult, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { results[i].rec, results[i].err = f.do(t.Context(), id) })
		synctest.Wait()
	}
	close(f.gate)
	wg.Wait()
	return results
}

func TestReadsShareAStatement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := session.ID{1}, session.ID{2}, session.ID{3}
		f := newFakeReads(map[session.ID]session.Record{a: {ID: a, Data: []byte("a")}, b: {ID: b, Data: []byte("b")}})
		got := f.load(t, a, b, b, c, a)
		if f.alone != 1 || len(f.asked) != 1 || len(f.asked[0]) != 3 {
			t.Fatalf("got %d single loads and statements for %v, want 1 and one for three IDs", f.alone, f.asked)
		}
		for i, want := range []string{"a", "b", "b", "", "a"} {
			if r := got[i]; string(r.rec.Data) != want || (want == "") != errors.Is(r.err, session.ErrNotFound) {
				t.Errorf("reader %d: got %q, %v, want %q", i, r.rec.Data, r.err, want)
			}
		}
		got[1].rec.Data[0] = 'x'
		if string(got[2].rec.Data) != "b" {
			t.Error("two readers of one session share its data")
		}
	})
}

func TestReadsTryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := session.ID{1}
		f := newFakeReads(map[session.ID]session.Record{a: {ID: a, Data: []byte("a")}})
		f.err = errors.New("the leader's connection broke")
		for i, r := range f.load(t, a, a, a) {
			if r.err != nil || string(r.rec.Data) != "a" {
				t.Errorf("reader %d: got %q, %v, want its record", i, r.rec.Data, r.err)
			}
		}
		if f.alone != 3 {
			t.Errorf("got %d single loads, want 3", f.alone)
		}
	})
}

// Who waits for a reader that hangs leaves the queue: with its context, or alone.
func TestReadsLeaveTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := session.ID{1}
		f := newFakeReads(map[session.ID]session.Record{a: {ID: a}})
		var wg sync.WaitGroup
		wg.Go(func() { f.do(t.Context(), a) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := f.do(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		began := time.Now()
		wg.Go(func() { f.do(t.Context(), a) })
		time.Sleep(2 * time.Second) // of the fake clock
		f.reads.mu.Lock()
		queued := len(f.queue)
		f.reads.mu.Unlock()
		if queued != 0 {
			t.Errorf("after %v still in the queue", time.Since(began))
		}
		close(f.gate)
		wg.Wait()
		if f.active != 0 {
			t.Errorf("got %d slots in use, want 0", f.active)
		}
	})
}

// Who has no deadline does not let the others wait for ever for a server that hangs.
func TestReadsKeepADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := session.ID{1}
		f := newFakeReads(map[session.ID]session.Record{a: {ID: a, Data: []byte("a")}})
		single := f.single
		f.single = func(ctx context.Context, id session.ID) (session.Record, error) {
			if err := ctx.Err(); err != nil {
				return session.Record{}, err
			}
			return single(ctx, id)
		}
		f.many = func(ctx context.Context, _ []session.ID, _ func(session.Record)) error {
			<-ctx.Done()
			return ctx.Err()
		}
		const limit = 500 * time.Millisecond
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		var wg sync.WaitGroup
		for i, ctx := range []context.Context{t.Context(), ctx, t.Context()} {
			wg.Go(func() {
				_, err := f.do(ctx, a)
				if want := ctx.Err(); err != want {
					t.Errorf("reader %d: got %v, want %v", i, err, want)
				}
			})
			synctest.Wait()
		}
		close(f.gate)
		wg.Wait()
		if took := time.Since(began); took != limit {
			t.Errorf("took %v, want %v", took, limit)
		}
	})
}
