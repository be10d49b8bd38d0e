package session

import "net/http"

// IgnoreActivity marks a request that does not count as visitor activity: a poll, a
// heartbeat, a countdown to the end of the session. Without it, a page that polls keeps
// its session alive for as long as its tab is open, even if nobody is using it.
//
// The mark holds for the whole request, whatever the handler did before. Such a request
//
//   - never extends its session, and never gets the periodic new token;
//   - stores its changes like any other, but [Session.ExpiresAt] stays the same;
//   - uses up a flash message only if it has read it.
//
// There are exceptions: creating a session counts as activity, and so do [Session.Login],
// [Session.Confirm], [Session.Regenerate] and [Session.SetTimeouts].
func (s *Session) IgnoreActivity() { s.markPassive() }

// IgnoreActivity wraps the handler of routes that a page polls. It marks each request to
// the handler as [Session.IgnoreActivity] does, without loading its session. Outside
// [Manager.Handler], it adds the middleware itself.
func (m *Manager) IgnoreActivity(next http.Handler) http.Handler {
	return m.inside(func(w http.ResponseWriter, r *http.Request) {
		switch v := r.Context().Value(ownKey{m}).(type) {
		case *exchange:
			v.ignoreActivity()
		case *Session:
			v.markPassive()
		}
		next.ServeHTTP(w, r)
	})
}
