package session

import (
	"fmt"
	"iter"
	"slices"

	"github.com/expanse-go/session/internal/dotpath"
	"github.com/expanse-go/session/internal/jsonvalue"
)

// MaxDepth is the largest number of segments of a path.
const MaxDepth = dotpath.MaxDepth

// Join makes a path of segments. A path is one or more segments separated by
// dots, none of them empty, at most [MaxDepth], in UTF-8. In a segment `\.` is a
// dot and `\\` a backslash, and any other backslash is itself; Join escapes both.
// A segment of digits names a position if what it meets is a list, which is
// possible for reading only.
//
// What is no path ("", "a..b") is absent to every method that reads, and
// [ErrInvalidPath] to every method that writes, and to [Session.Decode].
func Join(segments ...string) string { return dotpath.Join(segments...) }

func checkPath(path string) error {
	if dotpath.Check(path) != nil {
		if len(path) > 80 {
			path = path[:80]
		}
		return fmt.Errorf("%w %q: segments are separated by dots, at most %d, none empty; escape a dot with Join", ErrInvalidPath, path, MaxDepth)
	}
	return nil
}

// Has reports whether there is a value at the path. A stored null counts.
func (s *Session) Has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.find(path)
	return ok
}

func (s *Session) find(path string) ([]byte, bool) {
	if dotpath.Check(path) != nil {
		return nil, false
	}
	return dotpath.Lookup(s.now.doc, path)
}

// lookup returns the text at a path, and notes which flash messages were read.
func (s *Session) lookup(path string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw, ok := s.find(path)
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
	v, _ := jsonvalue.Decode[map[string]any](doc)
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
		} else if _, ok := s.find(path); ok {
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

// write encodes a value and does a set, append or flash with it.
func (s *Session) write(kind opKind, path string, v any) {
	err := checkPath(path)
	var raw []byte
	if err == nil {
		if raw, err = jsonvalue.Encode(v); err != nil {
			err = &ValueError{Path: path, Type: fmt.Sprintf("%T", v), Err: err}
		} else if s.m.cfg.MaxBytes > 0 && len(raw) > s.m.cfg.MaxBytes {
			err = fmt.Errorf("session: the %T at %q has %d bytes, above Config.MaxBytes (%d): %w", v, path, len(raw), s.m.cfg.MaxBytes, ErrTooLarge)
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
