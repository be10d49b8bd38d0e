package batch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	errOne = errors.New("one")
	errTwo = errors.New("two")
)

// A server takes a second of the fake clock for each call of Single and of Batch.
type server struct {
	mu    sync.Mutex
	calls []string // the names in each call
	errs  map[string]error
	hang  map[string]chan error // calls of Single that wait for an error
}

// queue returns a queue that combines calls with different names.
func (s *server) queue() *Queue[string, string] {
	return &Queue[string, string]{
		Slots: 1, Max: 64,
		Fits: func(batch []string, next string) bool { return !slices.Contains(batch, next) },
		Single: func(_ context.Context, call string) (string, error) {
			if hang := s.hang[call]; hang != nil {
				return "late " + call, <-hang
			}
			err := s.note(call)[0]
			if err == ErrAlone {
				err = nil
			}
			return "single " + call, err
		},
		Batch: func(_ context.Context, calls, results []string, errs []error) {
			copy(errs, s.note(calls...))
			for i, c := range calls {
				results[i] = "batch " + c
			}
		},
	}
}

func (s *server) note(calls ...string) []error {
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, strings.Join(calls, ""))
	var errs []error
	for _, c := range calls {
		errs = append(errs, s.errs[c])
	}
	return errs
}

func (s *server) want(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.calls, want) {
		t.Errorf("got calls %q, want %q", s.calls, want)
	}
}

type outcome struct {
	result string
	err    error
}

// start calls Do for each letter, in order: each goroutine waits before the next one
// begins.
func start(ctx context.Context, q *Queue[string, string], calls string) (outcomes func() map[string]outcome) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	all := make(map[string]outcome)
	for call := range strings.SplitSeq(calls, "") {
		wg.Go(func() {
			result, err := q.Do(ctx, call)
			mu.Lock()
			defer mu.Unlock()
			all[call] = outcome{result, err}
		})
		synctest.Wait()
	}
	return func() map[string]outcome { wg.Wait(); return all }
}

// idle fails if a slot is taken or a call waits.
func idle(t *testing.T, q *Queue[string, string]) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.slots) > 0 || len(q.queue) > 0 || q.gathering {
		t.Errorf("afterwards %d slots are taken, %d calls wait, gathering is %t", len(q.slots), len(q.queue), q.gathering)
	}
}

func TestOneCallRunsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		for _, c := range []string{"a", "b", "c"} {
			if got := start(t.Context(), q, c)()[c]; got != (outcome{"single " + c, nil}) {
				t.Errorf("%s: got %v", c, got)
			}
		}
		s.want(t, "a", "b", "c")
		idle(t, q)
	})
}

func TestBatchTakesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{errs: map[string]error{"c": errOne, "d": errTwo}}
		q := s.queue()
		began := time.Now()
		got := start(t.Context(), q, "abcde")()
		for call, want := range map[string]outcome{
			"a": {"single a", nil}, "b": {"batch b", nil}, "c": {"batch c", errOne}, "d": {"batch d", errTwo}, "e": {"batch e", nil},
		} {
			if got[call] != want {
				t.Errorf("%s: got %v, want %v", call, got[call], want)
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v, want 2s", took)
		}
		s.want(t, "a", "bcde")
		idle(t, q)
	})
}

// After a batch, a call that finds a free slot leads as well. Here it has no followers.
func TestCrowdedQueueCalmsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		start(t.Context(), q, "abc")()
		if !q.crowded {
			t.Error("a batch of two did not make the queue crowded")
		}
		if got := start(t.Context(), q, "d")()["d"]; got != (outcome{"single d", nil}) {
			t.Errorf("got %v", got)
		}
		if q.crowded {
			t.Error("a single call left the queue crowded")
		}
		s.want(t, "a", "bc", "d")
		idle(t, q)
	})
}

// While a leader is about to take the queue, a call joins its batch even if another
// slot is free.
func TestNewcomersJoinTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		q.Slots, q.Patience, q.crowded, q.gathering = 2, time.Minute, true, true
		rest := start(t.Context(), q, "ab") // both wait although a slot is free
		e := &entry[string, string]{ctx: t.Context(), call: "c", told: make(chan verdict, 1)}
		q.slots = []slot[string, string]{{e, time.Now()}}
		if v := q.lead(t.Context(), e); v != done || e.result != "batch c" {
			t.Errorf("got verdict %d with %q", v, e.result)
		}
		rest()
		s.want(t, "cab")
		idle(t, q)
	})
}

func TestSlotsRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		q.Slots = 2
		began := time.Now()
		start(t.Context(), q, "ab")()
		if took := time.Since(began); took != time.Second {
			t.Errorf("two slots took %v, want 1s", took)
		}
		idle(t, q)
	})
}

func TestFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		start(t.Context(), q, "abbcb")()
		s.want(t, "a", "bc", "b", "b")
		idle(t, q)
	})
}

// The deadlines of others don't end a call without a deadline, and such a call doesn't
// make others wait forever.
func TestDeadlinesAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var all []func() map[string]outcome
		for _, c := range []struct {
			ctx  context.Context
			call string
		}{{ctx, "a"}, {ctx, "b"}, {t.Context(), "c"}, {ctx, "d"}, {t.Context(), "e"}} {
			all = append(all, start(c.ctx, q, c.call))
		}
		for _, outcomes := range all {
			for call, o := range outcomes() {
				if o.err != nil {
					t.Errorf("%s: %v", call, o.err)
				}
			}
		}
		s.want(t, "a", "bd", "ce")
	})
}

func TestCallsLeftOutRunAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{errs: map[string]error{"b": ErrAlone, "d": ErrAlone}}
		for call, o := range start(t.Context(), s.queue(), "abcd")() {
			if o.err != nil {
				t.Errorf("%s: %v", call, o.err)
			}
		}
		slices.Sort(s.calls[2:])
		s.want(t, "a", "bcd", "b", "d")
	})
}

// A call leaves the queue when its context ends, with or without a patience.
func TestCallLeavesTheQueue(t *testing.T) {
	for _, patience := range []time.Duration{0, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := &server{}
			q := s.queue()
			q.Patience = patience
			first := start(t.Context(), q, "a")
			short, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			second := start(short, q, "b")
			third := start(t.Context(), q, "c")
			began := time.Now()
			if err := second()["b"].err; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("patience %v: got %v, want a deadline", patience, err)
			}
			if took := time.Since(began); took != time.Second/2 {
				t.Errorf("patience %v: took %v, want 0.5s", patience, took)
			}
			if err := errors.Join(first()["a"].err, third()["c"].err); err != nil {
				t.Error(err)
			}
			s.want(t, "a", "c")
			idle(t, q)
		})
	}
}

// A cancellation without a deadline is noticed when the patience ends.
func TestCancelledCallLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{hang: map[string]chan error{"a": make(chan error)}}
		q := s.queue()
		q.Slots, q.Patience = 1, 100*time.Millisecond
		first := start(t.Context(), q, "a")
		ctx, cancel := context.WithCancel(t.Context())
		second := start(ctx, q, "b")
		cancel()
		began := time.Now()
		if err := second()["b"].err; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if took := time.Since(began); took != q.Patience {
			t.Errorf("took %v, want %v", took, q.Patience)
		}
		s.hang["a"] <- nil
		first()
		idle(t, q)
	})
}

// A call whose context ends after a batch has taken it still gets its result.
func TestCallWaitsOnceTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{errs: map[string]error{"c": errOne}}
		q := s.queue()
		long, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		first := start(long, q, "ab") // b leads at 1 s, until 2 s
		short, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		got := start(short, q, "cd")()
		if got["c"].err != errOne || got["d"].err != nil {
			t.Errorf("got %v and %v, want one error and success", got["c"], got["d"])
		}
		first()
		s.want(t, "a", "bcd")
	})
}

// A leader whose context has ended hands on the slot.
func TestLeaderGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e := &entry[string, string]{ctx: ctx}
		q.slots, q.gathering = []slot[string, string]{{e, time.Now()}}, true
		if v := q.lead(ctx, e); v != expired {
			t.Errorf("got verdict %d, want that it expired", v)
		}
		s.want(t)
		idle(t, q)
	})
}

// If a leader keeps its slot for too long, a waiting call takes the slot over. When the
// old leader returns, it leaves the slot alone.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{hang: map[string]chan error{"a": make(chan error)}}
		q := s.queue()
		q.Patience = 100 * time.Millisecond
		began := time.Now()
		first := start(t.Context(), q, "a")
		start(t.Context(), q, "bcd")()
		if took := time.Since(began); took != 1100*time.Millisecond {
			t.Errorf("took %v, want 1.1s: the second takes over after 0.1s", took)
		}
		start(t.Context(), q, "e")()
		s.want(t, "bcd", "e")
		other := &entry[string, string]{}
		q.mu.Lock()
		q.slots = []slot[string, string]{{other, time.Now()}}
		q.mu.Unlock()
		s.hang["a"] <- errOne
		if got := first()["a"]; got != (outcome{"late a", errOne}) {
			t.Errorf("got %v, want its own result", got)
		}
		if len(q.slots) != 1 || q.slots[0].leader != other {
			t.Error("the leader that hung gave up the slot of another one")
		}
	})
}

// A leader that its batch leaves out hands on the slot and answers its followers before
// it runs alone, because it may hang on a lock.
func TestLeaderLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{errs: map[string]error{"b": ErrAlone}, hang: map[string]chan error{"b": make(chan error)}}
		q := s.queue()
		first := start(t.Context(), q, "a")
		leader := start(t.Context(), q, "b")
		followers := start(t.Context(), q, "cd")
		first()
		followers()
		start(t.Context(), q, "e")()
		s.hang["b"] <- nil
		leader()
		s.want(t, "a", "bcd", "e")
		idle(t, q)
	})
}

// If a batch panics, the other calls do not wait forever.
func TestQueueSurvivesPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{}
		q := s.queue()
		q.Batch = func(context.Context, []string, []string, []error) { panic("driver") }
		first := start(t.Context(), q, "a")
		caught := make(chan any, 1)
		go func() {
			defer func() { caught <- recover() }()
			_, _ = q.Do(t.Context(), "b")
		}()
		synctest.Wait()
		third := start(t.Context(), q, "c")
		if err := errors.Join(first()["a"].err, third()["c"].err); err != nil {
			t.Error(err)
		}
		if got := <-caught; got != "driver" {
			t.Errorf("got panic %v, want that of the driver", got)
		}
		s.want(t, "a", "c")
		idle(t, q)
	})
}

func TestBatchIsBounded(t *testing.T) {
	q := &Queue[string, string]{Max: 64}
	for range 70 {
		q.queue = append(q.queue, &entry[string, string]{})
	}
	if got := len(q.gather(&entry[string, string]{})); got != 64 {
		t.Errorf("got a batch of %d, want 64", got)
	}
	if got := len(q.queue); got != 7 {
		t.Errorf("%d wait on, want 7", got)
	}
}

func TestBatchContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		leader, hangUp := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
		at := func(d time.Duration) *entry[string, string] {
			return &entry[string, string]{deadline: time.Now().Add(d)}
		}

		ctx, cancel := batchContext(leader, []*entry[string, string]{at(time.Second), at(3 * time.Second), at(2 * time.Second)})
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
		ctx, cancel = batchContext(leader, []*entry[string, string]{at(time.Second), {}})
		defer cancel()
		if got, ok := ctx.Deadline(); ok {
			t.Errorf("got deadline %v, want none: one of them has none", got)
		}
	})
}
