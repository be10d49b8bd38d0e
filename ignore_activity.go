package session

import (
	"context"
	"net/http"
)

// Peek is [From] for a request that is no activity of the visitor: a poll, a
// heartbeat, a countdown to the end of the session. Without it a page that polls
// keeps its session alive for as long as its tab is open, whoever sits there.
//
// The mark is on the request, from its first Peek on, whoever calls From before or
// after. Such a request
//
//   - never prolongs its session, and never gets it a periodic token;
//   - stores what it changes like any other, but [Session.ExpiresAt] stays where it
//     is;
//   - uses up a flash message only if it has read it.
//
// A new session begins to live, and [Session.Login], [Session.Regenerate] and
// [Session.SetTimeouts] count as activity, because they are.
//
// A session from [Manager.Load] is marked by Peek(NewContext(ctx, s)). The errors
// are those of From.
func Peek(ctx context.Context) (*Session, error) { return peek(ctx.Value(anyKey{})) }

// Peek is [Peek] for an application with several managers.
func (m *Manager) Peek(ctx context.Context) (*Session, error) { return peek(ctx.Value(ownKey{m})) }

func peek(v any) (*Session, error) {
	markPassive(v)
	return from(v)
}

// Passive marks all requests to a handler as [Peek] does, without loading their
// sessions: for the routes that a page polls. Outside of [Manager.Handler] it brings
// the middleware itself.
func (m *Manager) Passive(next http.Handler) http.Handler {
	marked := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		markPassive(r.Context().Value(ownKey{m}))
		next.ServeHTTP(w, r)
	})
	handler := m.Handler(marked)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Context().Value(ownKey{m}).(*Session); ok { // of another transport, by NewContext
			marked.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func markPassive(v any) {
	switch v := v.(type) {
	case *exchange:
		v.loading.Lock()
		defer v.loading.Unlock()
		v.passive = true // for a session that is loaded later
		v.s.markPassive()
	case *Session:
		v.markPassive()
	}
}
