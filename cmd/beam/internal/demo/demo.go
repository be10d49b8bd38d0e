// Package demo is a small application that shows typical uses of sessions: signing in and
// out, a cart, a form with messages after a redirect, the pages of package sessionpage, and
// fifty requests that write to one session at once.
//
// It needs only a [session.Manager]. The templates, the style sheet and the script are
// embedded, and no page loads anything from other servers. Every page except the race works
// without JavaScript.
package demo

import (
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionpage"
)

// Options configures the demo. The zero value is valid.
type Options struct {
	// Store is the name of the store on the pages, such as "database (sqlite)".
	// The default is "configured".
	Store string

	// Forgets reports whether the store loses its sessions when the program ends. The
	// pages then mention it.
	Forgets bool

	// Admin lets the user "admin" see and end all sessions in the store. The demo asks for no
	// passwords, so set it only if nothing but the demo uses the store.
	Admin bool

	// Counters are shown on the admin page. nil: none.
	Counters *sessionpage.Counters

	// Now is the clock for relative times. Use the manager's clock.
	// The default is [time.Now].
	Now func() time.Time

	// Logger receives errors that occur while a page is written.
	// The default is [slog.Default].
	Logger *slog.Logger
}

// New returns the application, which uses the sessions and the cookie of m. Plain HTTP
// requires DangerouslyAllowHTTP; the footer explains what that means.
func New(m *session.Manager, o Options) http.Handler {
	if o.Store == "" {
		o.Store = "configured"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	a := &app{sessions: m, opts: o, static: loadStatic()}
	a.pages = a.parse()
	return local(secure(m.Handler(a.orError(a.routes()))))
}

type app struct {
	sessions *session.Manager
	opts     Options
	static   map[string]asset
	pages    pages
}

// routes returns all routes of the site. The session middleware also wraps the static files,
// because a request that does not use its session costs no store call and no cookie.
func (a *app) routes() *http.ServeMux {
	mux := http.NewServeMux()
	with := func(pattern string, h func(http.ResponseWriter, *http.Request, *session.Session)) {
		mux.Handle(pattern, a.sessions.HandlerFunc(h))
	}

	with("GET /{$}", a.showHome)
	with("POST /empty", a.emptySession)

	with("GET /account", a.showAccount)
	with("POST /account/sign-in", a.signIn)
	with("POST /account/sign-out", a.signOut)
	with("POST /account/regenerate", a.regenerate)

	with("GET /cart", a.showCart)
	with("POST /cart/add", a.addToCart)
	with("POST /cart/quantity", a.setQuantity)
	with("POST /cart/remove", a.removeFromCart)
	with("POST /cart/gift", a.setGift)

	with("GET /contact", a.showContact)
	with("POST /contact", a.sendContact)

	mux.Handle("/sessions/", http.StripPrefix("/sessions", a.accountPage()))
	if a.opts.Admin {
		mux.Handle("/admin/", http.StripPrefix("/admin", a.adminPage()))
	}

	with("GET /race", a.showRace)
	with("POST /race/reset", a.resetRace)
	with("POST /race/write", a.writeRace)
	with("GET /race/result", a.raceResult)

	mux.HandleFunc("GET /static/{name}", a.serveStatic)
	return mux
}

// local refuses requests for any host but this computer. A web page of anybody can let its own
// host name resolve to 127.0.0.1 (DNS rebinding), and would then share an origin with the demo.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocal(r.Host) {
			http.Error(w, "The demo answers only at localhost, 127.0.0.1 and [::1].", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocal accepts any port, because the port may be forwarded.
func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.EqualFold(host, "localhost") || host == "127.0.0.1" || host == "::1"
}

// secure sets the headers of every response. Scripts, styles and images are allowed only from
// this server's files, so that injected markup cannot run scripts.
func secure(next http.Handler) http.Handler {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// maxForm limits request bodies, in bytes. It is far larger than any form here.
const maxForm = 64 << 10
