package session

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A ForwardAuthConfig configures [Manager.ForwardAuth]. The zero value is ready to use.
type ForwardAuthConfig struct {
	_ [0]func()

	// OwnerHeader is the header that contains the owner. The proxy has to replace it in the
	// request that it passes on, so that clients cannot send one of their own.
	// Defaults to "Remote-User".
	OwnerHeader string

	// LoginPage is the page, on the host of the request, to which browsers are redirected. nginx
	// does not pass such a redirect on: leave LoginPage empty there, and use error_page. Defaults
	// to "", which means that everybody gets a 401.
	LoginPage string

	// MaxAge makes the user confirm after this time, as [Manager.RequireFresh] does. Zero means
	// never.
	MaxAge time.Duration
}

// ForwardAuth returns a handler that tells a proxy whether a request is signed in, so that
// programs behind the proxy need no sessions of their own. A signed-in request gets an empty 200
// with the owner in a header. Any other request gets a 401 with a problem document like that of
// [Manager.RequireLogin], or a redirect to LoginPage, and never a 2xx. The handler is for
// auth_request of nginx, ForwardAuth of Traefik and ext_authz of Envoy; the file
// docs/forward-auth.md of the repository has their configurations. Proxies must be able to reach
// the handler; clients need not.
//
// A request counts as visitor activity, because the programs behind the proxy don't tell the
// manager of any. Wrap the handler in [Manager.IgnoreActivity] for routes that a page polls. No
// token is rotated, because proxies do not pass the cookie on, and no flash message is used up.
//
// The original method is read from X-Forwarded-Method or X-Original-Method, so that a write that
// another site causes gets a 403 as in [Manager.Handler]; the original host from X-Forwarded-Host;
// and the way back from X-Forwarded-Uri or X-Original-Uri. Without them, those of the request
// itself count.
//
// All programs read a header alike only if it is visible ASCII, with at most single spaces inside.
// For any other owner, the error handler answers with a 500. ForwardAuth panics if the
// configuration is invalid.
func (m *Manager) ForwardAuth(c ForwardAuthConfig) http.Handler {
	name := cmp.Or(c.OwnerHeader, "Remote-User")
	switch {
	case !token(name) || isAmbient(http.CanonicalHeaderKey(name)):
		panic(fmt.Sprintf("session: ForwardAuth: OwnerHeader %q is not a header that a proxy can pass on; use Remote-User, for example", name))
	case c.LoginPage != "" && !isLocal(c.LoginPage):
		panic(fmt.Sprintf("session: ForwardAuth: LoginPage %q must be a path of this site, such as /login", c.LoginPage))
	case c.MaxAge < 0:
		panic(fmt.Sprintf("session: ForwardAuth: MaxAge %v must not be negative", c.MaxAge))
	}
	why := m.needsLogin
	if c.MaxAge > 0 {
		why = m.needsFresh(c.MaxAge)
	}
	h := m.inside(func(w http.ResponseWriter, r *http.Request) {
		if err := m.checkOrigin(r, m.cfg.Transport.read(r.Header)); err != nil { // inside Handler, that of the proxy was checked
			m.fail(w, r, err)
			return
		}
		s, err := m.From(r.Context())
		if err != nil {
			m.fail(w, r, err)
			return
		}
		m.onlyLook(r.Context(), s)
		w.Header().Set("Cache-Control", "no-store")
		owner := s.Owner()
		switch no := why(s); {
		case no != nil:
			m.refuseForward(w, r, no, c.LoginPage)
		case !isHeaderText(owner):
			m.fail(w, r, fmt.Errorf("session: the owner of session %v cannot be sent in a header; use owners of visible ASCII with ForwardAuth", s.ID()))
		default:
			w.Header().Set(name, owner)
			w.WriteHeader(http.StatusOK)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, original(r)) })
}

// refuseForward answers for a request that is not signed in, never with a 2xx, which a proxy
// would take for a yes.
func (m *Manager) refuseForward(w http.ResponseWriter, r *http.Request, no *refusal, page string) {
	switch {
	case page == "" || m.cfg.Transport.read(r.Header) != nil || m.cfg.Transport.HeaderOnly:
		m.unauthorized(w, no, page)
	case r.Header.Get("Hx-Request") == "true":
		w.Header().Set("Hx-Redirect", withReturn(page, wayBack(r)))
		m.unauthorized(w, no, page)
	case isNavigation(r):
		w.Header().Set("Location", withReturn(page, wayBack(r)))
		w.WriteHeader(http.StatusSeeOther)
	default:
		m.unauthorized(w, no, page)
	}
}

// original returns the request of the client that a proxy asks about.
func original(r *http.Request) *http.Request {
	first := func(names ...string) string {
		for _, name := range names {
			if v := r.Header.Get(name); v != "" {
				return v
			}
		}
		return ""
	}
	o := r.WithContext(r.Context())
	if method := first("X-Forwarded-Method", "X-Original-Method"); token(method) {
		o.Method = method
	}
	if host := first("X-Forwarded-Host"); host != "" && !strings.ContainsAny(host, ", \t") {
		o.Host = host
	}
	if uri := first("X-Forwarded-Uri", "X-Original-Uri"); isLocal(uri) {
		o.RequestURI = uri
	}
	return o
}

// isHeaderText reports whether every program reads a header with this value alike.
func isHeaderText(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != "" && strings.Trim(s, " ") == s && !strings.Contains(s, "  ")
}

// onlyLook seals a session whose response reaches a proxy and not the client: no new token, no
// cookie, and no flash message counts as shown.
func (m *Manager) onlyLook(ctx context.Context, s *Session) {
	if x := m.exchange(ctx); x != nil {
		x.loading.Lock()
		x.handed = false
		x.loading.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(sealed)
	s.shown, s.read, s.unclear = nil, nil, false
}
