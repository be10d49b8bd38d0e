package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
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
	many   func(context.Context, []session.ID) (map[session.ID]session.Record, error)

	mu      sync.Mutex
	active  int
	queue   []*read
	crowded bool // the last statement answered more than one
}

type read struct {
	id       session.ID
	deadline time.Time // zero: none
	told     chan news // capacity 1
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
// for company. More of them make smaller batches: measured with 16 readers on a local
// server, two took 1.3 times as long as one, and four 1.5 times.
const readSlots = 1

func (g *reads) do(ctx context.Context, id session.ID) (session.Record, error) {
	g.mu.Lock()
	free := g.active < g.slots
	if free {
		g.active++
	}
	if free && !g.crowded {
		g.mu.Unlock()
		defer g.release()
		return g.single(ctx, id)
	}
	r := &read{id: id, told: make(chan news, 1)}
	r.deadline, _ = ctx.Deadline()
	if !free {
		g.queue = append(g.queue, r)
	}
	g.mu.Unlock()

	n := lead
	if !free {
		n = g.wait(r)
	}
	if n == lead {
		n = g.lead(ctx, r)
	}
	switch n {
	case gone:
		return session.Record{}, cmp.Or(ctx.Err(), context.DeadlineExceeded)
	case alone:
		return g.single(ctx, id)
	default:
		return r.rec, r.err
	}
}

func (g *reads) wait(r *read) news {
	// The context's own end is not waited for, which would start another timer: its
	// deadline is kept, and a client who leaves is noticed when patience ends.
	patience, n := g.patience, alone
	if left := time.Until(r.deadline); !r.deadline.IsZero() && left < patience {
		patience, n = left, gone
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case n := <-r.told:
		return n
	case <-timer.C:
	}
	g.mu.Lock()
	i := slices.Index(g.queue, r)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	g.mu.Unlock()
	if i < 0 {
		return <-r.told
	}
	return n
}

// release hands the slot to the first in the queue.
func (g *reads) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.active--
		return
	}
	next := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	next.told <- lead
}

// lead reads for r and those that wait with it. If that fails, each tries by itself:
// the fault may be with the leader's connection only.
func (g *reads) lead(ctx context.Context, r *read) news {
	defer g.release()
	if ctx.Err() != nil {
		return gone
	}
	runtime.Gosched()
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
	var ids []session.ID
	for _, q := range batch {
		if !slices.Contains(ids, q.id) {
			ids = append(ids, q.id)
		}
	}
	last, bounded := time.Time{}, true
	for _, q := range batch {
		bounded = bounded && !q.deadline.IsZero()
		if q.deadline.After(last) {
			last = q.deadline
		}
	}
	ctx = context.WithoutCancel(ctx)
	if bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, last)
		defer cancel()
	}
	recs, err := g.many(ctx, ids)
	if err != nil {
		return alone
	}
	for _, q := range batch {
		rec, ok := recs[q.id]
		if !ok {
			q.err = session.ErrNotFound
			continue
		}
		q.rec = rec
		rec.Data = slices.Clone(rec.Data) // the next one of the same session owns its own
		recs[q.id] = rec
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
	return batch
}

// loadMany reads the records of several IDs by one SELECT. Those that are absent are
// not in the map.
func (s *Store) loadMany(ctx context.Context, ids []session.ID) (map[session.ID]session.Record, error) {
	rows := 1
	for rows < len(ids) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args := make([]any, rows) // the rest is NULL, which is no ID
	for i := range ids {
		args[i] = ids[i][:]
	}
	recs := make(map[session.ID]session.Record, len(ids))
	text := s.text.loadMany[rows]
	err := s.queryDirect(ctx, text, args, func(raw [][]byte) (err error) {
		if id, ok := idOf(raw[0]); ok {
			recs[id], err = recordOf(id, raw[1:])
		}
		return err
	})
	if !errors.Is(err, errIndirect) {
		return recs, err
	}
	stmt, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	found, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var r row
		if err := found.Scan(r.destWithID()...); err != nil {
			return nil, err
		}
		if id, ok := idOf(r.id); ok {
			recs[id] = r.record(id)
		}
	}
	return recs, found.Err()
}

// idOf fails for what is not one of ours, and was not asked for.
func idOf(b []byte) (id session.ID, ok bool) {
	if len(b) != len(id) {
		return id, false
	}
	return session.ID(b), true
}

// loadTexts returns the statement for each number of rows that loadMany uses.
func (n names) loadTexts() map[int]string {
	texts := make(map[int]string)
	for rows := 1; rows <= maxReads; rows *= 2 {
		texts[rows] = n.text("SELECT id, " + recordColumns + " FROM {table} WHERE id IN (?" + strings.Repeat(", ?", rows-1) + ")")
	}
	return texts
}
