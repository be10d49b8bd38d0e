package session

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/expanse-go/session/internal/dotpath"
	"github.com/expanse-go/session/internal/jsonvalue"
)

// Get returns the value at a path, or def if there is none or it is not a T. A
// stored null is a value: it gives the zero T. The value is a copy.
//
// T is any type that encoding/json decodes. In an any, integers are int64
// ([json.Number] if they do not fit) and other numbers float64.
func Get[T any](s *Session, path string, def T) T {
	if v, ok := Lookup[T](s, path); ok {
		return v
	}
	return def
}

// Lookup is [Get] for callers that must tell an absent value from a zero one. It
// reports false if there is no value at the path or it is not a T.
func Lookup[T any](s *Session, path string) (T, bool) {
	raw, ok := s.lookup(path)
	if !ok {
		var zero T
		return zero, false
	}
	v, err := jsonvalue.Decode[T](raw)
	return v, err == nil
}

// Decode stores the value at a path into what dst points to. The error is
// [ErrNotFound] if there is none, [ErrInvalidPath] for what is no path, or a
// [*TypeError]; then *dst is unchanged or partly filled, as [json.Unmarshal]
// leaves it.
func (s *Session) Decode(path string, dst any) error {
	if err := checkPath(path); err != nil {
		return err
	}
	raw, ok := s.lookup(path)
	if !ok {
		return fmt.Errorf("session: no value at %q: %w", path, ErrNotFound)
	}
	if err := jsonvalue.Unmarshal(raw, dst); err != nil {
		return &TypeError{Path: path, Want: strings.TrimPrefix(fmt.Sprintf("%T", dst), "*"), Err: err}
	}
	return nil
}

// Pop returns the value at a path and removes it. It returns def, and removes
// nothing, if there is none or it is not a T. Two requests at once may both get
// the value; [Take] prevents that.
func Pop[T any](s *Session, path string, def T) T { return pop(s, opRemove, path, def) }

// Take is [Pop] for what must be had only once, such as a one-time code: if
// another request changed or removed the value meanwhile, the commit fails with
// [ErrConflict], and the response with it.
func Take[T any](s *Session, path string, def T) T { return pop(s, opTake, path, def) }

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
			return def
		}
		s.mu.Lock()
		cur, ok := dotpath.Lookup(s.now.doc, path)
		same := ok && string(cur) == string(raw)
		if same {
			s.do(op{kind: kind, path: dotpath.Canonical(path), raw: raw})
		}
		s.mu.Unlock()
		if same {
			return v
		}
	}
}

// Update replaces the value at a path by f of it; f gets the zero T if there is
// none. Updates of concurrent requests add up: if another request has committed
// meanwhile, f runs again on what that one stored, and for as long as it takes,
// so f must depend on nothing but its argument and change nothing else. It may
// run after the handler has returned, but never after the response has begun
// and never without the request.
//
// A stored value that is not a T, such as one from before a change of the type, is
// replaced as if there were none, because the request would fail for ever
// otherwise; that is logged, and an [EventCorrupt] with a [*TypeError].
func Update[T any](s *Session, path string, f func(T) T) {
	err := checkPath(path)
	apply := func(raw []byte, ok bool) ([]byte, error) {
		var v T
		if ok {
			var err error
			if v, err = jsonvalue.Decode[T](raw); err != nil {
				s.mismatch(&TypeError{Path: path, Want: reflect.TypeFor[T]().String(), Err: err})
				v = *new(T)
			}
		}
		v = f(v)
		out, err := jsonvalue.Encode(v)
		if err != nil {
			return nil, &ValueError{Path: path, Type: fmt.Sprintf("%T", v), Err: err}
		}
		return out, nil
	}
	for range maxUpdates {
		s.mu.Lock()
		if err != nil {
			s.fail(err)
		}
		if s.err != nil {
			s.mu.Unlock()
			return
		}
		raw, ok := dotpath.Lookup(s.now.doc, path)
		s.mu.Unlock()

		// f runs without the lock, because it may read the session.
		var next []byte
		if next, err = apply(raw, ok); err != nil {
			continue
		}
		s.mu.Lock()
		cur, still := dotpath.Lookup(s.now.doc, path)
		same := still == ok && string(cur) == string(raw)
		if same {
			s.do(op{kind: opUpdate, path: dotpath.Canonical(path), fn: once(next, apply)})
		}
		s.mu.Unlock()
		if same {
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(fmt.Errorf("session: Update of %q: the value changed each time the function ran; the function must not write to it itself", path))
}

// mismatch reports a value that an Update is about to replace.
func (s *Session) mismatch(err *TypeError) {
	s.mu.Lock()
	at := s.at
	s.mu.Unlock()
	s.m.cfg.Logger.Warn("session: value replaced, because it is not of the type that Update needs", "error", err)
	s.m.event(context.Background(), Event{Kind: EventCorrupt, ID: at.rec.ID, Owner: at.rec.Owner, Err: err})
}

// maxUpdates bounds the attempts of an Update against other goroutines of the same
// request, and against its own function.
const maxUpdates = 1000

// once hands out the first result without another run of the function.
func once(first []byte, f func([]byte, bool) ([]byte, error)) func([]byte, bool) ([]byte, error) {
	return func(raw []byte, ok bool) ([]byte, error) {
		if first != nil {
			out := first
			first = nil
			return out, nil
		}
		return f(raw, ok)
	}
}
