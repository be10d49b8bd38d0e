package session

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Commits of one session that overlap in one process are combined. The first one is
// the leader. Those that come while it is busy are its followers and wait in a queue.
// The leader takes a batch from the queue, applies one patch after the other to the
// stored document, and stores the result of all by one Update. The first follower
// that is still waiting leads next, starting from the record that was just stored.
//
// Compare-and-swap alone would be correct, too. But of 16 writers of one session, 15
// would have to load and try again (measured: 4 to 7 times as long as losing their
// writes). Between processes, compare-and-swap is what remains.
//
//	combine ── no queue ──▶ lead ──▶ take a batch ──▶ Update ──▶ answer ──▶ next leader
//	   │                                  ▲ apply                               │
//	   └──▶ follow ◀── apply, lead, done ─┴─────────────────────────────────────┘

// A queues holds the queues of the sessions in one shard that are being committed.
type queues struct {
	mu   sync.Mutex // guards byID and the followers of each queue
	byID map[ID]*queue

	// latest is the newest record of the session that was last committed by several
	// requests at once. A request that has loaded an older one would reach the store
	// only to conflict, so its commit starts from this one. The store compares versions
	// anyway, and no request reads from here, so the record may be outdated.
	latest *stored
	slow   bool // storing latest took so long that waiting for followers pays off
}

// slowStore is how long an Update has to take to be worth sharing: a few times as long
// as it takes to queue.
const slowStore = 10 * time.Microsecond

// maxKept limits the size of queues.latest, in bytes of its Data.
const maxKept = 16 << 10

// maxBatch limits the followers in a batch, and so the time that the first of them
// waits for the others.
const maxBatch = 256

// keep remembers what a leader has stored for several requests. The caller holds mu.
func (qs *queues) keep(p *patch) {
	if p.replayed && len(p.at.rec.Data) <= maxKept {
		at := *p.at // which is part of a patch
		qs.latest, qs.slow = &at, p.took > slowStore
	}
}

// forget drops what is kept of a session that has ended.
func (qs *queues) forget(id ID) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.latest != nil && qs.latest.rec.ID == id {
		qs.latest = nil
	}
}

// A queue holds the patches that wait for a leader to finish.
type queue struct {
	followers []*patch
}

// takeBatch removes followers from the queue, up to the first one that has to be
// committed alone.
func (qs *queues) takeBatch(q *queue) []*patch {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	n := 0
	for n < len(q.followers) && n < maxBatch && !q.followers[n].alone() {
		n++
	}
	batch := slices.Clone(q.followers[:n])
	q.followers = slices.Delete(q.followers, 0, n)
	return batch
}

// withdraw removes a patch whose deadline has passed. It reports false if a leader has
// taken the patch already.
func (qs *queues) withdraw(q *queue, p *patch) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	i := slices.Index(q.followers, p)
	if i < 0 {
		return false
	}
	q.followers = slices.Delete(q.followers, i, i+1)
	return true
}

// A patch is what one commit changes in a stored session, and what came of it.
type patch struct {
	ops       []op
	id        uint64   // names the commit
	retries   uint64   // an id under which an earlier try may have stored the same patch; 0: this is the first try
	requested bool     // the request asked for a change
	passive   bool     // does not count as visitor activity
	answers   bool     // the response can carry a cookie
	ends      bool     // a logout: leave the record expired and out of reach
	presented digest   // of the token that the request came with
	rotation  rotation // 0: none
	digest    digest   // of the new token, for a rotation
	client    Client
	request   string  // its name, for Config.History
	at        *stored // the record to apply ops to; in the end, the stored one
	result    *draft  // at with ops applied; nil: ops have to be applied

	// The rest of the outcome: for a follower, only the leader uses these fields until
	// it sends done.
	outcome  outcome
	err      error  // for failed, failedEarly and abandoned
	rotated  bool   // the client has to get the new token
	replayed bool   // applied to a newer record than the request had loaded
	storedAs uint64 // the id under which the store may have the patch, if the outcome is unknown

	batch   int             // how many patches the Update contained; 0: it was not this patch's
	replays int             // how often another process was faster
	winner  context.Context // see Event.Winner

	crowded bool          // other requests commit the same session
	took    time.Duration // the Update, if crowded

	inbox chan message // of a follower

	// A leader uses these. As parts of the patch they need no allocation of their own.
	began time.Time // when it began to commit or to lead
	queue queue     // of the session, if this patch was the first one
	next  stored    // what it stores
}

// An outcome is what has become of a patch. The leader decides it anew on each version
// of the record, until it is stored or abandoned.
//
//	undecided ──▶ applied ──Update succeeds──▶ stored
//	    │  ▲          │ conflict: the next version decides
//	    │  └──────────┤
//	    ├──▶ failed, failedEarly
//	    └──▶ abandoned
type outcome byte

const (
	undecided   outcome = iota
	applied             // part of what the leader is about to store
	failed              // could not be applied to what is stored
	failedEarly         // could not be applied on top of changes that are not stored yet
	abandoned           // its request can no longer apply it: a function panicked, or its leader's time was over
	isStored
)

type message struct {
	kind  messageKind
	draft *draft            // for applyPatch: what to apply the patch to
	reply chan<- applyReply // for applyPatch; buffered
	at    *stored           // for becomeLeader: what the previous leader has stored
	from  context.Context   // for becomeLeader: the previous leader's
}

type messageKind byte

const (
	applyPatch   messageKind = iota // it calls functions of the follower's request
	becomeLeader                    // of those that still wait
	isDone                          // the outcome is known
)

type applyReply struct {
	draft draft
	err   error
}

// answer applies the patch for its leader, on the goroutine of the patch's own request.
// The leader gets a reply even if a function of the patch panics or ends the goroutine.
func (p *patch) answer(msg message) (panicked any) {
	r := applyReply{draft: *msg.draft, err: errFunction}
	defer func() { msg.reply <- r }()
	panicked, r.err = p.try(&r.draft)
	return panicked
}

// answerAndStay is answer. If a function of the patch ends the goroutine, it waits for the outcome:
// until then, the patch belongs to the leader.
func (p *patch) answerAndStay(msg message) (panicked any) {
	returned := false
	defer func() {
		for done := returned; !done; {
			done = (<-p.inbox).kind == isDone
		}
	}()
	panicked = p.answer(msg)
	returned = true
	return panicked
}

// rebase makes the patch apply to another record.
func (p *patch) rebase(at *stored) {
	if at.rec.Version != p.at.rec.Version {
		p.replayed = true
		p.result = nil
	}
	p.at = at
}

// try is apply for a patch whose functions may panic.
func (p *patch) try(d *draft) (panicked any, err error) {
	defer func() {
		if panicked = recover(); panicked != nil {
			err = errFunction
		}
	}()
	return nil, p.apply(d)
}

// apply applies the ops of the patch, unless the session has ended for its request.
func (p *patch) apply(d *draft) error {
	if !d.admits(&p.presented) {
		return ErrEnded
	}
	return d.applyAll(p.ops, p.id)
}

// calls reports whether applying the patch runs functions of its request.
func (p *patch) calls() bool {
	return slices.ContainsFunc(p.ops, func(o op) bool { return o.kind == opUpdate })
}

// alone reports whether the patch cannot share an Update. A rotation or a logout
// changes which requests may write, so the others have to be checked again after it.
// And a patch that may be stored already is found by an id that would count for the
// whole batch.
func (p *patch) alone() bool { return p.rotation != 0 || p.ends || p.retries != 0 }
