package docs

import (
	"context"
	"database/sql"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

var trusting = session.Config{
	TrustedOrigins: []string{"https://app.example.com"},
}

var both = session.Config{
	Cookie: session.CookieConfig{
		DangerouslyAllowHTTP: true,
		IsHTTPS: func(r *http.Request) bool {
			return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
		},
	},
}

var apple = session.Config{
	TrustedOrigins: []string{"https://appleid.apple.com"},
}

func callback(mux *http.ServeMux, manager *session.Manager, userID string) {
	mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) { // uses no session
		q := url.Values{"code": {r.PostFormValue("code")}, "state": {r.PostFormValue("state")}}
		http.Redirect(w, r, "/callback/finish?"+q.Encode(), http.StatusSeeOther)
	})
	mux.Handle("GET /callback/finish", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		if state := session.Pop(s, "login.state", ""); state == "" || state != r.FormValue("state") {
			http.Error(w, "sign in again", http.StatusForbidden)
			return
		}
		s.Login(userID)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
}

func continues(w http.ResponseWriter, q url.Values) {
	finish := "/callback/finish?" + q.Encode()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<meta http-equiv="refresh" content="0; url=%s">`, html.EscapeString(finish))
}

type user struct{ ID, PasswordHash string }

type userTable interface {
	Find(ctx context.Context, name string) (user, error)
	PasswordHash(ctx context.Context, id string) (string, error)
}

func conditional(ctx context.Context, s *session.Session, users userTable, name string) {
	user, err := users.Find(ctx, name) // with the hash of the password, which is checked next
	use(err)
	s.Login(user.ID, session.OnlyIf(func(ctx context.Context) (bool, error) {
		now, err := users.PasswordHash(ctx, user.ID)
		return now == user.PasswordHash, err
	}))
}

func socket(r *http.Request, manager *session.Manager, receive func() (string, error)) {
	cookie, err := r.Cookie(manager.CookieNameOf(r)) // before the upgrade
	use(err)
	for {
		text, err := receive()
		if err != nil {
			return
		}
		s, err := manager.Load(r.Context(), session.Token(cookie.Value))
		if err != nil || s.Owner() == "" {
			return // signed out, or the page has a newer token and connects again
		}
		s.Append("said", text)
		if _, err := manager.Commit(r.Context(), s); err != nil {
			return
		}
	}
}

func pool(dsn string) (session.Store, error) {
	sessions, err := sql.Open("pgx", dsn) // beside the pool of the application
	use(err)
	sessions.SetMaxOpenConns(16)
	sessions.SetMaxIdleConns(16)
	sessions.SetConnMaxIdleTime(3 * time.Minute)
	store, err := sqlstore.New(sessions, sqlstore.PostgreSQL, sqlstore.Config{})
	return store, err
}

func forward(mux *http.ServeMux, manager *session.Manager) {
	mux.Handle("/auth", manager.ForwardAuth(session.ForwardAuthConfig{}))

	http.ListenAndServe("127.0.0.1:8081", manager.ForwardAuth(session.ForwardAuthConfig{LoginPage: "/login"}))
}

func observed(audit interface {
	Log(context.Context, string, session.ID, string, error)
}, mux *http.ServeMux, manager *session.Manager) session.Config {
	mux.Handle("GET /ready", manager.HealthHandler()) // 200 or 503, and no details
	mux.HandleFunc("GET /alive", func(http.ResponseWriter, *http.Request) {})

	return session.Config{
		OnEvent: func(ctx context.Context, e session.Event) {
			if !e.Kind.Routine() { // without loaded, committed and pruned
				audit.Log(ctx, string(e.Kind), e.ID, e.Owner, e.Err)
			}
		},
	}
}

func header(store session.Store) {
	manager, err := session.New(store, session.Config{
		Transport: session.TransportConfig{Header: "Authorization"},
	})
	use(manager, err)
}

var keys = session.Config{
	Transport: session.TransportConfig{KeyHeaders: []string{"X-Api-Key"}}, // api_key_headers = ["X-Api-Key"]
}

// tokens adds the token to each request to the API, and keeps the new one of each response.
type tokens struct {
	origin string // such as https://api.example.com; a redirect to another one must not get the token

	mu    sync.Mutex
	token string
}

func (t *tokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme+"://"+r.URL.Host != t.origin {
		return http.DefaultTransport.RoundTrip(r)
	}
	t.mu.Lock()
	sent := t.token
	t.mu.Unlock()
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", strings.TrimSpace("Bearer "+sent))
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if next := response.Header.Get("Session-Token"); next != "" && t.token == sent {
		t.token = strings.TrimPrefix(next, "none")
	}
	return response, nil
}

func cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if r.Header.Get("Origin") == "https://app.example.com" {
			h.Set("Access-Control-Allow-Origin", "https://app.example.com")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Expose-Headers", "Session-Token")
			h.Set("Access-Control-Max-Age", "600")
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func listen(addr string, manager *session.Manager, mux http.Handler) {
	http.ListenAndServe(addr, cors(manager.Handler(mux)))
}
