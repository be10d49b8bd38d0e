package session

import (
	"context"
	"fmt"
	"reflect"

	"github.com/expanse-go/session/internal/dotpath"
)

// A Key names a value together with its type, so that the two cannot part:
//
//	var cart = session.NewKey[Cart]("shop.cart")
//
//	c := cart.Get(s, Cart{})
//	cart.Update(s, func(c Cart) Cart { c.Items = append(c.Items, item); return c })
type Key[T any] struct {
	path string
}

// NewKey returns the key of a path. Keys are usually package variables.
func NewKey[T any](path string) Key[T] { return Key[T]{path} }

// String returns the path.
func (k Key[T]) String() string { return k.path }

// Get is [Get].
func (k Key[T]) Get(s *Session, def T) T { return Get(s, k.path, def) }

// Lookup is [Lookup].
func (k Key[T]) Lookup(s *Session) (T, bool) { return Lookup[T](s, k.path) }

// Has is [Session.Has].
func (k Key[T]) Has(s *Session) bool { return s.Has(k.path) }

// Set is [Session.Set].
func (k Key[T]) Set(s *Session, v T) { s.Set(k.path, v) }

// Flash is [Session.Flash].
func (k Key[T]) Flash(s *Session, v T) { s.Flash(k.path, v) }

// Pop is [Pop].
func (k Key[T]) Pop(s *Session, def T) T { return Pop(s, k.path, def) }

// Take is [Take].
func (k Key[T]) Take(s *Session, def T) T { return Take(s, k.path, def) }

// Update is [Update].
func (k Key[T]) Update(s *Session, f func(T) T) { Update(s, k.path, f) }

// Remove is [Session.Remove].
func (k Key[T]) Remove(s *Session) { s.Remove(k.path) }

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
		v, err := decode[T](raw)
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
			if v, err = decode[T](raw); err != nil {
				s.mismatch(&TypeError{Path: path, Want: reflect.TypeFor[T]().String(), Err: err})
				v = *new(T)
			}
		}
		v = f(v)
		out, err := encode(v)
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
