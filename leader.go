package session

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

const maxTries = 4

func (m *Manager) queuesOf(id ID) *queues { return &m.queues[id[0]%64] }

// combine commits a patch, alone or in a batch. The outcome is in the patch.
func (m *Manager) combine(ctx context.Context, p *patch) {
	id := p.at.rec.ID
	qs := m.queuesOf(id)
	qs.mu.Lock()
	q := qs.byID[id]
	if q != nil {
		p.inbox = make(chan message, 1)
		q.followers = append(q.followers, p)
		qs.mu.Unlock()
		m.follow(ctx, qs, q, p)
		return
	}
	if qs.byID == nil {
		qs.byID = map[ID]*queue{}
	}
	q = &p.queue
	qs.byID[id] = q
	if at := qs.latest; at != nil && at.rec.ID == id {
		p.crowded = qs.slow
		if at.rec.Version > p.at.rec.Version {
			p.rebase(at)
		}
	}
	qs.mu.Unlock()
	m.lead(ctx, qs, q, p)
}

// follow does what the leader asks for until the outcome is known. If the deadline
// passes before a leader has taken the patch, follow withdraws it.
func (m *Manager) follow(ctx context.Context, qs *queues, q *queue, p *patch) {
	expired := ctx.Done()
	var panicked any
	for {
		select {
		case msg := <-p.inbox:
			switch msg.kind {
			case applyPatch:
				panicked = p.answerAndStay(msg)
			case becomeLeader:
				if msg.at.rec.Version > p.at.rec.Version {
					p.winner = msg.from
				}
				if msg.at.rec.Version >= p.at.rec.Version {
					p.rebase(msg.at)
				}
				p.crowded, p.began = true, m.cfg.Now()
				m.lead(ctx, qs, q, p)
				return
			case isDone:
				if panicked != nil {
					panic(panicked)
				}
				return
			}
		case <-expired:
			if qs.withdraw(q, p) {
				p.outcome, p.err = failed, storeError("update", p.at.rec.ID, ctx.Err())
				return
			}
			expired = nil
		}
	}
}

// lead commits the leader's patch and a batch of followers. Whatever happens, the
// followers get an answer, and the next one leads.
func (m *Manager) lead(ctx context.Context, qs *queues, q *queue, p *patch) {
	l := leader{m: m, own: p, ctx: ctx}
	returned := false
	defer func() {
		if !returned && !l.exiting { // the store has panicked
			l.failAll(storeError("update", p.at.rec.ID, errInterrupted))
		}
		var unanswered []*patch
		for _, f := range l.batch {
			if l.exiting && f.outcome != abandoned {
				unanswered = append(unanswered, f)
			} else {
				f.inbox <- message{kind: isDone}
			}
		}
		m.leadNext(ctx, qs, q, p, unanswered)
	}()
	l.commit(ctx, qs, q)
	returned = true
	if l.panicked != nil {
		panic(l.panicked)
	}
}

// leadNext makes the first follower the leader. Followers that this leader took but did
// not answer come first.
func (m *Manager) leadNext(ctx context.Context, qs *queues, q *queue, p *patch, unanswered []*patch) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	qs.keep(p)
	if len(unanswered) > 0 {
		q.followers = append(unanswered, q.followers...)
	}
	if len(q.followers) == 0 {
		delete(qs.byID, p.at.rec.ID)
		return
	}
	next := q.followers[0]
	q.followers = slices.Delete(q.followers, 0, 1)
	next.inbox <- message{kind: becomeLeader, at: p.at, from: ctx}
}

// A leader commits its own patch, and those of a batch of followers.
type leader struct {
	m        *Manager
	own      *patch
	ctx      context.Context // of the request that leads
	batch    []*patch
	commitID uint64 // under which the store remembers the whole batch
	passive  bool   // nothing that is applied counts as visitor activity
	loaded   bool   // the record was loaded during this commit: it is the store's
	panicked any    // by a function of its own patch
	exiting  bool   // still true at the end: such a function has ended the goroutine
}

// commit applies the patches and stores the result, again on each newer version.
func (l *leader) commit(ctx context.Context, qs *queues, q *queue) {
	p := l.own
	now := p.began
	if !p.alone() {
		l.gather(qs, q)
		if len(l.batch) > 0 {
			now = l.m.cfg.Now() // the session may have expired before the followers came
		}
	}
	if !now.Before(p.at.rec.ExpiresAt) {
		// Another request may have extended the session since it was loaded.
		if _, err := l.reload(ctx, ErrConflict, 0); err != nil {
			l.failAll(err)
			return
		}
	}
	for try := 0; ; try++ {
		next := &p.next
		if try > 0 {
			next = new(stored)
		}
		some := l.fold(ctx, now.UTC(), next)
		if !l.loaded && l.anyFailed() {
			// The record may be older than the stored one, to which the patch may apply.
			if _, err := l.reload(ctx, ErrConflict, 0); err != nil {
				l.failAll(err)
				return
			}
			l.decideAnew()
			continue
		}
		if !some {
			return
		}
		// A touch doesn't change the version. A commit that counts as activity sets a
		// later time than any touch before it. One that doesn't would restore the older
		// time of its record, so it loads first, as after a conflict.
		err := ErrConflict
		if try > 0 || !l.passive {
			err = l.update(ctx, &next.rec)
		}
		switch {
		case err == nil:
			next.rec.Version++
			l.succeed(next)
			return
		case errors.Is(err, ErrNotFound):
			l.failAll(errGone)
			return
		}
		done, err := l.reload(ctx, err, try)
		switch {
		case err != nil:
			l.failAll(err)
			return
		case done:
			l.succeed(p.at)
			return
		}
		now = l.m.cfg.Now()
	}
}

// gather takes followers into the batch.
func (l *leader) gather(qs *queues, q *queue) {
	if l.own.crowded {
		runtime.Gosched() // lets requests that are about to commit join the queue
	}
	l.batch = qs.takeBatch(q)
	for _, f := range l.batch { // a follower may have loaded a newer record
		if f.at.rec.Version > l.own.at.rec.Version {
			l.own.rebase(f.at)
		}
	}
}

// update stores the record, and counts the conflicts. If others commit the same session, it
// measures how long that takes.
func (l *leader) update(ctx context.Context, rec *Record) (err error) {
	if !l.own.crowded && len(l.batch) == 0 {
		err = l.m.store.Update(ctx, *rec)
	} else {
		began := time.Now()
		err = l.m.store.Update(ctx, *rec)
		l.own.took = time.Since(began)
	}
	if errors.Is(err, ErrConflict) {
		l.own.replays++
	}
	return err
}

// fold applies the patches in turn to the record and sets to to the result. It leaves
// out those that fail. It reports whether there is anything to store.
func (l *leader) fold(ctx context.Context, now time.Time, to *stored) (some bool) {
	*to = *l.own.at
	rec, d := &to.rec, &to.draft
	if !now.Before(rec.ExpiresAt) {
		l.failAll(errGone)
		return false
	}
	l.passive = true
	for i := -1; i < len(l.batch); i++ {
		p := l.own
		if i >= 0 {
			p = l.batch[i]
		}
		if p.outcome == abandoned {
			continue
		}
		if p.retries != 0 && (d.remembers(p.id) || d.remembers(p.retries)) { // there is no batch
			p.outcome, p.replayed = isStored, true
			p.rotated = p.rotation != 0 && d.digest.equal(&p.digest)
			return false
		}
		next := *d
		p.outcome = undecided
		if p.rotation == privilege && d.standingOf(&p.presented, now) == noToken {
			p.err = ErrEnded // replaced by a periodic rotation, longer ago than the grace
		} else if p.err = l.apply(ctx, p, &next); p.err == nil {
			p.err = l.m.cfg.checkSize(&next, d.doc.Len())
		}
		if p.err != nil {
			switch {
			case p.outcome == abandoned:
			case some:
				p.outcome = failedEarly
			default:
				p.outcome = failed
			}
			continue
		}
		p.outcome = applied
		p.rotated = p.rotation == privilege || p.rotation == periodic && next.digest.equal(&p.presented)
		if p.rotated {
			next.rotate(p.rotation.between(d, &next), p.digest, now, l.m.cfg.Grace)
		}
		if p.answers && (p.rotated || next.digest.equal(&p.presented)) && l.m.cfg.outdated(&next, rec.CreatedAt, now) {
			next.keptUntil = l.m.cfg.keptUntil(&next, rec.CreatedAt, now)
		}
		next.history = l.m.cfg.remember(d.history, rec.Version+1, now, p.request, p.ops, p.rotated)
		if !some {
			l.commitID = p.id
		}
		*d, some = next, true
		l.passive = l.passive && p.passive
		if p.client != (Client{}) {
			rec.Client = p.client
		}
	}
	if some {
		l.complete(rec, d, now)
	}
	return some
}

// complete fills in the rest of the record for a draft with all patches applied.
func (l *leader) complete(rec *Record, d *draft, now time.Time) {
	rec.Owner = d.owner
	if !l.passive {
		rec.LastActivity = later(rec.LastActivity, now)
		rec.ExpiresAt = l.m.cfg.expires(d, rec.CreatedAt, rec.LastActivity).UTC()
	}
	if l.own.ends {
		*d = d.ended()
		rec.Owner, rec.ExpiresAt = "", now
	}
	rec.Data = d.encode(d.doc.Text(), l.commitID)
}

// apply applies one patch: from its ready result, here, or on its own goroutine. It
// abandons a patch that nobody can apply again.
func (l *leader) apply(ctx context.Context, p *patch, d *draft) (err error) {
	if p == l.own {
		if p.result != nil && d.admits(&p.presented) {
			d.adopt(p.result)
			return nil
		}
		l.exiting = true
		l.panicked, err = p.try(d)
		l.exiting = false
		if l.panicked != nil {
			p.outcome = abandoned
		}
		return err
	}
	if !p.calls() {
		return p.apply(d)
	}
	reply, copied := make(chan applyReply, 1), *d
	p.inbox <- message{kind: applyPatch, draft: &copied, reply: reply}
	select {
	case r := <-reply:
		*d = r.draft
		if errors.Is(r.err, errFunction) {
			p.outcome = abandoned
		}
		return r.err
	case <-ctx.Done():
		p.outcome = abandoned
		return storeError("update", p.at.rec.ID, ctx.Err())
	}
}

// reload loads the newer version after a conflict, or whatever is stored after an error
// that leaves the outcome unknown. It reports done if this very commit is among the last
// ones of the record.
func (l *leader) reload(ctx context.Context, cause error, try int) (done bool, err error) {
	m, id := l.m, l.own.at.rec.ID
	conflict := errors.Is(cause, ErrConflict)
	if !conflict && try >= maxTries {
		return false, storeError("update", id, cause)
	}
	if (try > 0 || !conflict) && !backoff.Pause(ctx, try) {
		if conflict {
			return false, ErrConflict
		}
		return false, storeError("update", id, cause)
	}
	rec, err := m.store.Load(ctx, id)
	if err == nil {
		at := &stored{rec: rec}
		if err = at.decode(); err == nil {
			m.cfg.shorten(&at.rec, &at.draft, m.cfg.Now())
			l.own.rebase(at)
			l.loaded = true
			return at.remembers(l.commitID), nil
		}
		err = errorf(ErrCorrupt, "stored record does not decode: %s", detail(err))
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return false, errGone
	case errors.Is(err, ErrCorrupt):
		m.corrupt(ctx, id, err)
		return false, ErrEnded
	}
	return false, storeError("load", id, errors.Join(err, cause))
}

// succeed gives the stored record to every patch that is part of it.
func (l *leader) succeed(at *stored) {
	p := l.own
	p.batch = 0
	for _, f := range l.batch {
		if f.outcome == applied {
			f.outcome, f.replayed, f.at, f.winner = isStored, true, at, l.ctx
			p.batch++
		}
	}
	if p.outcome == applied {
		p.outcome = isStored
		p.batch++
	}
	p.replayed = p.replayed || len(l.batch) > 0
	p.at = at
}

// hasFailed reports whether a patch could not be applied to this record; it may apply to
// another one.
func (p *patch) hasFailed() bool { return p.outcome == failed || p.outcome == failedEarly }

func (l *leader) anyFailed() bool {
	return l.own.hasFailed() || slices.ContainsFunc(l.batch, (*patch).hasFailed)
}

// decideAnew forgets what failed on another record.
func (l *leader) decideAnew() {
	for _, p := range append([]*patch{l.own}, l.batch...) {
		if p.hasFailed() {
			p.outcome, p.err = undecided, nil
		}
	}
}

// failAll gives one error to every patch that has no outcome of its own. An error on top
// of changes that are then not stored does not count: a value that another request took
// there, for instance, is still available. Nor does an error on a record that may be
// older than the stored one.
func (l *leader) failAll(err error) {
	l.fail(l.own, err)
	for _, f := range l.batch {
		l.fail(f, err)
	}
}

func (l *leader) fail(p *patch, err error) {
	if p.outcome == applied { // the store may have it, although its answer was lost
		p.storedAs = l.commitID
	}
	if p.err == nil || p.outcome == failedEarly || p.outcome == failed && !l.loaded {
		p.outcome, p.err = failed, err
	}
}
