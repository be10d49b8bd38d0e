package session

import (
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// MaxDepth is the largest number of segments of a path.
const MaxDepth = dotpath.MaxDepth

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

// Has reports whether there is a value at the path. A stored null counts.
func (s *Session) Has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.peek(path)
	return ok
}

func (s *Session) peek(path string) ([]byte, bool) {
	if dotpath.Check(path) != nil {
		return nil, false
	}
	return dotpath.Lookup(s.now.doc, path)
}

// lookup returns the text at a path, and notes which flash messages were read.
func (s *Session) lookup(path string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, ok := s.peek(path)
	if ok && len(s.shown) > 0 {
		s.noteRead(dotpath.Canonical(path))
	}
	return raw, ok
}

func (s *Session) noteRead(path string) {
	if s.read == nil {
		s.read = make([]bool, len(s.shown))
	}
	for i, m := range s.shown {
		if path == "" || dotpath.Within(m.path, path) || dotpath.Within(path, m.path) {
			s.read[i] = true
		}
	}
}

// All returns a copy of the user's data, and nothing of the library's. Integers
// are int64, or [json.Number] if they do not fit.
func (s *Session) All() map[string]any {
	s.mu.Lock()
	doc := s.now.doc
	if len(s.shown) > 0 {
		s.noteRead("")
	}
	s.mu.Unlock()
	v, _ := decode[map[string]any](doc)
	if v == nil {
		v = map[string]any{}
	}
	return v
}

// Keys yields the paths of the top-level values, sorted. They are escaped as by
// [Join], so that each can be handed to [Get].
func (s *Session) Keys() iter.Seq[string] {
	s.mu.Lock()
	doc := s.now.doc
	s.mu.Unlock()
	var keys []string
	for k := range dotpath.Members(doc) {
		keys = append(keys, Join(k))
	}
	slices.Sort(keys)
	return slices.Values(keys)
}

// Set stores a value at the path. The value is encoded at once, so later changes
// to it have no effect. Missing objects on the way are made, and a scalar in the
// way is replaced by one; a list in the way is [ErrPathConflict]. On a flash
// message, Set makes the value permanent.
//
// The value is anything that encoding/json encodes, without loss: a channel, a
// cycle, NaN or invalid UTF-8 is a [*ValueError]. The first error sticks: see
// [Session.Err].
func (s *Session) Set(path string, v any) { s.write(opSet, path, v) }

// Append adds values to the list at the path, or to a new one if there is none.
// Appends of concurrent requests add up. What is there and is no list is
// [ErrPathConflict]; null counts as an empty list. Values are as in Set.
func (s *Session) Append(path string, v ...any) {
	if v == nil {
		v = []any{}
	}
	s.write(opAppend, path, v)
}

// Remove deletes the values at the paths. A missing one is no error; one inside
// of a list is [ErrPathConflict].
func (s *Session) Remove(paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range paths {
		if err := checkPath(path); err != nil {
			s.fail(err)
		} else if _, ok := s.peek(path); ok {
			s.do(op{kind: opRemove, path: dotpath.Canonical(path)})
		}
	}
}

// Clear deletes all of the user's data, flash messages included. The session, its
// owner and its token stay; compare [Session.Invalidate].
func (s *Session) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.now.doc) > len(emptyDoc) {
		s.do(op{kind: opClear})
	}
}

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

// write encodes a value and does a set, append or flash with it.
func (s *Session) write(kind opKind, path string, v any) {
	err := checkPath(path)
	var raw []byte
	if err == nil {
		if raw, err = encode(v); err != nil {
			err = &ValueError{Path: path, Type: typeName(v, false), Err: err}
		} else if s.m.cfg.MaxBytes > 0 && len(raw) > s.m.cfg.MaxBytes {
			err = fmt.Errorf("session: the %s at %q has %d bytes, above Config.MaxBytes (%d): %w", typeName(v, false), path, len(raw), s.m.cfg.MaxBytes, ErrTooLarge)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fail(err)
		return
	}
	s.do(op{kind: kind, path: dotpath.Canonical(path), raw: raw})
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

func checkPath(path string) error {
	if dotpath.Check(path) != nil {
		if len(path) > 80 {
			path = path[:80]
		}
		return fmt.Errorf("%w %q: segments are separated by dots, at most %d, none empty; escape a dot with Join", ErrInvalidPath, path, MaxDepth)
	}
	return nil
}

// Join makes a path of segments. A path is one or more segments separated by
// dots, none of them empty, at most [MaxDepth], in UTF-8. In a segment `\.` is a
// dot and `\\` a backslash, and any other backslash is itself; Join escapes both.
// A segment of digits names a position if what it meets is a list, which is
// possible for reading only.
//
// What is no path ("", "a..b") is absent to every method that reads, and
// [ErrInvalidPath] to every method that writes, and to [Session.Decode].
func Join(segments ...string) string { return dotpath.Join(segments...) }

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
