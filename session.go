package session

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// A Session is one visitor's data as one request sees it: a snapshot of what was
// stored when the session was first asked for, plus the request's own changes.
// They are stored when the response begins; see the package comment.
//
// In every method a string is a dotted path, such as "user.name"; see [Join] for
// its grammar. The methods are safe for the goroutines of one request. A Session
// must not be used after its request has ended.
type Session struct {
	m *Manager

	committing sync.Mutex // held during a commit, around mu

	mu    sync.Mutex
	at    *stored // what is stored, as far as this request knows; nothing while there is no record
	now   *draft  // what the request sees: that of at, until it changes something
	ops   []op    // the changes from at to now, without those of FlashNow
	err   error   // the first write that failed; it sticks
	cid   uint64  // id of the coming commit
	epoch int     // counts what throws changes away: Rollback and Invalidate

	tried *attempt // that may be stored under cid; nil: there is none

	shown []mark   // the flash messages that were loaded, until a commit uses them up
	read  []bool   // which of them were read
	nows  []string // where FlashNow values are, canonical

	newID     ID            // of the record to be created; made on demand
	presented digest        // of the token that the client holds
	token     Token         // that token, to send it again with another Max-Age
	request   *http.Request // whose client it is; nil outside of the middleware

	own         bool // now is a copy of this request's, which may be changed in place
	merged      bool // a commit mixed in changes of others: now is not at plus ops
	previous    bool // the client holds the previous token, within its grace
	ended       bool // the client holds a token that a login replaced: nothing can be stored
	rotating    bool // a new token is due at the commit
	dead        bool // Invalidate was called; the record is to be deleted
	untouchable bool // a touch has failed
	due         bool // a touch or a periodic rotation was due when the session was loaded
	over        bool // the request has ended
	passive     bool // the request is no activity of the visitor
	sealed      bool // the response has begun: the client can be told nothing more
}

// An edit is what the first change of a request needs: a draft of its own, and room
// for its ops, which are mostly one or two.
type edit struct {
	draft
	ops [2]op
}

func newSession(m *Manager) *Session {
	return &Session{m: m, at: nothing, now: &nothing.draft}
}

// fresh reports whether a commit would have to create a record.
func (s *Session) fresh() bool { return s.dead || s.at == nothing }

// Err returns the first error of a write in this request, nil if there was none.
// As with [bufio.Writer], later writes then do nothing, and the commit fails with
// the error: nothing of the request is stored. A handler that wants to answer
// itself calls [Session.Rollback] first, or [Error], which does so.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Rollback drops the changes that were not committed yet, and the error.
func (s *Session) Rollback() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now, s.own, s.ops, s.nows, s.err = &s.at.draft, false, nil, nil, nil
	s.dead, s.rotating, s.newID = false, false, ID{}
	s.cid, s.tried = 0, nil
	s.epoch++
}

// fail keeps the first error. The caller holds the lock.
func (s *Session) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// do applies an op to what the request sees and records it. The caller holds the
// lock.
func (s *Session) do(o op) {
	if s.err == nil && s.sealed && !s.m.discard && o.kind != opFlashNow && (s.fresh() || o.kind == opPersist || o.kind == opTimeouts) {
		s.fail(ErrCommitted)
	}
	if s.over && s.err == nil {
		s.m.cfg.Logger.Warn("session: written to after its request had ended; nothing of that is stored", "path", o.path)
		s.fail(ErrCommitted)
	}
	if s.err != nil {
		return
	}
	if !s.own {
		e := &edit{draft: *s.now}
		s.now, s.own = &e.draft, true
		if s.ops == nil {
			s.ops = e.ops[:0]
		}
	}
	if err := s.now.apply(&o, s.commitID()); err != nil {
		s.fail(err)
		return
	}
	if !s.shadowed(&o) {
		s.ops = append(s.ops, o)
	}
}

// commitID names the coming commit. It needs no secrecy, only to be another one
// than the sixteen before it.
func (s *Session) commitID() uint64 {
	if s.cid == 0 {
		s.cid = rand.Uint64() | 1
	}
	return s.cid
}

// ID returns the session's public ID, which stays the same for its whole life. A
// session that is not stored yet has the ID that it will get.
func (s *Session) ID() ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fresh() {
		return s.at.rec.ID
	}
	if s.newID.IsZero() {
		s.newID = randomID()
	}
	return s.newID
}

// IsNew reports whether the session is not stored (yet).
func (s *Session) IsNew() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fresh()
}

// Format writes "session" and the ID, whatever the verb, so that a session that is
// logged by accident shows neither its data nor its token (CVE-2023-20866).
func (s *Session) Format(f fmt.State, _ rune) {
	if s == nil {
		io.WriteString(f, "session <nil>")
		return
	}
	fmt.Fprintf(f, "session %v", s.ID())
}

// ExpiresAt returns when the session ends unless it is used again.
func (s *Session) ExpiresAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fresh() || len(s.ops) > 0 && !s.still() {
		now := s.m.cfg.Now()
		return s.m.cfg.expires(s.now, s.created(now), now)
	}
	return s.at.rec.ExpiresAt
}

func (s *Session) created(now time.Time) time.Time {
	if s.fresh() {
		return now
	}
	return s.at.rec.CreatedAt
}

// logsIn reports whether the pending changes hold a login.
func (s *Session) logsIn() bool {
	return slices.ContainsFunc(s.ops, isLogin)
}

func isLogin(o op) bool { return o.kind == opLogin }

// client tells who made the request. It is asked for by commits only: most requests
// store nothing.
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

// committed makes a stored record the state that later changes build on.
func (s *Session) committed(at *stored) {
	s.at = at
	s.ops, s.shown, s.read, s.cid, s.rotating, s.newID = nil, nil, nil, 0, false, ID{}
	s.tried = nil
	if len(s.nows) > 0 {
		s.merged = true
	}
}

// changed reports whether the request asked for a change.
func (s *Session) changed() bool { return len(s.ops) > 0 || s.rotating || s.dead }

// An attempt is a commit to a record. If the store's answer is lost for good, its outcome
// is open; then the next commit makes it again as it was, under the same id, and what
// the request has changed since is a commit of its own. Only so it can be told which of
// them is stored.
type attempt struct {
	ops      int      // how many of the session's it has
	rotation rotation // 0: none
	sec      secret   // of the new token
	under    uint64   // what id the store has of it, if it has it; 0: it is new
}

// settled seals a session for which the commit before the response has nothing to
// do, which is most often so.
func (s *Session) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	settled := !s.due && s.err == nil && !s.changed() && len(s.shown) == 0
	s.sealed = s.sealed || settled
	return settled
}

// seal marks that the client can be told nothing more.
func (s *Session) seal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
}

// end marks that the request is over.
func (s *Session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// still reports whether a commit of the pending changes is no activity. The caller
// holds the lock.
func (s *Session) still() bool {
	return s.passive && !s.rotating && !slices.ContainsFunc(s.ops, func(o op) bool {
		return o.kind == opLogin || o.kind == opTimeouts
	})
}

func (s *Session) markPassive() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passive = true
}

// shadowed keeps account of the FlashNow values, and reports whether an op
// changes nothing but one of them. The caller holds the lock.
func (s *Session) shadowed(o *op) bool {
	if o.kind == opFlashNow {
		if !slices.Contains(s.nows, o.path) {
			s.nows = append(s.nows, o.path)
		}
		return true
	}
	if len(s.nows) == 0 {
		return false
	}
	if o.kind == opAppend || o.kind == opUpdate {
		return slices.ContainsFunc(s.nows, func(path string) bool { return dotpath.Within(o.path, path) })
	}
	if o.kind != opKeep {
		s.nows = slices.DeleteFunc(s.nows, func(path string) bool {
			return o.kind == opClear || dotpath.Within(path, o.path)
		})
	}
	return false
}
