package sqlstore

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// A group lets writers of different sessions that wait at the same time commit
// together. A commit waits for the disk, and one wait can serve many.
//
// Who finds a free slot writes straight through, at the cost of one uncontended lock.
// Everybody else waits in the queue. Who gives up a slot hands it to the first in the
// queue, the next leader, who yields the processor once, so that others who are about
// to write join the queue, then takes all of them into one batch, and tells each its
// own result. While batches come out longer than one write, who finds a free slot
// leads as well, or every second commit would carry a single write.
//
// The group knows nothing of versions or of sessions: it changes when writes happen,
// never what they mean.
type group struct {
	slots int // how many may write at once

	// patience is how long a writer stays in the queue before it writes alone: one
	// that hangs on a dead connection must not stop the others. Zero: no limit.
	patience time.Duration

	takes  func(op) bool
	fits   func(batch []*write, w *write) bool
	single func(context.Context, *write) error
	batch  func(context.Context, []*write) // sets the result of each

	mu      sync.Mutex
	active  int      // slots in use
	queue   []*write // empty while a slot is free
	crowded bool     // the last batch was longer than one write
}

// waiting is the part of a write that belongs to its group.
type waiting struct {
	deadline time.Time // of the writer's context; zero: none
	turn     chan turn // capacity 1: who sends never waits
	result   error
}

// A turn is what a waiting writer is told.
type turn int

const (
	done  turn = iota // result is the outcome
	alone             // write it yourself, outside of the group
	lead              // the slot is yours
	gone              // nothing: its context ended while it waited
)

// errAlone is the result of a write that its batch did not store, for whatever
// reason: its own statement finds out.
var errAlone = errors.New("session: not stored by the batch")

// A batch is bounded in length and in bytes of data (one write may be longer), so
// that its first writer does not wait long for its last one's.
const (
	maxBatch      = 64
	maxBatchBytes = 1 << 20
)

// do writes w, together with others or not. A writer whose context ends while it
// waits withdraws; once it is taken into a batch, it waits for the outcome.
func (g *group) do(ctx context.Context, w *write) error {
	g.mu.Lock()
	if g.active < g.slots && !g.crowded {
		g.active++
		g.mu.Unlock()
		defer g.release()
		return g.single(ctx, w)
	}
	w.deadline, _ = ctx.Deadline()
	w.turn = make(chan turn, 1)
	if g.active < g.slots {
		g.active++
		g.mu.Unlock()
		return g.lead(ctx, w)
	}
	g.queue = append(g.queue, w)
	g.mu.Unlock()

	switch g.wait(ctx, w) {
	case gone:
		return ctx.Err()
	case lead:
		return g.lead(ctx, w)
	case alone:
		return g.single(ctx, w)
	default:
		return w.result
	}
}

// wait returns what the writer is told, or what it decides when its context or its
// patience ends before that.
func (g *group) wait(ctx context.Context, w *write) turn {
	var enough <-chan time.Time
	if g.patience > 0 {
		timer := time.NewTimer(g.patience)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case t := <-w.turn:
		return t
	case <-ctx.Done():
		if g.withdraw(w) {
			return gone
		}
	case <-enough:
		if g.withdraw(w) {
			return alone
		}
	}
	return <-w.turn
}

// withdraw takes w out of the queue; it fails if somebody else already did.
func (g *group) withdraw(w *write) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.queue, w)
	if i < 0 {
		return false
	}
	g.queue = slices.Delete(g.queue, i, i+1)
	return true
}

// release hands the slot to the first in the queue.
func (g *group) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.active--
		return
	}
	next := g.queue[0]
	g.queue = slices.Delete(g.queue, 0, 1)
	next.turn <- lead
}

// lead writes w and those that wait with it.
func (g *group) lead(ctx context.Context, w *write) error {
	defer g.release()
	if err := ctx.Err(); err != nil {
		return err
	}
	runtime.Gosched()
	batch := g.gather(w)
	if len(batch) == 1 {
		return g.single(ctx, w)
	}
	for _, w := range batch {
		w.result = errAlone // holds if a driver panics
	}
	defer func() {
		for _, follower := range batch[1:] {
			follower.turn <- outcome(follower)
		}
	}()
	ctxBatch, cancel := batchContext(ctx, batch)
	defer cancel()
	g.batch(ctxBatch, batch)
	if outcome(w) == alone {
		return g.single(ctx, w)
	}
	return w.result
}

func outcome(w *write) turn {
	if w.result == errAlone {
		return alone
	}
	return done
}

// gather takes those who fit together with w out of the queue.
func (g *group) gather(w *write) []*write {
	g.mu.Lock()
	defer g.mu.Unlock()
	batch := []*write{w}
	bytes := len(w.rec.Data)
	rest := g.queue[:0]
	for _, q := range g.queue {
		bytes += len(q.rec.Data)
		if len(batch) < maxBatch && bytes <= maxBatchBytes && g.fits(batch, q) {
			batch = append(batch, q)
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
	switch s.names.dialect.together {
	case inTransaction:
		// SQLite has one writer, so one slot loses nothing: it replaces the wait for
		// the file's lock, which is unfair and may last for many commits.
		return &group{
			slots:  1,
			takes:  func(op) bool { return true },
			fits:   func([]*write, *write) bool { return true },
			single: s.writeAlone,
			batch:  s.writeInTransaction,
		}
	case inStatement:
		return &group{
			// A second slot halves the batches: measured, it gains nothing.
			slots:    1,
			patience: 100 * time.Millisecond,
			takes:    func(o op) bool { return o == opUpdate },
			fits:     otherIDs,
			single:   s.writeAlone,
			batch:    s.writeInStatement,
		}
	default:
		return nil
	}
}

// writeInTransaction gives each write its own statement in one transaction.
//
// A deferred BEGIN is enough although the transaction writes: its first statement is
// a write, and takes the lock before it has read anything that could grow stale.
func (s *Store) writeInTransaction(ctx context.Context, batch []*write) {
	committing := false
	err := s.retry(ctx, func() error {
		committing = false
		if _, err := s.prepared(ctx, s.text.exists); err != nil {
			return err
		}
		for _, w := range batch {
			text, _ := s.statement(w)
			if _, err := s.prepared(ctx, text); err != nil {
				return err
			}
		}
		tx, err := s.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // does nothing after Commit
		for _, w := range batch {
			w.result = s.exec(ctx, tx, w)
			if w.result != nil && w.result != session.ErrNotFound && w.result != session.ErrConflict {
				return w.result
			}
		}
		committing = true
		return tx.Commit()
	})
	if err == nil {
		return
	}
	if !committing && !s.names.dialect.transient(err) {
		err = errAlone // nothing is stored, and the fault may be with one of them only
	}
	for _, w := range batch {
		w.result = err
	}
}

// otherIDs keeps a batch to one write for each session: a statement changes a row
// only once.
func otherIDs(batch []*write, w *write) bool {
	return !slices.ContainsFunc(batch, func(b *write) bool { return b.rec.ID == w.rec.ID })
}

// writeInStatement updates many records by one statement, which skips those that
// another transaction has locked: a lock that is held for long must not hold up the
// others, and batches of two processes cannot deadlock. Whom it left out, for that
// or another reason, writes alone.
func (s *Store) writeInStatement(ctx context.Context, batch []*write) {
	stored, err := s.updateMany(ctx, batch)
	for _, w := range batch {
		switch {
		case err == nil && stored[w.rec.ID]:
			w.result = nil
		case err == nil, refused(err):
			w.result = errAlone
		default:
			w.result = err // nobody knows what is stored
		}
	}
}

// refused is true if the server itself reports that the statement failed, and does
// not end the connection with it (classes 08 and 57P).
func refused(err error) bool {
	state := sqlState(err)
	return state != "" && !strings.HasPrefix(state, "08") && !strings.HasPrefix(state, "57P")
}

func (s *Store) updateMany(ctx context.Context, batch []*write) (map[session.ID]bool, error) {
	rows := 2
	for rows < len(batch) {
		rows *= 2 // few lengths, so that few statements are prepared
	}
	args := make([]any, 0, rows*updateColumns)
	for _, w := range batch {
		args = append(args, w.rec.ID[:], int64(w.rec.Version))
		args = append(args, recordArgs(&w.rec)...)
	}
	args = args[:rows*updateColumns] // the rest is NULL, which is no ID
	stmt, err := s.prepared(ctx, s.names.updateText(rows))
	if err != nil {
		return nil, err
	}
	ids, err := scanIDs(stmt.QueryContext(ctx, args...))
	stored := make(map[session.ID]bool, len(ids))
	for _, id := range ids {
		stored[session.ID(id.([]byte))] = true
	}
	return stored, err
}

const updateColumns = 9

func (n names) updateText(rows int) string {
	const (
		first = "(?::bytea, ?::bigint, ?::text, ?::text, ?::text, ?::bigint, ?::bigint, ?::bigint, ?::bytea)"
		other = ", (?, ?, ?, ?, ?, ?, ?, ?, ?)"
	)
	return n.text("WITH new (id, version, owner, address, user_agent, created_at, last_activity, expires_at, data) AS (" +
		"VALUES " + first + strings.Repeat(other, rows-1) + "), mine AS (" +
		"SELECT t.id FROM {table} t JOIN new ON t.id = new.id AND t.version = new.version FOR UPDATE OF t SKIP LOCKED) " +
		"UPDATE {table} t SET version = t.version + 1, owner = new.owner, address = new.address, user_agent = new.user_agent, " +
		"created_at = new.created_at, last_activity = new.last_activity, expires_at = new.expires_at, data = new.data " +
		"FROM new JOIN mine ON mine.id = new.id WHERE t.id = new.id AND t.version = new.version RETURNING t.id")
}
