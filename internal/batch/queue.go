// Package batch combines calls that wait at the same time, so that one statement or
// one transaction serves many of them.
package batch

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A Queue combines calls of type C with results of type R.
//
// A call that finds a free slot runs at once, alone, at the cost of an uncontended
// lock. All others wait in the queue. When a call is done, it hands its slot and the
// processor to the first call in the queue, which becomes a leader. The leader yields
// once, so that goroutines that are about to call can join the queue. Then it takes all
// calls in the queue as its followers into one batch, and each gets its own result.
// While batches have more than one call, a call that finds a free slot becomes a leader
// as well; otherwise every second batch would consist of a single call.
//
// On a distant server, more slots are free, as [Server] says, so that calls wait for each
// other only when it is saturated.
//
// A batch begins after all of its calls did, so a result is as fresh as that of a call
// that runs alone.
//
// The fields must not change after the first call.
type Queue[C, R any] struct {
	Slots int // how many batches may always run at once
	Max   int // how many calls a batch may have

	// Server adds slots while it has room for more statements. If it is nil, there are
	// only Slots.
	Server *Server

	// Patience is how long a leader may keep its slot before a waiting call takes the
	// slot over. A leader that hangs on a lock or a dead connection then does not stop
	// the others. If Patience is 0, there is no limit.
	Patience time.Duration

	// Fits reports whether a call may join a batch. If it is nil, any call may.
	Fits func(batch []C, next C) bool

	// Single runs a call alone.
	Single func(context.Context, C) (R, error)

	// Batch runs several calls and sets their results and errors. The errors are
	// [ErrAlone] at first, and stay so if Batch panics.
	Batch func(ctx context.Context, calls []C, results []R, errs []error)

	mu        sync.Mutex
	slots     []slot[C, R]   // slots that are taken
	queue     []*entry[C, R] // empty while no slot is taken
	crowded   bool           // the last batch was longer than one call
	gathering bool           // a leader is about to take the queue
	alarm     *time.Timer
	due       time.Time // when the alarm rings; zero if it is off

	spare sync.Pool // of *entry[C, R], each with its channel
}

// ErrAlone is the error of a call that its batch left out. Single then runs the call.
var ErrAlone = errors.New("session: left out of the batch")

type slot[C, R any] struct {
	leader *entry[C, R]
	since  time.Time
}

// An entry is a call that waits or has a slot.
type entry[C, R any] struct {
	ctx      context.Context //nolint:containedctx // the alarm asks whether the caller still waits
	call     C
	deadline time.Time    // of the context; zero if it has none
	look     time.Time    // when the alarm checks the entry next; zero if never
	told     chan verdict // capacity 1, used once, so the sender never waits
	result   R
	err      error
}

// A verdict ends the wait of an entry.
type verdict int

const (
	done    verdict = iota // the result is there
	lead                   // the entry has a slot
	expired                // the deadline passed
)

// Do runs a call, alone or in a batch. If its context ends while it waits in the queue,
// it leaves the queue; once a batch has taken it, it waits for the result. With a
// Patience, Do notices the end of a context only at its deadline or when the patience
// ends, because asking the context for Done would start another timer.
func (q *Queue[C, R]) Do(ctx context.Context, call C) (R, error) {
	e, _ := q.spare.Get().(*entry[C, R])
	if e == nil {
		e = &entry[C, R]{told: make(chan verdict, 1)}
	}
	q.mu.Lock()
	free := q.free()
	alone := free && !q.crowded && len(q.queue) == 0
	if free {
		q.slots = append(q.slots, slot[C, R]{e, time.Now()})
		q.gathering = !alone
	}
	if alone {
		q.mu.Unlock()
		defer func() {
			q.release(e)
			q.spare.Put(e)
		}()
		return q.Single(ctx, call)
	}
	e.ctx, e.call = ctx, call
	e.deadline, _ = ctx.Deadline()
	if !free {
		q.enqueue(e)
	}
	q.mu.Unlock()

	v := lead
	if !free {
		v = q.wait(ctx, e)
	}
	if v == lead {
		v = q.lead(ctx, e)
	}
	result, err := e.result, e.err
	*e = entry[C, R]{told: e.told}
	q.spare.Put(e)
	switch {
	case v == expired:
		return result, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	case errors.Is(err, ErrAlone):
		return q.Single(ctx, call)
	}
	return result, err
}

// free reports whether a call may take a slot.
func (q *Queue[C, R]) free() bool {
	running := len(q.slots)
	return !q.gathering && (running < q.Slots || q.Server != nil && q.Server.room(running))
}

// Waiting returns how many calls wait for a slot, for tests.
func (q *Queue[C, R]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}

// enqueue adds the entry to the queue and sets the alarm. One alarm serves all entries:
// measured, a timer for each took a tenth of the processor time of a load.
func (q *Queue[C, R]) enqueue(e *entry[C, R]) {
	q.queue = append(q.queue, e)
	if q.Patience > 0 {
		now := time.Now()
		e.lookAfter(now, q.Patience)
		q.wake(e.look, now)
	}
}

func (e *entry[C, R]) lookAfter(now time.Time, patience time.Duration) {
	e.look = now.Add(patience)
	if !e.deadline.IsZero() && e.deadline.Before(e.look) {
		e.look = e.deadline
	}
}

// wake makes the alarm ring at the given time or earlier.
func (q *Queue[C, R]) wake(at, now time.Time) {
	switch {
	case !q.due.IsZero() && !at.Before(q.due):
		return
	case q.alarm == nil:
		q.alarm = time.AfterFunc(at.Sub(now), q.ring)
	default:
		q.alarm.Reset(at.Sub(now))
	}
	q.due = at
}

// ring removes the entries whose context has ended. It gives the slot of a leader that
// has kept it for too long to a waiting entry.
func (q *Queue[C, R]) ring() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.due = time.Time{}
	q.queue = slices.DeleteFunc(q.queue, func(e *entry[C, R]) bool {
		if !now.Before(e.look) {
			switch {
			case !e.deadline.IsZero() && !now.Before(e.deadline), e.ctx.Err() != nil:
				e.told <- expired
				return true
			case q.takeOver(e, now):
				e.told <- lead
				return true
			}
			e.lookAfter(now, q.Patience)
		}
		q.wake(e.look, now)
		return false
	})
}

func (q *Queue[C, R]) takeOver(e *entry[C, R], now time.Time) bool {
	for i, s := range q.slots {
		if now.Sub(s.since) >= q.Patience {
			q.slots[i] = slot[C, R]{e, now}
			return true
		}
	}
	return false
}

// wait returns the verdict on the entry. Without a Patience there is no alarm, so wait
// watches the context itself.
func (q *Queue[C, R]) wait(ctx context.Context, e *entry[C, R]) verdict {
	if q.Patience > 0 {
		return <-e.told
	}
	select {
	case v := <-e.told:
		return v
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.queue, e)
	if i >= 0 {
		q.queue = slices.Delete(q.queue, i, i+1)
	}
	q.mu.Unlock()
	if i >= 0 {
		return expired
	}
	return <-e.told
}

// release hands on the slot, and yields the processor to the new leader: its whole
// batch waits for it, and nobody waits for the rest of this call.
func (q *Queue[C, R]) release(e *entry[C, R]) {
	if q.handOn(e) {
		runtime.Gosched()
	}
}

// handOn hands the slot to the first entry in the queue and reports whether it did. It
// does nothing if e has lost the slot in the meantime.
func (q *Queue[C, R]) handOn(e *entry[C, R]) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.IndexFunc(q.slots, func(s slot[C, R]) bool { return s.leader == e })
	switch {
	case i < 0:
		return false
	case len(q.queue) == 0:
		q.slots = slices.Delete(q.slots, i, i+1)
		return false
	}
	next := q.queue[0]
	q.queue = slices.Delete(q.queue, 0, 1)
	q.slots[i] = slot[C, R]{next, time.Now()}
	next.told <- lead
	return true
}

// lead runs e in a batch with the calls that wait. If the batch leaves the leader out,
// Do runs it alone, after lead has answered the followers and handed on the slot.
func (q *Queue[C, R]) lead(ctx context.Context, e *entry[C, R]) verdict {
	defer q.release(e)
	if ctx.Err() != nil {
		q.mu.Lock()
		q.gathering = false
		q.mu.Unlock()
		return expired
	}
	runtime.Gosched()
	batch := q.gather(e)
	if len(batch) == 1 {
		e.result, e.err = q.Single(ctx, e.call)
		return done
	}
	calls, results, errs := make([]C, len(batch)), make([]R, len(batch)), make([]error, len(batch))
	for i, b := range batch {
		calls[i], errs[i] = b.call, ErrAlone
	}
	defer func() {
		for i, b := range batch {
			b.result, b.err = results[i], errs[i]
			if i > 0 {
				b.told <- done
			}
		}
	}()
	ctx, cancel := batchContext(ctx, batch)
	defer cancel()
	q.Batch(ctx, calls, results, errs)
	return done
}

// gather takes the calls that fit from the queue. It keeps calls with a deadline apart
// from calls without one: a call without a deadline must not be ended by the deadlines
// of others, and a call with one must not wait forever.
func (q *Queue[C, R]) gather(e *entry[C, R]) []*entry[C, R] {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, calls := []*entry[C, R]{e}, []C{e.call}
	rest := q.queue[:0]
	for _, next := range q.queue {
		if len(batch) < q.Max && next.deadline.IsZero() == e.deadline.IsZero() && (q.Fits == nil || q.Fits(calls, next.call)) {
			batch, calls = append(batch, next), append(calls, next.call)
		} else {
			rest = append(rest, next)
		}
	}
	clear(q.queue[len(rest):])
	q.queue = rest
	q.crowded, q.gathering = len(batch) > 1, false
	return batch
}

// batchContext returns the context of a batch. It has the leader's values, but does not
// end when the leader is canceled, so that the followers don't fail. It ends at the
// last of their deadlines.
func batchContext[C, R any](ctx context.Context, batch []*entry[C, R]) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	var last time.Time
	for _, e := range batch {
		if e.deadline.IsZero() {
			return ctx, func() {}
		}
		if e.deadline.After(last) {
			last = e.deadline
		}
	}
	return context.WithDeadline(ctx, last)
}
