package session

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"

	"github.com/expanse-go/session/internal/dotpath"
	"github.com/expanse-go/session/internal/jsonvalue"
)

// MaxDepth is the maximum number of segments in a path.
const MaxDepth = dotpath.MaxDepth

// Join makes a path from segments. A path is one or more segments in UTF-8, separated by
// dots. No segment is empty, and there are at most [MaxDepth]. In a segment, `\.` is a
// dot and `\\` is a backslash; any other backslash stands for itself. Join escapes dots
// and backslashes. In a list, a segment of digits is an index; that works for reading
// only.
//
// For an invalid path ("", "a..b"), methods that read find nothing. Methods that write,
// and [Session.Decode], fail with [ErrInvalidPath].
func Join(segments ...string) string { return dotpath.Join(segments...) }

func checkPath(path string) error {
	if dotpath.Check(path) != nil {
		if len(path) > 80 {
			path = path[:80]
		}
		return errorf(ErrInvalidPath, "invalid path %q: a path has at most %d segments, separated by dots, and none is empty; escape a dot with Join", path, MaxDepth)
	}
	return nil
}

// Has reports whether there is a value at the path. A stored null is a value.
func (s *Session) Has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has(path)
}

// find returns the value at a path that the request sees. The caller holds the lock.
func (s *Session) find(path string) ([]byte, bool) {
	if dotpath.Check(path) != nil {
		return nil, false
	}
	s.scan()
	if s.flashNow != nil {
		return s.flashNow.lookup(&s.now.doc, dotpath.Canonical(path))
	}
	return s.now.doc.Lookup(path)
}

// has is find without the value. The caller holds the lock.
func (s *Session) has(path string) bool {
	if dotpath.Check(path) != nil {
		return false
	}
	s.scan()
	if s.flashNow != nil {
		return s.flashNow.has(&s.now.doc, dotpath.Canonical(path))
	}
	return s.now.doc.Has(path)
}

// lookup returns the text at a path, and records which flash messages were read.
func (s *Session) lookup(path string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, ok := s.find(path)
	if ok && len(s.shown) > 0 {
		s.noteRead(dotpath.Canonical(path))
	}
	return raw, ok
}

// text returns all that the request sees. The caller holds the lock.
func (s *Session) text() []byte { return s.flashNow.cover(s.now.doc.Text(), "") }

// noteRead marks the messages at, above or below a path as read, unless FlashNow hides them.
func (s *Session) noteRead(path string) {
	if path != "" && s.flashNow.covers(path) {
		return
	}
	if s.read == nil {
		s.read = make([]bool, len(s.shown))
	}
	for i, m := range s.shown {
		if path == "" || dotpath.Within(m.path, path) || dotpath.Within(path, m.path) {
			s.read[i] = true
		}
	}
}

// All returns a copy of the user's data, without the library's own. Integers are int64, or
// [json.Number] if they do not fit. If the stored data is not JSON, which can happen only if
// another program has written it, All returns an empty map and sends an [EventCorrupt].
func (s *Session) All() map[string]any {
	s.mu.Lock()
	doc := s.text()
	if len(s.shown) > 0 {
		s.noteRead("")
	}
	s.mu.Unlock()
	v, err := jsonvalue.Decode[map[string]any](doc)
	if err != nil || v == nil {
		s.damaged()
		return map[string]any{}
	}
	return v
}

// damaged reports a stored document that is not JSON.
func (s *Session) damaged() {
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	err := errorf(ErrCorrupt, "the stored data is not JSON, or nests deeper than 10,000 levels")
	s.m.cfg.log(s.context(), slog.LevelWarn, "session: the data of a session cannot be read as a whole", logID(at.rec.ID), logError(err))
	s.m.event(s.context(), Event{Kind: EventCorrupt, ID: at.rec.ID, Owner: at.rec.Owner, Err: err})
}

// Keys yields the paths of the top-level values in sorted order. They are escaped as by
// [Join], so that each can be passed to [Get].
func (s *Session) Keys() iter.Seq[string] {
	s.mu.Lock()
	doc := s.text()
	s.mu.Unlock()
	var keys []string
	for k := range dotpath.Members(doc) {
		keys = append(keys, Join(k))
	}
	slices.Sort(keys)
	return slices.Values(slices.Compact(keys)) // another program may have stored one twice
}

// Set stores a value at the path. It encodes the value immediately, so later changes to the
// value have no effect. Set creates missing objects along the path. If there is a list along
// the path, it fails with [ErrPathConflict]. If the path holds a flash message, Set makes it
// permanent; below a flash message, it changes the message.
//
// If there is a scalar along the path, Set replaces it with an object: after
// Set("user", "ada"), Set("user.name", …) loses "ada". This is not an error; otherwise, a
// session from before a change of the program would fail forever. The manager logs it once
// for each path and sends an [EventCorrupt] with a [*TypeError].
//
// [Get] returns the value as it was. Set refuses the following values, with a [*ValueError]
// that says what to store instead:
//   - values that encoding/json cannot encode: a channel, a function, a cycle, NaN;
//   - values that it would silently change, or lose in part: an error, fields that are
//     not exported, fields beside an embedded type that marshals itself, several fields with
//     the same name, invalid UTF-8;
//   - values that it could not decode: interfaces other than any, and types that have
//     MarshalJSON or MarshalText without the reverse;
//   - text from [json.RawMessage] or MarshalJSON that has a name twice in an object;
//   - values nested deeper than 1,000 levels; this error also matches [ErrTooLarge].
//
// Fields with the tag `json:"-"` are left out. An any may hold everything that can be stored
// by itself, and reads back as one of the types that [Get] describes. Set also calls
// MarshalJSON and MarshalText with a pointer receiver, but values in maps and in an any must
// then be pointers.
//
// After an error, later writes do nothing: see [Session.Err].
func (s *Session) Set(path string, v any) { s.write(opSet, path, v, false) }

// Append adds values to the list at the path, or to a new list if there is none. Appends
// of concurrent requests add up. If the value is not a list, Append fails with
// [ErrPathConflict]; null counts as an empty list. [Session.Set] describes the values that
// can be appended. Values appended to a flash message become part of it, as with
// [Session.AddFlash].
func (s *Session) Append(path string, v ...any) { s.append(path, v, false) }

func (s *Session) append(path string, v []any, flash bool) {
	if v == nil {
		v = []any{}
	}
	s.write(opAppend, path, v, flash)
}

// Remove deletes the values at the paths. A missing value is not an error. If the request
// sees no value because another request has stored it in the meantime, that value stays.
// A path inside a list fails with [ErrPathConflict].
func (s *Session) Remove(paths ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, path := range paths {
		if err := checkPath(path); err != nil {
			s.fail(err)
		} else if s.has(path) {
			s.do(op{kind: opRemove, path: dotpath.Canonical(path)})
		}
	}
}

// Clear deletes all of the user's data, including flash messages. If the request sees no
// data, Clear does nothing, even if another request has stored some in the meantime. The
// session, its owner and its token stay; compare [Session.Invalidate].
func (s *Session) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.doc.Len() > len(emptyDoc) || s.flashNow.reaches("") {
		s.do(op{kind: opClear})
	}
}

// write encodes a value and sets, appends or flashes it.
func (s *Session) write(kind opKind, path string, v any, flash bool) {
	raw, err := s.encode(path, v)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fail(err)
		return
	}
	o := op{kind: kind, path: dotpath.Canonical(path), raw: raw}
	if flash {
		o.mark = int32(len(o.path))
	}
	s.do(o)
}

// encode returns the text of a value to write to a path.
func (s *Session) encode(path string, v any) (raw []byte, err error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if raw, err = jsonvalue.Encode(v); err != nil {
		return nil, valueError(path, v, err)
	}
	if s.m.cfg.MaxBytes > 0 && len(raw) > s.m.cfg.MaxBytes {
		return nil, errorf(ErrTooLarge, "the %T at %q has %d bytes, more than Config.MaxBytes (%d)", v, path, len(raw), s.m.cfg.MaxBytes)
	}
	return raw, nil
}

// valueError is the error of a value that is not encoded.
func valueError(path string, v any, err error) error {
	if errors.Is(err, jsonvalue.ErrTooDeep) {
		err = errorf(ErrTooLarge, "%s", err)
	}
	return &ValueError{Path: path, Type: fmt.Sprintf("%T", v), Err: err}
}
