package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A group lets writers of different sessions that wait at the same time commit
// together. A commit waits for the disk, and one wait can serve many.
//
// One writer has the turn. Who finds it free writes straight through, at the cost of
// one uncontended lock. Everybody else waits in the queue. Who has written hands the
// turn, and the processor, to the first in the queue, the next leader, who yields once,
// so that others who are about to write join the queue, then takes all of them into one
// batch, and tells each its own result. While batches come out longer than one write,
// who finds the turn free leads as well, or every second commit would carry a single
// write.
//
// The group knows nothing of versions or of sessions: it changes when writes happen,
// never what they mean.
type group struct {
	// patience is how long a writer may keep the turn before one that waits takes it
	// away: who hangs, on a lock or a dead connection, must not stop the others.
	// Zero: no limit, where only one can write anyway.
	patience time.Duration

	takes  func(op) bool
	fits   func(batch []*write, w *write) bool
	single func(context.Context, *write) error
	batch  func(context.Context, []*write) // sets the result of each

	mu      sync.Mutex
	holder  *write    // who has the turn; nil: it is free
	since   time.Time // when holder got it
	queue   []*write  // empty while the turn is free
	crowded bool      // the last batch was longer than one write
}

// waiting is the part of a write that belongs to its group.
type waiting struct {
	deadline time.Time // of the writer's context; zero: none
	told     chan news // capacity 1: who sends never waits
	result   error
}

// News is what ends a writer's wait.
type news int

const (
	done  news = iota // result is the outcome
	alone             // write it yourself, outside of the group
	lead              // the turn is yours
	gone              // your context ended
)

// errAlone is the result of a write that its batch did not store, for whatever
// reason: its own statement finds out.
var errAlone = errors.New("session: not stored by the batch")

// A batch is bounded in length and in bytes (one write may be longer), so that its first
// writer does not wait long for its last one's, and that a server takes it whose limit
// for a statement is a megabyte.
const (
	maxBatch      = 64
	maxBatchBytes = 256 << 10
)

// do writes w, together with others or not. A writer whose context ends while it
// waits withdraws; once it is taken into a batch, it waits for the outcome.
func (g *group) do(ctx context.Context, w *write) error {
	g.mu.Lock()
	free := g.holder == nil
	if free {
		g.holder, g.since = w, time.Now()
	}
	if free && !g.crowded {
		g.mu.Unlock()
		defer g.release(w)
		return g.single(ctx, w)
	}
	w.deadline, _ = ctx.Deadline()
	w.told = make(chan news, 1)
	if !free {
		g.queue = append(g.queue, w)
	}
	g.mu.Unlock()

	n := lead
	if !free {
		n = g.wait(ctx, w)
	}
	if n == lead {
		n = g.lead(ctx, w)
	}
	switch n {
	case gone:
		return cmp.Or(ctx.Err(), context.DeadlineExceeded)
	case alone:
		return g.single(ctx, w)
	default:
		return w.result
	}
}

// wait returns what the writer is told, or what it decides when its context ends, or
// when somebody has the turn for too long. Where there is patience, the end of the
// context is noticed when that ends, or at its deadline: to ask the context for Done
// would start a second timer.
func (g *group) wait(ctx context.Context, w *write) news {
	var ended <-chan struct{}
	var enough <-chan time.Time
	var timer *time.Timer
	if g.patience > 0 {
		timer = time.NewTimer(g.pause(w))
		defer timer.Stop()
		enough = timer.C
	} else {
		ended = ctx.Done()
	}
	for {
		select {
		case n := <-w.told:
			return n
		case <-ended:
		case <-enough:
		}
		over := ctx.Err() != nil || !w.deadline.IsZero() && !time.Now().Before(w.deadline)
		switch {
		case over && g.withdraw(w):
			return gone
		case over:
			return <-w.told
		case g.takeOver(w):
			return lead
		}
		timer.Reset(g.pause(w))
	}
}

// pause is how long to wait at most before the next look around.
func (g *group) pause(w *write) time.Duration {
	if w.deadline.IsZero() {
		return g.patience
	}
	return min(g.patience, time.Until(w.deadline))
}

// withdraw takes w out of the queue. It fails if somebody else already did.
func (g *group) withdraw(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.leave(w)
}

// takeOver takes w out of the queue and gives it the turn, if the holder has had it
// for too long.
func (g *group) takeOver(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Sub(g.since) < g.patience || !g.leave(w) {
		return false
	}
	g.holder, g.since = w, now
	return true
}

func (g *group) leave(w *write) bool {
	i := slices.Index(g.queue, w)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	return i >= 0
}

// release gives the turn up, and the processor to whoever gets it: everybody waits for
// that one, and nobody yet for what is left to do here.
func (g *group) release(w *write) {
	if g.handOn(w) {
		runtime.Gosched()
	}
}

// handOn hands the turn to the first in the queue, unless w has lost it meanwhile.
func (g *group) handOn(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holder != w {
		return false
	}
	g.holder = nil
	if len(g.queue) == 0 {
		return false
	}
	g.holder, g.since = g.queue[0], time.Now()
	g.queue = slices.Delete(g.queue, 0, 1)
	g.holder.told <- lead
	return true
}

// lead writes w and those that wait with it, and returns what that means for w. What
// the batch left out of w is written after the turn is given up.
func (g *group) lead(ctx context.Context, w *write) news {
	defer g.release(w)
	if ctx.Err() != nil {
		return gone
	}
	runtime.Gosched()
	batch := g.gather(w)
	for _, w := range batch {
		w.result = errAlone // holds if a driver panics
	}
	if len(batch) == 1 {
		w.result = g.single(ctx, w)
		return done
	}
	defer func() {
		for _, follower := range batch[1:] {
			follower.told <- outcome(follower)
		}
	}()
	ctx, cancel := batchContext(ctx, batch)
	defer cancel()
	g.batch(ctx, batch)
	return outcome(w)
}

func outcome(w *write) news {
	if errors.Is(w.result, errAlone) {
		return alone
	}
	return done
}

// gather takes those who fit together with w out of the queue. Who has no deadline is
// kept apart from those who have one: the one must not be ended by theirs, and they must
// not wait for ever with it.
func (g *group) gather(w *write) []*write {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := []*write{w}
	bytes := w.size()
	rest := g.queue[:0]
	for _, q := range g.queue {
		if len(batch) < maxBatch && bytes+q.size() <= maxBatchBytes && q.deadline.IsZero() == w.deadline.IsZero() && g.fits(batch, q) {
			batch, bytes = append(batch, q), bytes+q.size()
		} else {
			rest = append(rest, q)
		}
	}
	clear(g.queue[len(rest):])
	g.queue = rest
	g.crowded = len(batch) > 1
	return batch
}

// batchContext is nobody's own: it keeps the leader's values, but a leader who hangs
// up must not fail the others. It ends when the last of their deadlines passes.
func batchContext(ctx context.Context, batch []*write) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	var last time.Time
	for _, w := range batch {
		if w.deadline.IsZero() {
			return ctx, func() {}
		}
		if w.deadline.After(last) {
			last = w.deadline
		}
	}
	return context.WithDeadline(ctx, last)
}

func newGroup(s *Store) *group {
	if s.names.dialect.together == inTransaction {
		// SQLite has one writer at a time, so waiting for the turn replaces the wait
		// for the file's lock, which is unfair and may last for many commits.
		return &group{
			takes:  func(op) bool { return true },
			fits:   func([]*write, *write) bool { return true },
			single: s.writeAlone,
			batch:  s.writeInTransaction,
		}
	}
	return &group{
		// Two turns at once halve the batches: measured, they gain nothing, also if the
		// second one waits for as many as the first one took.
		patience: 100 * time.Millisecond,
		takes:    func(o op) bool { return o == opUpdate && !s.apart.Load() },
		fits:     otherIDs,
		single:   s.writeAlone,
		batch:    s.writeInStatement,
	}
}
