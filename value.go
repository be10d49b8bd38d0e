package session

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"github.com/expanse-go/session/internal/dotpath"
	"github.com/expanse-go/session/internal/jsonvalue"
)

// Get returns the value at a path, or def if there is no value or the value does not decode
// into a T. A stored null is a value: Get returns the zero T. The result is a copy.
//
// A value that is not a T, such as one from before the type was changed, causes an
// [EventCorrupt] with a [*TypeError], once for each request, path and type. The manager logs
// it once for each path and type. To read a value that may have one of several types, use
// [Session.Decode], or Get with an any.
//
// T can be any type that encoding/json decodes. In an any, integers are int64
// ([json.Number] if they do not fit), and other numbers are float64.
func Get[T any](s *Session, path string, def T) T {
	if v, ok := Lookup[T](s, path); ok {
		return v
	}
	return def
}

// Value returns the value at the path, or nil if there is none. It is for templates, which
// can't call functions with type parameters; elsewhere, use [Get]:
//
//	{{with .Session.Value "status"}}<p>{{.}}</p>{{end}}
//
// It counts as reading a flash message. Get the session before the template is executed: a
// template that writes to the response begins it, and that is too late for the first [From].
func (s *Session) Value(path string) any { return Get[any](s, path, nil) }

// Lookup is like [Get], for callers that must distinguish an absent value from a zero one.
// It returns false if there is no value at the path or the value does not decode into a T,
// which it reports as Get does.
func Lookup[T any](s *Session, path string) (T, bool) {
	raw, ok := s.lookup(path)
	if !ok {
		var zero T
		return zero, false
	}
	v, err := jsonvalue.Decode[T](raw)
	if err != nil {
		var zero T
		s.noT(typeError(path, reflect.TypeFor[T]().String(), raw))
		return zero, false
	}
	return v, true
}

// Decode stores the value at a path in the variable that dst points to. The error is
// [ErrNotFound] if there is no value, [ErrInvalidPath] for an invalid path, or a
// [*TypeError]. After a TypeError, *dst is unchanged or partly filled, as
// [json.Unmarshal] leaves it.
func (s *Session) Decode(path string, dst any) error {
	if err := checkPath(path); err != nil {
		return err
	}
	raw, ok := s.lookup(path)
	if !ok {
		return errorf(ErrNotFound, "no value at %q", path)
	}
	want := strings.TrimPrefix(fmt.Sprintf("%T", dst), "*")
	if p := reflect.ValueOf(dst); p.Kind() != reflect.Pointer || p.IsNil() {
		return &TypeError{Path: path, Want: want, Err: errors.New("Decode needs a pointer that is not nil")}
	}
	if jsonvalue.Unmarshal(raw, dst) != nil {
		return typeError(path, want, raw)
	}
	return nil
}

// Pop returns the value at a path and removes it. If there is no value, or the value does not
// decode into a T, which it reports as Get does, Pop returns def and removes nothing. Two
// overlapping requests may both get the value; if that matters, use [PopOnce]. If the value
// was set by [Session.FlashNow], Pop does not remove a stored value that it hides.
func Pop[T any](s *Session, path string, def T) T { return pop(s, opRemove, path, def) }

// PopOnce is like [Pop], for a value that only one request may get, such as a one-time code.
// If another request has changed or removed the value in the meantime, the commit fails with
// [ErrConflict], and the client gets an error response. Until the commit has succeeded, do
// not do anything with the value that cannot be undone.
func PopOnce[T any](s *Session, path string, def T) T { return pop(s, opPopOnce, path, def) }

func pop[T any](s *Session, kind opKind, path string, def T) T {
	if err := checkPath(path); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fail(err)
		return def
	}
	for {
		raw, ok := s.lookup(path)
		if !ok {
			return def
		}
		v, err := jsonvalue.Decode[T](raw)
		if err != nil {
			s.noT(typeError(path, reflect.TypeFor[T]().String(), raw))
			return def
		}
		s.mu.Lock()
		cur, ok := s.find(path)
		same := ok && string(cur) == string(raw)
		if same {
			s.take(kind, dotpath.Canonical(path))
		}
		s.mu.Unlock()
		if same {
			return v
		}
	}
}

// take removes a value that was read. The caller holds the lock.
func (s *Session) take(kind opKind, path string) {
	if s.failure() != nil {
		return
	}
	if s.flashNow.covers(path) {
		if err := s.flashNow.take(path); err != nil {
			s.fail(err)
		}
		return
	}
	raw, _ := s.now.doc.Lookup(path)
	s.do(op{kind: kind, path: path, raw: raw})
}

// Update replaces the value v at a path with f(v), and returns the new value as this
// request sees it. If there is no value, f gets the zero T. In two overlapping requests,
// Update may return the same value, so do not use it as a sequence number.
//
// Concurrent updates add up: if another request commits first, f runs again, on
// the newly stored value, as often as necessary. So f must depend only on its argument and
// must not change anything else. It may run again at the commit, after the handler has
// returned, but always on a goroutine of its own request.
//
// If the stored value is not a T, Update replaces it as if it were missing, because the
// request would otherwise fail forever. The manager logs this and sends an [EventCorrupt]
// with a [*TypeError]. A flash message stays a flash message, and the next page gets its new
// value. After an error (see [Session.Err]), Update returns the zero T.
func Update[T any](s *Session, path string, f func(T) T) T {
	var zero T
	apply := func(raw []byte, ok bool) (v T, out []byte, err error) {
		if ok {
			if v, err = jsonvalue.Decode[T](raw); err != nil {
				s.mismatch(typeError(path, reflect.TypeFor[T]().String(), raw))
				v = zero
			}
		}
		v = f(v)
		if out, err = jsonvalue.Encode(v); err != nil {
			err = valueError(path, v, err)
		}
		return v, out, err
	}
	err := checkPath(path)
	canonical := ""
	if err == nil {
		canonical = dotpath.Canonical(path)
	}
	for range maxUpdates {
		s.mu.Lock()
		if err != nil {
			s.fail(err)
		}
		if s.failure() != nil {
			s.mu.Unlock()
			return zero
		}
		old, had := s.changeable(canonical)
		s.mu.Unlock()

		// f runs without the lock, because it may read the session.
		var v T
		var first []byte
		if v, first, err = apply(old, had); err != nil {
			continue
		}
		s.mu.Lock()
		now, has := s.changeable(canonical)
		unchanged := has == had && string(now) == string(old)
		if unchanged {
			s.do(op{kind: opUpdate, path: canonical, fn: func(raw []byte, ok bool) (out []byte, err error) {
				if out, first = first, nil; out == nil { // it is applied again, to a newer document
					_, out, err = apply(raw, ok)
				}
				return out, err
			}})
		}
		failed := s.failure() != nil
		s.mu.Unlock()
		switch {
		case failed:
			return zero
		case unchanged:
			return v
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(fmt.Errorf("session: Update of %q: the value changed each time the function ran; the function must not write to it itself", path))
	return zero
}

// changeable returns the value at a canonical path that Update changes: that of FlashNow, or the
// one to be stored. The caller holds the lock.
func (s *Session) changeable(path string) ([]byte, bool) {
	if s.flashNow.covers(path) {
		return s.flashNow.doc.Lookup(path)
	}
	return s.now.doc.Lookup(path)
}

// mismatch reports a value that Update is about to replace.
func (s *Session) mismatch(err *TypeError) {
	s.m.cfg.log(s.context(), slog.LevelWarn, "session: Update replaced a value that does not have its type", logError(err))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(err)
}

// noT reports a value that counts as absent, because it is not a T.
func (s *Session) noT(err *TypeError) {
	if s.m.unlike.first(err.Want + " " + err.Path) {
		s.m.cfg.log(s.context(), slog.LevelWarn, "session: a value does not have the type that the program asks for, and counts as absent; this is logged once for each path and type", logError(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report(err)
}

// maxUpdates limits how often Update tries again because another goroutine of the same
// request, or its own function, has changed the value.
const maxUpdates = 1000
