package session

import (
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

	// The newest record of the session that was last in contention. A request that
	// had loaded an older one would go to the store with it in vain; it begins with
	// this one. The store compares the version all the same, so this may be old, and
	// nothing is ever read from here.
	at   *stored
	slow bool // storing it took so long that it pays to wait for company
}

// slowStore is how long an Update takes that is worth sharing: a few times of what it
// costs to stand in line.
const slowStore = 10 * time.Microsecond

// maxKept bounds the data of what lines keep.
const maxKept = 16 << 10

// keep remembers what a holder has stored together with others. The caller holds
// the lock.
func (l *lines) keep(p *patch) {
	if p.replayed && len(p.at.rec.Data) <= maxKept {
		at := *p.at // which is part of a patch
		l.at, l.slow = &at, p.took > slowStore
	}
}

// forget drops what is kept of a session that ends.
func (l *lines) forget(id ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at != nil && l.at.rec.ID == id {
		l.at = nil
	}
}

type line struct {
	waiting []*patch
}

// A patch is what one commit wants of the stored session, and what came of it.
type patch struct {
	ops       []op
	id        uint64
	user      bool     // has changes that the request asked for
	passive   bool     // is no activity of the visitor
	presented digest   // the token that let the request in
	rotation  rotation // 0: none
	digest    digest   // of the new token
	client    Client
	again     uint64  // may be stored already, under its id or this one; 0: is new
	ends      bool    // a logout: the record is to be left expired and unreachable
	at        *stored // first as the request loaded it, at last as stored
	result    *draft  // that of at, with ops applied; nil if that has to be done

	// What came of it. For a patch that waits these belong to the holder, until
	// it says that it is done.
	stored   bool
	err      error
	rotated  bool
	under    uint64 // the id by which the store is to remember it
	replayed bool   // applied on top of changes of others
	out      bool   // not to be tried again
	early    bool   // err was met on top of changes of others that are not stored yet

	crowded bool          // others commit the same session
	took    time.Duration // of the Update, if it is crowded

	inbox chan message // nil for one that never had to wait

	// For the one that holds: in the patch they need no allocation of their own.
	began time.Time // when it began to commit or to hold
	line  line      // of the session, if it is the first in it
	next  stored    // what it stores
}

type message struct {
	kind  byte
	draft *draft         // turn: what to apply the patch to
	reply chan<- applied // turn; buffered
	at    *stored        // hold: what the holder before has stored
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

// batchLimit bounds how long the last of a long line waits for its answer.
const batchLimit = 256

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
	a := applied{draft: *msg.draft, err: errFunction}
	defer func() { msg.reply <- a }()
	panicked, a.err = p.try(&a.draft)
	return panicked
}

// replace makes a newer record the one that the patch is applied to.
func (p *patch) replace(at *stored) {
	if at.rec.Version != p.at.rec.Version {
		p.replayed = true
		p.result = nil
	}
	p.at = at
}

// try applies the patch on the goroutine of its own request.
func (p *patch) try(d *draft) (panicked any, err error) {
	defer func() {
		if panicked = recover(); panicked != nil {
			err = errFunction
		}
	}()
	return nil, p.apply(d)
}

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

// barrier reports whether a patch is stored alone: it changes what lets requests in,
// after which the others must be looked at anew; or its id may be there already, and
// would be taken for that of them all.
func (p *patch) barrier() bool { return p.rotation != 0 || p.ends || p.again != 0 }

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
