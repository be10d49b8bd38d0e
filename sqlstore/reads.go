package sqlstore

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// Reads let those who wait to load at the same time share one statement: a server
// takes hardly longer to find many records than to find one.
//
// Who finds a free slot reads straight through. Everybody else waits, and the first
// of them who gets a slot reads for all, as in a group. Each statement begins after
// everybody that it answers had asked, so a merged load is as fresh as one alone.
type reads struct {
	slots    int
	patience time.Duration // after which who waits reads alone

	single func(context.Context, session.ID) (session.Record, error)
	many   func(ctx context.Context, ids []session.ID, found func(session.Record)) error

	mu        sync.Mutex
	active    int
	gathering bool // who got the last slot is about to take the queue
	queue     []*read
	crowded   bool // the last statement answered more than one
	alarm     *time.Timer
	due       time.Time // when alarm rings; zero: it does not

	spare sync.Pool // of *read, each with its channel
}

type read struct {
	id       session.ID
	deadline time.Time // zero: none
	until    time.Time // when patience or the deadline ends, whichever is first
	told     chan news // capacity 1; who is in the queue is told once
	rec      session.Record
	err      error
}

// maxReads bounds a statement, so that its first reader does not wait long for its
// last one's row.
const maxReads = 32

func newReads(s *Store) *reads {
	if s.names.dialect.inProcess {
		return nil
	}
	return &reads{slots: readSlots, patience: 100 * time.Millisecond, single: s.loadOne, many: s.loadMany}
}

// readSlots is how many statements may be on their way before who comes next waits
// for company. With one, the server idles while its answer is handed out, and the
// readers while it works: measured with 16 of them on a local server, two took four
// fifths of the time. More make smaller batches, which cost more than they gain.
const readSlots = 2

func (g *reads) do(ctx context.Context, id session.ID) (session.Record, error) {
	g.mu.Lock()
	free := g.active < g.slots && !g.gathering
	if free {
		g.active++
		g.gathering = g.crowded
	}
	if free && !g.crowded {
		g.mu.Unlock()
		defer g.release()
		return g.single(ctx, id)
	}
	r, _ := g.spare.Get().(*read)
	if r == nil {
		r = &read{told: make(chan news, 1)}
	}
	r.id = id
	r.deadline, _ = ctx.Deadline()
	if !free {
		g.enqueue(r)
	}
	g.mu.Unlock()

	n := lead
	if !free {
		n = <-r.told
	}
	if n == lead {
		n = g.lead(ctx, r)
	}
	rec, err := r.rec, r.err
	*r = read{told: r.told}
	g.spare.Put(r)
	switch n {
	case gone:
		return session.Record{}, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	case alone:
		return g.single(ctx, id)
	default:
		return rec, err
	}
}

// enqueue lets r wait. One alarm serves all, and is set about once for each patience:
// a timer for everybody took a tenth of the processor time of a load.
//
// The context's own end is not waited for: its deadline is kept, and a client who
// leaves is noticed when patience ends.
func (g *reads) enqueue(r *read) {
	r.until = time.Now().Add(g.patience)
	if !r.deadline.IsZero() && r.deadline.Before(r.until) {
		r.until = r.deadline
	}
	g.queue = append(g.queue, r)
	if g.due.IsZero() || r.until.Before(g.due) {
		g.wakeAt(r.until)
	}
}

func (g *reads) wakeAt(t time.Time) {
	g.due = t
	if g.alarm == nil {
		g.alarm = time.AfterFunc(time.Until(t), g.wake)
		return
	}
	g.alarm.Reset(time.Until(t))
}

// wake sends away those who have waited for too long.
func (g *reads) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, next := time.Now(), time.Time{}
	g.queue = slices.DeleteFunc(g.queue, func(r *read) bool {
		switch {
		case now.Before(r.until):
			if next.IsZero() || r.until.Before(next) {
				next = r.until
			}
			return false
		case r.until.Equal(r.deadline):
			r.told <- gone
		default:
			r.told <- alone
		}
		return true
	})
	g.due = time.Time{}
	if !next.IsZero() {
		g.wakeAt(next)
	}
}

// release gives the slot up, and the processor to whoever gets it, as in a group.
func (g *reads) release() {
	if g.handOn() {
		runtime.Gosched()
	}
}

// handOn hands the slot to the first in the queue.
func (g *reads) handOn() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.active--
		return false
	}
	next := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	next.told <- lead
	return true
}

// lead reads for r and those that wait with it. If that fails, each tries by itself:
// the fault may be with the leader's connection only.
func (g *reads) lead(ctx context.Context, r *read) news {
	defer g.release()
	runtime.Gosched() // others may be about to ask
	batch := g.gather(r)
	if len(batch) == 1 {
		r.rec, r.err = g.single(ctx, r.id)
		return done
	}
	outcome := alone // stays if a driver panics
	defer func() {
		for _, q := range batch[1:] {
			q.told <- outcome
		}
	}()
	ids := make([]session.ID, 0, len(batch))
	last := time.Time{}
	for _, q := range batch {
		q.err = session.ErrNotFound
		if !slices.Contains(ids, q.id) {
			ids = append(ids, q.id)
		}
		if q.deadline.After(last) {
			last = q.deadline
		}
	}
	ctx = context.WithoutCancel(ctx)
	if !last.IsZero() { // who has more time, or no deadline, goes on alone
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, last)
		defer cancel()
	}
	err := g.many(ctx, ids, func(rec session.Record) {
		taken := false
		for _, q := range batch {
			if q.id != rec.ID {
				continue
			}
			if taken {
				rec.Data = slices.Clone(rec.Data) // each owns its own
			}
			q.rec, q.err, taken = rec, nil, true
		}
	})
	if err != nil {
		return alone
	}
	outcome = done
	return done
}

func (g *reads) gather(r *read) []*read {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := min(len(g.queue), maxReads-1)
	batch := append([]*read{r}, g.queue[:n]...)
	g.queue = slices.Delete(g.queue, 0, n)
	g.crowded = n > 0
	g.gathering = false
	return batch
}
