package session

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// RequireLogin returns middleware for pages and routes that need a signed-in user: a session
// with an owner. Other requests get an answer that their client understands, and never reach
// the handler:
//
//   - A page that a browser opens (a GET or HEAD with Sec-Fetch-Mode navigate, or without
//     fetch metadata and with text/html in Accept) is redirected to the page with a 303. The
//     query of the redirect contains the way back; read it with [ReturnPath].
//   - So is a form. The way back is then the page that the form was on, if its Referer is on
//     this site: the form is not sent again.
//   - A request from htmx (HX-Request) gets a 204 with HX-Redirect. The way back is the page
//     that the user sees.
//   - Any other request, and any request with a token header ([TransportConfig]), gets a 401
//     with a problem document (RFC 9457). Its member "reason" is "login_required", and
//     "location" is the page.
//
// None of these answers may be cached. If the session cannot be loaded, [Config].OnError
// responds.
//
// The page is a path of this site, such as "/login". Requests for it pass, so you can wrap the
// whole site. RequireLogin panics if page is not such a path. Used outside of [Manager.Handler],
// the middleware adds that handler itself.
func (m *Manager) RequireLogin(page string) func(http.Handler) http.Handler {
	return m.gate("RequireLogin", page, m.needsLogin)
}

// RequireFresh returns middleware for sensitive operations, such as a password change or a
// payment: the user must have signed in or confirmed less than maxAge ago (OWASP ASVS 7.5.3). It
// answers other requests as [Manager.RequireLogin] does; on page, a signed-in user enters the
// password again. Its handler calls [Session.Confirm] and redirects to [ReturnPath]. The user
// comes back to the page, and can submit the form again: nothing repeats an action that was
// refused. Wrap the page of the form as well, so that users seldom fill it in twice.
//
// In the problem document, "reason" is "confirmation_required", or "login_required" if nobody
// is signed in. The header WWW-Authenticate has the error insufficient_user_authentication and
// the max_age in seconds (RFC 9470). RequireFresh panics if maxAge is not positive.
//
//	fresh := manager.RequireFresh(10*time.Minute, "/confirm")
//	mux.Handle("/account/email", fresh(changeEmail))
func (m *Manager) RequireFresh(maxAge time.Duration, page string) func(http.Handler) http.Handler {
	if maxAge <= 0 {
		panic(fmt.Sprintf("session: RequireFresh(%v, …): maxAge must be positive", maxAge))
	}
	return m.gate("RequireFresh", page, m.needsFresh(maxAge))
}

// A refusal is why a gate does not let a request through.
type refusal struct {
	reason string // for programs
	detail string // for people
	maxAge time.Duration
}

// needsLogin refuses an anonymous session.
func (m *Manager) needsLogin(s *Session) *refusal {
	if s.Owner() != "" {
		return nil
	}
	return &refusal{reason: "login_required", detail: "Sign in to continue."}
}

// needsFresh also refuses one whose owner has signed in or confirmed too long ago.
func (m *Manager) needsFresh(maxAge time.Duration) func(*Session) *refusal {
	return func(s *Session) *refusal {
		if no := m.needsLogin(s); no != nil || m.cfg.Now().Sub(s.AuthenticatedAt()) < maxAge {
			return no
		}
		return &refusal{reason: "confirmation_required", detail: "Confirm that it is you to continue.", maxAge: maxAge}
	}
}

// gate returns middleware that lets a request through unless why returns a refusal.
func (m *Manager) gate(name, page string, why func(*Session) *refusal) func(http.Handler) http.Handler {
	if !isLocal(page) {
		panic(fmt.Sprintf("session: %s(%q): the page must be a path of this site, such as /login", name, page))
	}
	own, _, _ := strings.Cut(page, "#")
	own, _, _ = strings.Cut(own, "?")
	return func(next http.Handler) http.Handler {
		return m.inside(func(w http.ResponseWriter, r *http.Request) {
			if isPage(r, own) {
				next.ServeHTTP(w, r)
				return
			}
			s, err := m.From(r.Context())
			if err != nil {
				m.fail(w, r, err)
				return
			}
			if no := why(s); no != nil {
				m.refuse(w, r, no, page)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// isPage reports whether a request is for the page of a gate. Below an [http.StripPrefix], the
// path may look like that of the page, so the path that the client has sent counts as well.
func isPage(r *http.Request, page string) bool {
	sent, _, _ := strings.Cut(sentURI(r), "?")
	return r.URL.EscapedPath() == page && sent == page
}

// refuse answers a request that a gate does not let through.
func (m *Manager) refuse(w http.ResponseWriter, r *http.Request, no *refusal, page string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	switch {
	case m.cfg.Transport.read(r.Header) != nil || m.cfg.Transport.HeaderOnly:
		m.unauthorized(w, no, page)
	case r.Header.Get("Hx-Request") == "true":
		h.Set("Hx-Redirect", withReturn(page, wayBack(r)))
		w.WriteHeader(http.StatusNoContent)
	case isNavigation(r):
		h.Set("Location", withReturn(page, wayBack(r)))
		w.WriteHeader(http.StatusSeeOther)
	default:
		m.unauthorized(w, no, page)
	}
}

// isNavigation reports whether a browser shows the answer as a page.
func isNavigation(r *http.Request) bool {
	h := r.Header
	if hasAny(h, "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Dest") {
		return h.Get("Sec-Fetch-Mode") == "navigate"
	}
	return !hasAny(h, "X-Requested-With") && strings.Contains(strings.ToLower(strings.Join(h["Accept"], ",")), "text/html")
}

// A problem is a problem document (RFC 9457).
type problem struct {
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Reason   string `json:"reason"`
	Location string `json:"location,omitempty"`
}

// unauthorized answers with a 401, which has to name a scheme (RFC 9110, section 15.5.2).
func (m *Manager) unauthorized(w http.ResponseWriter, no *refusal, page string) {
	scheme, parameters := challenge, ""
	if m.cfg.Transport.Header == authorization {
		scheme = "Bearer"
	}
	if no.maxAge > 0 {
		parameters = fmt.Sprintf(` error="insufficient_user_authentication", max_age="%d"`, int64(no.maxAge/time.Second))
	}
	status := http.StatusUnauthorized
	text, _ := json.Marshal(problem{http.StatusText(status), status, no.detail, no.reason, page}) // text and numbers do encode
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("WWW-Authenticate", scheme+parameters)
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that has gone needs no answer
}
