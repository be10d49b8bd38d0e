// Package demo is a small application that uses sessions the way a program
// would: sign in and out, a cart, a form with messages after a redirect, a list
// of one's sessions, and fifty requests that write to one session at once.
//
// It needs nothing but a [session.Manager]: the templates, the one style sheet
// and the one script are embedded, and no page loads anything from elsewhere.
// Every page but the race works without JavaScript.
package demo

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/expanse-go/session"
)

// Options describe the surroundings that the pages tell of. The zero value works.
type Options struct {
	// Store is what the pages call the store in use, such as "database (sqlite)".
	// Defaults to "configured".
	Store string

	// Forgets says that the store loses its sessions when the program ends; the
	// pages then say so.
	Forgets bool

	// Now is the clock by which ages are told; give it the manager's.
	// Defaults to [time.Now].
	Now func() time.Time

	// Logger gets what goes wrong while a page is written.
	// Defaults to [slog.Default].
	Logger *slog.Logger
}

// New returns the application on the sessions of m. Its cookie is the
// manager's: on plain HTTP that needs DangerouslyAllowHTTP, and the footer says
// what that means.
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
	return secure(m.Handler(a.orError(a.routes())))
}

type app struct {
	sessions *session.Manager
	opts     Options
	static   map[string]asset
	pages    pages
}

// routes is the whole map of the site. Static files are inside of the sessions'
// middleware like everything else: a request that never asks for its session
// costs no store call and no cookie.
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

	with("GET /sessions", a.showSessions)
	with("POST /sessions/revoke", a.revokeSession)
	with("POST /sessions/revoke-others", a.revokeOthers)

	with("GET /race", a.showRace)
	with("POST /race/reset", a.resetRace)
	with("POST /race/write", a.writeRace)
	with("GET /race/result", a.raceResult)

	mux.HandleFunc("GET /static/{name}", a.serveStatic)
	return mux
}

// secure sets what every answer carries. Scripts, styles and images come from
// this server's files alone, so that markup that slipped through the escaping
// could not run.
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

// maxForm is the largest request body in bytes, far above any form here.
const maxForm = 64 << 10
