package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Commits of one session that meet in one process are combined. The first one
// becomes the holder; those that come while it is busy wait in line. The holder
// passes the document along the line, each patch in turn is applied to it, and
// one Update stores the result for all. Then the next in line becomes the holder,
// with the record that was just stored.
//
// Bare compare-and-swap would be right as well, but of 16 writers of one session
// it makes 15 load and try again (measured: 4 to 7 times the time of losing their
// writes). Between processes it is what remains.
//
//	        mu guards lines.bySession and every line.waiting
//	combine ── no line ──▶ hold ──▶ gather ──▶ Update ──▶ answer ──▶ hand over
//	   │                            ▲ turns                             │
//	   └─ wait ◀── turn, hold, done ┴───────────────────────────────────┘
type lines struct {
	mu        sync.Mutex
	bySession map[ID]*line // :: the sessions that somebody is committing
}

type line struct {
	waiting []*patch
}

// A patch is what one commit wants of the stored session, and what came of it.
type patch struct {
	ops       []op
	id        uint64
	user      bool     // has changes that the request asked for
	presented digest   // the token that let the request in
	rotation  rotation // 0: none
	digest    digest   // of the new token
	client    Client
	rec       Record // first as the request loaded it, at last as stored
	base      draft
	result    *draft // base with ops applied; nil if that has to be done

	// What came of it. For a patch that waits these belong to the holder, until
	// it says that it is done.
	stored   bool
	err      error
	rotated  bool
	replayed bool // applied on top of changes of others
	out      bool // not to be tried again

	inbox chan message // nil for one that never had to wait
}

type message struct {
	kind  byte
	draft draft          // turn: what to apply the patch to
	reply chan<- applied // turn; buffered
	rec   Record         // hold: what the holder before has stored
	base  draft
}

type applied struct {
	draft draft
	err   error
}

const (
	yourTurn byte = iota // apply your patch: it calls functions of your request
	nowHold
	isDone
)

const maxTries = 4

// batchLimit bounds how long the last of a long line waits for its answer.
const batchLimit = 256

func (m *Manager) line(id ID) *lines { return &m.lines[id[0]%64] }

// combine commits a patch, alone or with others; the outcome is in the patch.
func (m *Manager) combine(ctx context.Context, p *patch) {
	id := p.rec.ID
	sh := m.line(id)
	sh.mu.Lock()
	l := sh.bySession[id]
	if l == nil {
		if sh.bySession == nil {
			sh.bySession = map[ID]*line{}
		}
		l = &line{}
		sh.bySession[id] = l
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
				if msg.rec.Version >= p.rec.Version {
					p.replace(msg.rec, msg.base)
				}
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
				p.err = storeError("update", p.rec.ID, ctx.Err())
				return
			}
			expired = nil
		}
	}
}

func (p *patch) withdraw(sh *lines, l *line) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	i := slices.Index(l.waiting, p)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return true
}

// turn applies the patch to the holder's draft. The holder gets an answer even if
// a function of the patch panics or ends the goroutine.
func (p *patch) turn(msg message) (panicked any) {
	a := applied{draft: msg.draft, err: errFunction}
	defer func() { msg.reply <- a }()
	a.err, panicked = p.try(&a.draft)
	return panicked
}

// replace makes a newer record the one that the patch is applied to.
func (p *patch) replace(rec Record, base draft) {
	p.replayed = p.replayed || rec.Version != p.rec.Version
	if rec.Version != p.rec.Version {
		p.result = nil
	}
	p.rec, p.base = rec, base
}

// try applies the patch on the goroutine of its own request.
func (p *patch) try(d *draft) (err error, panicked any) {
	defer func() {
		if panicked = recover(); panicked != nil {
			err = errFunction
		}
	}()
	return p.apply(d), nil
}

var (
	errFunction  = errors.New("session: an Update function panicked")
	errNotStored = errors.New("session: the commit ended early")
)

// apply performs the ops of a patch. If the session ended for this request, there
// is nothing to apply them to.
func (p *patch) apply(d *draft) error {
	if !d.admits(&p.presented) {
		return ErrEnded
	}
	for i := range p.ops {
		if err := d.apply(&p.ops[i], p.id); err != nil {
			return err
		}
	}
	return nil
}

// calls reports whether applying the patch runs functions of its request.
func (p *patch) calls() bool {
	return slices.ContainsFunc(p.ops, func(o op) bool { return o.kind == opUpdate })
}

// barrier reports whether a patch changes what lets requests in, after which the
// others must be looked at anew.
func (p *patch) barrier() bool { return p.rotation != 0 }

// hold commits the holder's patch and those in line. Whatever happens, they are
// answered, and the next one gets to hold.
func (m *Manager) hold(ctx context.Context, sh *lines, l *line, p *patch) {
	h := holder{Manager: m, patch: p}
	defer func() {
		for _, q := range h.batch {
			q.inbox <- message{kind: isDone}
		}
		m.handOver(sh, l, p)
	}()
	h.save(ctx, sh, l)
	if h.panicked != nil {
		panic(h.panicked)
	}
}

// A holder commits a batch: its own patch, and those that waited behind it.
type holder struct {
	*Manager
	*patch
	batch    []*patch
	panicked any
}

func (m *Manager) handOver(sh *lines, l *line, p *patch) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if len(l.waiting) == 0 {
		delete(sh.bySession, p.rec.ID)
		return
	}
	next := l.waiting[0]
	l.waiting = slices.Delete(l.waiting, 0, 1)
	next.inbox <- message{kind: nowHold, rec: p.rec, base: p.base}
}

// save applies the patches and stores the result, again on each newer version.
func (h *holder) save(ctx context.Context, sh *lines, l *line) {
	if !h.cfg.Now().Before(h.rec.ExpiresAt) {
		// Another request may have prolonged the session since it was loaded.
		if _, err := h.reload(ctx, ErrConflict, 0); err != nil {
			h.failAll(err)
			return
		}
	}
	for try := 0; ; try++ {
		if try == 0 && !h.barrier() {
			h.batch = take(sh, l)
		}
		rec, d, some := h.fold(ctx)
		if !some {
			return
		}
		err := h.store.Update(ctx, rec)
		switch {
		case err == nil:
			rec.Version++
			h.succeed(rec, d)
			return
		case errors.Is(err, ErrNotFound):
			h.failAll(ErrEnded)
			return
		}
		done, err := h.reload(ctx, err, try)
		switch {
		case err != nil:
			h.failAll(err)
			return
		case done:
			h.succeed(h.rec, h.base)
			return
		}
	}
}

// take empties the line up to the first barrier.
func take(sh *lines, l *line) []*patch {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := 0
	for n < len(l.waiting) && n < batchLimit && !l.waiting[n].barrier() {
		n++
	}
	batch := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	return batch
}

// fold applies the patches one after the other to what is stored, and makes the
// record of it. One that fails is left out. It reports false if nothing remains
// to be stored.
func (h *holder) fold(ctx context.Context) (rec Record, d draft, some bool) {
	now := h.cfg.Now().UTC()
	rec, d = h.rec, h.base
	if !now.Before(rec.ExpiresAt) {
		h.failAll(ErrEnded)
		return rec, d, false
	}
	for i := -1; i < len(h.batch); i++ {
		q := h.patch
		if i >= 0 {
			q = h.batch[i]
		}
		if q.out {
			continue
		}
		next := d
		if q.err = h.step(ctx, q, &next); q.err == nil {
			q.err = h.checkSize(&next, d.doc)
		}
		if q.err != nil {
			continue
		}
		q.rotated = q.rotation == privilege || q.rotation == periodic && next.digest.equal(&q.presented)
		if q.rotated {
			next.rotate(q.rotation, q.digest, now, h.cfg.Grace)
		}
		d, some = next, true
		if q.client != (Client{}) {
			rec.Client = q.client
		}
	}
	if !some {
		return rec, d, false
	}
	d.remember(h.id)
	rec.Owner, rec.LastActivity = d.owner, later(rec.LastActivity, now)
	rec.ExpiresAt = h.cfg.expires(&d, rec.CreatedAt, rec.LastActivity).UTC()
	rec.Data = encodeEnvelope(&d.envelope, d.doc)
	return rec, d, true
}

// step applies one patch: by its ready result, here, or on its own goroutine.
func (h *holder) step(ctx context.Context, q *patch, d *draft) (err error) {
	if q == h.patch {
		if q.result != nil && d.admits(&q.presented) {
			d.adopt(q.result)
			return nil
		}
		if err, h.panicked = q.try(d); h.panicked != nil {
			q.out = true
		}
		return err
	}
	if !q.calls() {
		return q.apply(d)
	}
	reply := make(chan applied, 1)
	q.inbox <- message{kind: yourTurn, draft: *d, reply: reply}
	select {
	case a := <-reply:
		*d, q.out = a.draft, errors.Is(a.err, errFunction)
		return a.err
	case <-ctx.Done():
		q.out = true
		return storeError("update", q.rec.ID, ctx.Err())
	}
}

// reload loads the newer version after a conflict, or what is stored after an
// error that leaves the outcome open: done if this very commit is among the last.
func (h *holder) reload(ctx context.Context, cause error, try int) (done bool, err error) {
	id := h.rec.ID
	conflict := errors.Is(cause, ErrConflict)
	if !conflict && try >= maxTries {
		return false, h.storeFailed(ctx, "update", id, cause)
	}
	if (try > 0 || !conflict) && !pause(ctx, try) {
		if conflict {
			return false, ErrConflict
		}
		return false, h.storeFailed(ctx, "update", id, cause)
	}
	rec, err := h.store.Load(ctx, id)
	if err == nil {
		var base draft
		if base, err = decodeRecord(&rec); err == nil {
			h.replace(rec, base)
			return base.remembers(h.id), nil
		}
		err = errors.Join(ErrCorrupt, err)
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return false, ErrEnded
	case errors.Is(err, ErrCorrupt):
		h.corrupt(ctx, id, err)
		return false, ErrEnded
	}
	return false, h.storeFailed(ctx, "load", id, errors.Join(err, cause))
}

// succeed hands the stored state to every patch that is part of it.
func (h *holder) succeed(rec Record, d draft) {
	for _, q := range h.batch {
		if q.err == nil {
			q.stored, q.replayed, q.rec, q.base = true, true, rec, d
		}
	}
	h.replayed = h.replayed || len(h.batch) > 0
	h.stored = h.err == nil
	h.rec, h.base = rec, d
}

// failAll gives one outcome to all that have none of their own.
func (h *holder) failAll(err error) {
	if h.err == nil {
		h.err = err
	}
	for _, q := range h.batch {
		if q.err == nil {
			q.err = err
		}
	}
}

// pause waits before another try: about a millisecond at first, at most some
// fifty, by chance, so that processes in conflict get out of step. It returns
// false if ctx ends before.
func pause(ctx context.Context, try int) bool {
	d := time.Millisecond << min(try, 5)
	t := time.NewTimer(jitter(d, d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// jitter returns a duration between d-by and d+by.
func jitter(d, by time.Duration) time.Duration {
	if by <= 0 {
		return d
	}
	return d - by + time.Duration(rand.Int64N(int64(2*by)))
}
