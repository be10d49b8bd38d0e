package session

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

// A holder commits a batch: its own patch, and those that waited behind it.
type holder struct {
	*Manager
	*patch
	batch    []*patch
	mark     uint64 // id of the commit that the store is to remember for all
	panicked any
	leaving  bool // still true at the end: a function has ended the goroutine
	still    bool // nothing that is stored is activity of the visitor
}

// save applies the patches and stores the result, again on each newer version.
func (h *holder) save(ctx context.Context, sh *lines, l *line) {
	now := h.began
	if !h.barrier() {
		h.gather(sh, l)
		if len(h.batch) > 0 {
			now = h.cfg.Now() // the session may have expired before they got into line
		}
	}
	if !now.Before(h.at.rec.ExpiresAt) {
		// Another request may have prolonged the session since it was loaded.
		if _, err := h.reload(ctx, ErrConflict, 0); err != nil {
			h.failAll(err)
			return
		}
	}
	for try := 0; ; try++ {
		next := &h.next
		if try > 0 {
			next = new(stored)
		}
		if !h.fold(ctx, now.UTC(), next) {
			return
		}
		// A touch leaves the version as it is. Whoever is active moves the time further
		// than any touch before; a passive commit of a record that was loaded before a
		// touch would undo it, so it loads first, as after a conflict.
		err := ErrConflict
		if try > 0 || !h.still {
			err = h.update(ctx, &next.rec)
		}
		switch {
		case err == nil:
			next.rec.Version++
			h.succeed(next)
			return
		case errors.Is(err, ErrNotFound):
			h.failAll(errGone)
			return
		}
		done, err := h.reload(ctx, err, try)
		switch {
		case err != nil:
			h.failAll(err)
			return
		case done:
			h.succeed(h.at)
			return
		}
		now = h.cfg.Now()
	}
}

// gather takes those who are in line into the batch.
func (h *holder) gather(sh *lines, l *line) {
	if h.crowded {
		runtime.Gosched() // who is about to commit gets into line
	}
	h.batch = take(sh, l)
	for _, q := range h.batch { // somebody may know more than the holder
		if q.at.rec.Version > h.at.rec.Version {
			h.replace(q.at)
		}
	}
}

// update stores the record, and in company measures how long that takes.
func (h *holder) update(ctx context.Context, rec *Record) error {
	if !h.crowded && len(h.batch) == 0 {
		return h.store.Update(ctx, *rec)
	}
	began := time.Now()
	err := h.store.Update(ctx, *rec)
	h.took = time.Since(began)
	return err
}

// fold applies the patches one after the other to what is stored, and makes what is
// to be stored of it. One that fails is left out. It reports false if nothing remains
// to be stored.
func (h *holder) fold(ctx context.Context, now time.Time, to *stored) (some bool) {
	*to = *h.at
	rec, d := &to.rec, &to.draft
	if !now.Before(rec.ExpiresAt) {
		h.failAll(errGone)
		return false
	}
	h.still = true
	for i := -1; i < len(h.batch); i++ {
		q := h.patch
		if i >= 0 {
			q = h.batch[i]
		}
		if q.out {
			continue
		}
		if q.again != 0 && (d.remembers(q.id) || d.remembers(q.again)) { // it is alone
			q.stored, q.replayed = true, true
			q.rotated = q.rotation != 0 && d.digest.equal(&q.digest)
			return false
		}
		next := *d
		if q.err = h.step(ctx, q, &next); q.err == nil {
			q.err = h.cfg.checkSize(&next, d.doc)
		}
		q.early = q.err != nil && some && !q.out
		if q.err != nil {
			continue
		}
		q.rotated = q.rotation == privilege || q.rotation == periodic && next.digest.equal(&q.presented)
		if q.rotated {
			next.rotate(q.rotation, q.digest, now, h.cfg.Grace)
		}
		if !some {
			h.mark = q.id
		}
		*d, some = next, true
		h.still = h.still && q.passive
		if q.client != (Client{}) {
			rec.Client = q.client
		}
	}
	if !some {
		return false
	}
	rec.Owner = d.owner
	if !h.still {
		rec.LastActivity = later(rec.LastActivity, now)
		rec.ExpiresAt = h.cfg.expires(d, rec.CreatedAt, rec.LastActivity).UTC()
	}
	if h.ends {
		*d = d.ended()
		rec.Owner, rec.ExpiresAt = "", now
	}
	rec.Data = d.encode(d.doc, h.mark)
	return true
}

// step applies one patch: by its ready result, here, or on its own goroutine.
func (h *holder) step(ctx context.Context, q *patch, d *draft) (err error) {
	if q == h.patch {
		if q.result != nil && d.admits(&q.presented) {
			d.adopt(q.result)
			return nil
		}
		h.leaving = true
		h.panicked, err = q.try(d)
		h.leaving = false
		q.out = h.panicked != nil
		return err
	}
	if !q.calls() {
		return q.apply(d)
	}
	reply, turn := make(chan applied, 1), *d
	q.inbox <- message{kind: yourTurn, draft: &turn, reply: reply}
	select {
	case a := <-reply:
		*d, q.out = a.draft, errors.Is(a.err, errFunction)
		return a.err
	case <-ctx.Done():
		q.out = true
		return storeError("update", q.at.rec.ID, ctx.Err())
	}
}

// reload loads the newer version after a conflict, or what is stored after an
// error that leaves the outcome open: done if this very commit is among the last.
func (h *holder) reload(ctx context.Context, cause error, try int) (done bool, err error) {
	id := h.at.rec.ID
	conflict := errors.Is(cause, ErrConflict)
	if !conflict && try >= maxTries {
		return false, h.storeFailed(ctx, "update", id, cause)
	}
	if (try > 0 || !conflict) && !backoff.Pause(ctx, try) {
		if conflict {
			return false, ErrConflict
		}
		return false, h.storeFailed(ctx, "update", id, cause)
	}
	rec, err := h.store.Load(ctx, id)
	if err == nil {
		at := &stored{rec: rec}
		if err = at.decode(); err == nil {
			h.cfg.shorten(&at.rec, &at.draft)
			h.replace(at)
			return at.remembers(h.mark), nil
		}
		err = errors.Join(ErrCorrupt, err)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return false, errGone
	case errors.Is(err, ErrCorrupt):
		h.corrupt(ctx, id, err)
		return false, ErrEnded
	}
	return false, h.storeFailed(ctx, "load", id, errors.Join(err, cause))
}

// succeed hands the stored state to every patch that is part of it.
func (h *holder) succeed(at *stored) {
	for _, q := range h.batch {
		if q.err == nil {
			q.stored, q.replayed, q.at = true, true, at
		}
	}
	h.replayed = h.replayed || len(h.batch) > 0
	h.stored = h.err == nil
	h.at = at
}

// failAll gives one outcome to all that have none of their own. An error that a patch
// met on top of changes that are then not stored is none: nobody has taken what was
// taken there.
func (h *holder) failAll(err error) {
	if h.err == nil {
		h.err = err
	}
	h.under = h.mark
	for _, q := range h.batch {
		q.under = h.mark
		if q.err == nil || q.early {
			q.err = err
		}
	}
}

func (m *Manager) line(id ID) *lines { return &m.lines[id[0]%64] }

// combine commits a patch, alone or with others; the outcome is in the patch.
func (m *Manager) combine(ctx context.Context, p *patch) {
	id := p.at.rec.ID
	sh := m.line(id)
	sh.mu.Lock()
	l := sh.bySession[id]
	if l == nil {
		if sh.bySession == nil {
			sh.bySession = map[ID]*line{}
		}
		l = &p.line
		sh.bySession[id] = l
		if sh.at != nil && sh.at.rec.ID == id {
			p.crowded = sh.slow
			if sh.at.rec.Version > p.at.rec.Version {
				p.replace(sh.at)
			}
		}
		sh.mu.Unlock()
		m.hold(ctx, sh, l, p)
		return
	}
	p.inbox = make(chan message, 1)
	l.waiting = append(l.waiting, p)
	sh.mu.Unlock()
	m.wait(ctx, sh, l, p)
}

// wait does what the holder asks for, until the outcome is known. When the
// deadline passes before the patch was taken, it is withdrawn.
func (m *Manager) wait(ctx context.Context, sh *lines, l *line, p *patch) {
	expired := ctx.Done()
	var panicked any
	for {
		select {
		case msg := <-p.inbox:
			switch msg.kind {
			case yourTurn:
				panicked = p.turn(msg)
			case nowHold:
				if msg.at.rec.Version >= p.at.rec.Version {
					p.replace(msg.at)
				}
				p.crowded, p.began = true, m.cfg.Now()
				m.hold(ctx, sh, l, p)
				return
			case isDone:
				if panicked != nil {
					panic(panicked)
				}
				return
			}
		case <-expired:
			if p.withdraw(sh, l) {
				p.err = storeError("update", p.at.rec.ID, ctx.Err())
				return
			}
			expired = nil
		}
	}
}

// hold commits the holder's patch and those in line. Whatever happens, they are
// answered, and the next one gets to hold.
func (m *Manager) hold(ctx context.Context, sh *lines, l *line, p *patch) {
	h := holder{Manager: m, patch: p}
	defer func() {
		var back []*patch
		for _, q := range h.batch {
			if h.leaving && !q.out {
				back = append(back, q)
			} else {
				q.inbox <- message{kind: isDone}
			}
		}
		m.handOver(sh, l, p, back)
	}()
	h.save(ctx, sh, l)
	if h.panicked != nil {
		panic(h.panicked)
	}
}

// handOver makes the next in line the holder; those who got no answer from the last
// one are first.
func (m *Manager) handOver(sh *lines, l *line, p *patch, back []*patch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.keep(p)
	if len(back) > 0 {
		l.waiting = append(back, l.waiting...)
	}
	if len(l.waiting) == 0 {
		delete(sh.bySession, p.at.rec.ID)
		return
	}
	next := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	next.inbox <- message{kind: nowHold, at: p.at}
}

const maxTries = 4
