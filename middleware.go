package session

import (
	"context"
	"net/http"
)

// Handler is the middleware. It gives every request a session, which is loaded by the
// first call of [From] and committed when the response begins. A request that never asks
// for its session costs no store call and gets no header.
//
// Handler refuses requests that other sites make a browser send: an unsafe method with a
// foreign origin gets a 403 ([ErrCrossOrigin]) from the error handler, and causes an
// [EventCrossOrigin]; see [http.CrossOriginProtection] and [Config].TrustedOrigins. GET,
// HEAD and OPTIONS always pass, so they must change nothing.
//
// If a panic reaches Handler, it commits nothing and the panic continues. Wrapping a
// handler twice in the same manager has no further effect. Put an [http.TimeoutHandler]
// inside of Handler: if it is outside, a request that has timed out may still commit.
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
		if m.cfg.origins.Check(r) != nil {
			m.cfg.OnError(x.writer(), r, m.refuseOrigin(r))
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

// From returns the session of a request. The first call loads it, and its result,
// including an error, stays the same for the whole request. The error is [ErrNoSession]
// outside of the middleware, [ErrClosed], or a [*StoreError]; pass it to [Error]. If the
// handlers of several managers are nested, From returns the session of the innermost.
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

// Error answers a request that has failed with err. It calls the error handler of the
// manager, or [DefaultError] outside of the middleware. It drops the changes of the
// session that are not committed yet.
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
