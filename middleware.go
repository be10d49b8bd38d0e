package session

import (
	"context"
	"errors"
	"net/http"
)

// Handler is the middleware. It gives every request a session that is loaded when
// [From] is called first, and commits it when the response begins. A request
// that never asks costs no store call and gets no header.
//
// It refuses what other sites make a browser do: unsafe methods with a foreign
// origin get a 403 ([ErrCrossOrigin]) from the error handler; see
// [http.CrossOriginProtection] and [Config].TrustedOrigins. GET, HEAD and OPTIONS
// always pass, so they must change nothing.
//
// A panic that reaches Handler commits nothing and goes on up. Wrapping twice in
// the same manager is wrapping once. An [http.TimeoutHandler] belongs inside of
// Handler: around it, a request that has timed out may still commit.
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.exchange(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		x := &exchange{Context: r.Context(), m: m, came: r, w: w}
		x.entry.take(w.Header())
		r = r.WithContext(x)
		x.r = r
		if err := m.cfg.origins.Check(r); err != nil {
			m.cfg.OnError(x.writer(), r, errors.Join(ErrCrossOrigin, err))
		} else {
			x.serve(next, r)
		}
		x.finish()
	})
}

// HandlerFunc returns a handler for h, which needs a session: the handler loads it
// first, and answers with the error handler if that fails. Outside of
// [Manager.Handler] it adds the middleware itself.
func (m *Manager) HandlerFunc(h func(w http.ResponseWriter, r *http.Request, s *Session)) http.HandlerFunc {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := m.From(r.Context())
		if err != nil {
			m.cfg.OnError(w, r, err)
			return
		}
		h(w, r, s)
	})).ServeHTTP
}

// From returns the session of a request, and loads it on the first call; the
// result of that, error included, stays for the request. The error is
// [ErrNoSession] outside of the middleware, [ErrClosed], or a [*StoreError]: hand
// it to [Error]. With several managers around, it is the innermost one's session.
func From(ctx context.Context) (*Session, error) { return from(ctx.Value(anyKey{})) }

// From is [From] for an application with several managers.
func (m *Manager) From(ctx context.Context) (*Session, error) { return from(ctx.Value(ownKey{m})) }

func from(v any) (*Session, error) {
	switch v := v.(type) {
	case *exchange:
		return v.session()
	case *Session:
		if v != nil {
			return v, nil
		}
	}
	return nil, ErrNoSession
}

func (m *Manager) exchange(ctx context.Context) *exchange {
	x, _ := ctx.Value(ownKey{m}).(*exchange)
	return x
}

// Error answers a request that failed with err, by the error handler of its
// manager, or by [DefaultError] outside of the middleware. What the request has
// changed in its session, and has not committed, is dropped.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	switch v := r.Context().Value(anyKey{}).(type) {
	case *exchange:
		if s, _ := v.loaded(); s != nil {
			s.Rollback()
		}
		v.m.cfg.OnError(w, r, err)
	case *Session:
		v.Rollback()
		v.m.cfg.OnError(w, r, err)
	default:
		DefaultError(w, r, err)
	}
}
