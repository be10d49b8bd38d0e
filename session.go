package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// A Session is one visitor's data as one request sees it: a snapshot of what was
// stored when the session was first asked for, plus the request's own changes. The
// changes are stored when the response begins; see the package documentation.
//
// Values have dotted paths, such as "user.name"; see [Join] for their grammar. The
// methods are safe for concurrent use by the goroutines of one request. A Session must
// not be used after its request has ended.
type Session struct {
	m       *Manager
	request *http.Request // whose client it is; nil outside the middleware
	routed  *http.Request // as the handler got it: with the pattern of a ServeMux
	scope   *scope        // of the cookie
	unclear bool          // several cookies belong to sessions, and this is none of them
	left    bool          // unclear, and Invalidate was called: all of them are to end

	committing sync.Mutex // held during a commit; locked before mu

	mu      sync.Mutex
	phase   phase
	ended   error // why the phase is over, or sealed; nil: the request has ended, or the response has begun
	cred    credential
	at      *stored  // what is stored, as far as this request knows; nothing if there is no record
	pending *pending // what the next commit is to store; nil: nothing
	view

	shown []flashMark // the flash messages that the session was loaded with; nil once a commit has used them up
	read  []bool      // which of them the request has read

	tally       tally // of the last commit; guarded by committing
	loadedAt    time.Time
	passive     bool // the request does not count as visitor activity
	kept        bool // no periodic rotation: the response is an upgrade, and its cookie might not reach the client
	due         bool // when the session was loaded, a touch or a periodic rotation was due
	touchFailed bool // one attempt per request is enough

	watches []*watch // made from this session
	holding bool     // a commit is under way
	waiting bool     // a watch waits for a commit to create or replace the session

	reported []string // the types and paths of values that did not decode, and of which an event was sent
}

// A phase is how far the response has got. It only grows.
//
//	open ──the response begins──▶ sealed ──the request ends──▶ over
type phase byte

const (
	open   phase = iota
	sealed       // the client can get no new cookie
	over         // nothing more can be stored
)

// A credential is what the client holds. It is replaced as a whole.
type credential struct {
	token    Token // to send it again with another Max-Age
	digest   digest
	standing standing
}

// A pending is what a request has asked for since its last commit. Rollback and
// Invalidate drop it as a whole, and a commit that is under way meanwhile sees that the
// session has another one.
//
//	nil ──first change──▶ pending ──commit──▶ nil, or the changes made meanwhile
//	 ▲                       │
//	 └──Rollback, Invalidate─┘
type pending struct {
	id     uint64 // names the commit; 0: not chosen yet
	ops    []op
	active bool     // ops count as visitor activity whatever the request is: a login, or timeouts
	rotate bool     // the client gets a new token
	end    bool     // Invalidate: the stored session ends; ops belong to a new one
	leaves bool     // the end is that of another owner's session at a login, and needs a new token
	spent  []op     // PopOnce calls on the session that ends; if one of them fails, so does the login
	newID  ID       // of the record to be created; zero: not chosen yet
	err    error    // of the first write that failed
	tried  *attempt // a commit of a part of it whose outcome is unknown; nil: none

	// Room for the first change, so that it takes one allocation.
	draft draft
	room  [2]op
}

// A view is what the request sees.
type view struct {
	now      *draft   // the draft of Session.at, until the request changes something
	own      bool     // now is the request's own, and may be changed in place
	mixed    bool     // now is not Session.at plus the pending ops: a commit added changes of others
	flashNow *overlay // on top of now
	scanned  int      // roughly how many bytes of now have been searched
}

// An attempt is a commit whose outcome is unknown, because the store's answer was lost.
// The next commit repeats it as it was, under the same id. What the request has changed
// since is another commit. Otherwise nobody could tell which of them was stored.
type attempt struct {
	ops      int // how many of the pending ones it has
	rotation rotation
	sec      secret // of the new token
	storedAs uint64 // the id under which the store has it, if it has it; 0: it is new
}

func newSession(m *Manager, sc *scope) *Session {
	return &Session{m: m, scope: sc, at: nothing, view: view{now: &nothing.draft}}
}

// fresh reports whether a commit would have to create a record.
func (s *Session) fresh() bool {
	return s.at == nothing || s.pending != nil && s.pending.end
}

// change returns the pending changes, to add to them.
func (s *Session) change() *pending {
	if s.pending == nil {
		s.pending = &pending{}
	}
	return s.pending
}

// commitID names the next commit. It need not be secret, but must differ from the last
// sixteen.
func (s *Session) commitID() uint64 {
	p := s.change()
	if p.id == 0 {
		p.id = rand.Uint64() | 1
	}
	return p.id
}

// changed reports whether the request asked for a change.
func (s *Session) changed() bool {
	p := s.pending
	return p != nil && (len(p.ops) > 0 || p.rotate || p.end)
}

// failure returns the error of the first write that failed.
func (s *Session) failure() error {
	if s.pending == nil {
		return nil
	}
	return s.pending.err
}

// fail keeps the first error. The caller holds the lock.
func (s *Session) fail(err error) {
	if p := s.change(); p.err == nil {
		p.err = err
	}
}

// tooLate returns the error of a change that comes too late. The caller holds the lock.
func (s *Session) tooLate() error {
	if s.phase == over {
		return cmp.Or(s.ended, errOver)
	}
	return cmp.Or(s.ended, ErrCommitted)
}

// enter moves to a later phase. The caller holds the lock.
func (s *Session) enter(p phase) { s.phase = max(s.phase, p) }

// do applies an op to what the request sees and records it. The caller holds the lock.
func (s *Session) do(o op) {
	p := s.change()
	if p.err == nil && s.phase == over {
		s.m.cfg.log(s.context(), slog.LevelWarn, "session: a session was changed after its request had ended; the change is not stored", slog.String("path", o.path))
		s.fail(s.tooLate())
	}
	if p.err != nil {
		return
	}
	if s.flashNow != nil {
		both, err := s.flashNow.write(&s.now.doc, &o, s.m.cfg.maxSize(0))
		if err != nil {
			s.fail(err)
		}
		if err != nil || !both {
			return
		}
	}
	if s.phase >= sealed && !s.m.discard && (s.fresh() || o.kind == opPersist || o.kind == opTimeouts) {
		s.fail(s.tooLate())
		return
	}
	s.scan()
	now, old := s.edit(), 0
	if !s.fresh() {
		old = s.at.doc.Len()
	}
	if o.mark == 0 {
		o.mark = now.messageAt(&o)
	}
	scalar := ""
	if o.kind == opSet || o.kind == opAppend || o.kind == opUpdate {
		scalar = now.doc.Scalar(o.path)
	}
	err := s.perform(now, &o, s.m.cfg.maxSize(old))
	if errors.Is(err, dotpath.ErrTooLarge) {
		err = errorf(ErrTooLarge, "the write to %q makes the data larger than Config.MaxBytes (%d); the largest values before the write: %s", o.path, s.m.cfg.MaxBytes, biggest(now))
	}
	if err != nil {
		s.fail(err)
		return
	}
	if p.ops == nil {
		p.ops = p.room[:0]
	}
	p.ops = append(p.ops, o)
	p.active = p.active || isActivity(o)
	if scalar != "" {
		s.replaced(scalar, o.path)
	}
}

// perform applies an op to what the request sees. The caller holds the lock.
func (s *Session) perform(now *draft, o *op, limit int) error {
	if !s.m.cfg.DangerouslyLogChanges {
		return now.apply(o, s.commitID(), limit)
	}
	n := &note{old: shown(now, o), at: caller()}
	err := now.apply(o, s.commitID(), limit)
	n.new = shown(now, o)
	o.note = n
	return err
}

// replaced reports a scalar that a write has replaced with an object. This is not an error;
// otherwise, a session from before the type was changed would fail forever. The caller holds the
// lock.
func (s *Session) replaced(scalar, path string) {
	err := &TypeError{Path: scalar, Want: "map[string]any", Err: fmt.Errorf("the write to %q has replaced it with an object", path)}
	if s.m.unlike.first("object " + scalar) {
		s.m.cfg.log(s.context(), slog.LevelWarn, "session: a write replaced a value along its path with an object; this is logged once for each path", logError(err))
	}
	s.report(err)
}

// report sends the event about a value that does not have its type, once for each path and
// type. The caller holds the lock.
func (s *Session) report(err *TypeError) {
	what := err.Want + " " + err.Path
	if len(s.reported) < maxReported && !slices.Contains(s.reported, what) {
		s.reported = append(s.reported, what)
		s.m.event(s.context(), Event{Kind: EventCorrupt, ID: s.at.rec.ID, Owner: s.at.rec.Owner, Err: err})
	}
}

// context returns the context of the request, without the session: it is for the log and for
// events, which may be written while the session is locked.
func (s *Session) context() context.Context {
	if s.request == nil {
		return context.Background()
	}
	return s.request.Context()
}

// maxReported limits the events of one request about values that do not have their type.
const maxReported = 100

// edit returns what the request sees, for changes in place. The caller holds the lock.
func (s *Session) edit() *draft {
	if !s.own {
		d := &s.change().draft
		if d.doc.Len() > 0 { // a commit has got it
			d = new(draft)
		}
		*d = *s.now
		s.now, s.own = d, true
	}
	return s.now
}

// scan notes that the document is about to be searched from its beginning. After enough of that,
// an index pays off, so the time of many accesses does not grow with the square of their number.
// The caller holds the lock.
func (s *Session) scan() {
	if s.now.doc.Indexed() {
		return
	}
	n := s.now.doc.Len()
	if s.scanned += n; s.scanned > manyOps*n+indexCost {
		s.edit().doc.Index()
	}
}

// indexCost is how many bytes have to be searched in a small document before an index pays
// off.
const indexCost = 32 << 10

// committed makes a record the state that later changes build on. The rest is what the
// request has changed during the commit.
func (s *Session) committed(at *stored, rest *pending) {
	s.at, s.pending = at, rest
	s.shown, s.read = nil, nil
}

// rest returns what has been added to the pending changes since a commit took the
// first ops of them, nil if nothing was.
func (p *pending) rest(ops int, rotate bool) *pending {
	if len(p.ops) == ops && !rotate && p.err == nil {
		return nil
	}
	next := &pending{ops: slices.Clone(p.ops[ops:]), rotate: rotate, err: p.err}
	next.active = slices.ContainsFunc(next.ops, isActivity)
	return next
}

// endStored replaces the pending changes by the end of the stored session. The caller
// holds the lock.
func (s *Session) endStored() {
	s.pending, s.view = nil, view{now: &nothing.draft}
	if s.at != nothing {
		s.change().end = true
	}
}

// stores reports whether the pending changes leave something to store in a new record.
// The caller holds the lock.
func (s *Session) stores() bool {
	p := s.pending
	if p == nil || len(p.ops) == 0 {
		return false
	}
	return s.now.owner != "" || s.now.doc.Len() > len(emptyDoc)
}

// barred returns why a commit may not create a record, if it may not: the browser may have
// a session that the request does not show, and a new cookie would replace its cookie. A
// login may do so. The caller holds the lock.
func (s *Session) barred() error {
	switch {
	case s.at != nothing || s.login() != nil:
		return nil
	case s.unclear:
		return errUnclear
	case s.request != nil && s.scope.header == "" && s.m.cfg.withholds(s.request):
		return errWithheld
	}
	return nil
}

// client tells who made the request. Only commits ask for it: most requests store
// nothing.
func (s *Session) client() Client {
	if s.request == nil {
		return Client{}
	}
	c := s.m.cfg.Client(s.request)
	if c == s.at.rec.Client { // cleaned before
		return c
	}
	return c.clean()
}

// login returns the arguments of the last login among the pending changes, or nil.
func (s *Session) login() (last *opArgs) {
	if s.pending == nil {
		return nil
	}
	for i := range s.pending.ops {
		if isLogin(s.pending.ops[i]) {
			last = s.pending.ops[i].args
		}
	}
	return last
}

// beginsAnew reports whether a commit that has failed takes place in a new session: a login
// whose session has ended, or has got another token, before it could be stored. Valid
// credentials always sign in.
func (s *Session) beginsAnew(err error) bool {
	return errors.Is(err, ErrEnded) && s.login() != nil && s.phase == open && len(s.pending.spent) == 0
}

// goesOnWith reports whether the request continues with the stored session that has this
// ID.
func (s *Session) goesOnWith(id ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.fresh() && s.at.rec.ID == id
}

func isLogin(o op) bool { return o.kind == opLogin }

func isActivity(o op) bool { return needsToken(o) || o.kind == opTimeouts }

// needsToken reports whether an op must not be stored without a new token for the client.
func needsToken(o op) bool { return o.kind == opLogin || o.kind == opConfirm }

// quiet reports whether a commit of the pending changes does not count as visitor
// activity. The caller holds the lock.
func (s *Session) quiet() bool {
	if !s.passive || s.pending == nil {
		return s.passive
	}
	return !s.pending.rotate && !s.pending.active
}

// settled seals a session that has nothing to commit before the response, which is the
// usual case.
func (s *Session) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled := !s.due && !s.left && !s.waiting && s.failure() == nil && !s.changed() && len(s.shown) == 0
	if settled {
		s.enter(sealed)
	}
	return settled
}

// markPassive implements [Session.IgnoreActivity].
func (s *Session) markPassive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passive = true
}

// reach moves to a later phase.
func (s *Session) reach(p phase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(p)
}

// hasLeft reports whether all sessions of the request's cookies are to end.
func (s *Session) hasLeft() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// keepToken prevents a periodic rotation.
func (s *Session) keepToken() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
}

// drop makes sure that nothing more of the request is stored, for the given reason. It
// reports whether changes are lost.
func (s *Session) drop(err error) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(over)
	s.ended = err
	changed = s.changed() || s.failure() != nil
	if changed {
		s.fail(err)
	}
	return changed
}

// isOf reports whether a token is the session's own, or was before a rotation.
func (s *Session) isOf(t Token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, _, ok := s.cred.token.split()
	id, _, _ := t.split()
	return ok && id == own
}

// rotationDue reports whether the client is to get its periodic new token.
func (s *Session) rotationDue(now time.Time) bool {
	every := s.m.cfg.RotateEvery
	return every > 0 && s.cred.standing == current && !s.passive && !s.kept && s.phase == open && now.Sub(time.Unix(0, s.at.rotatedAt)) >= every
}

// touchDue reports whether the recorded activity is too old. A session with a shorter
// idle timeout of its own is touched more often, or it would expire while it is in use.
// One that has expired is not touched; otherwise it would come back. If TouchEvery is
// negative, every request touches, but only once: before the response.
func (s *Session) touchDue(now time.Time) bool {
	cfg := s.m.cfg
	every := cfg.TouchEvery
	if limit := cfg.idle(s.at.idle, s.at.absolute) / 20; every < 0 && s.phase != open || every > limit && s.at.idle > 0 {
		every = limit
	}
	since := now.Sub(s.at.rec.LastActivity)
	return !s.touchFailed && !s.passive && since > 0 && since >= every && now.Before(s.at.rec.ExpiresAt)
}
