package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A page that needs a signed-in user sends a browser to the sign-in page, and other clients get a
// 401. The way back is in the URL.
func ExampleManager_RequireLogin() {
	m := newManager()
	account := m.RequireLogin("/login")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "your account")
	}))

	for _, accept := range []string{"text/html", "application/json"} {
		r := httptest.NewRequest("GET", "/account?tab=orders", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		account.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.TrimSpace(w.Header().Get("Location")+w.Body.String()))
	}
	// Output:
	// 303 /login?return_to=%2Faccount%3Ftab%3Dorders
	// 401 {"title":"Unauthorized","status":401,"detail":"Sign in to continue.","reason":"login_required","location":"/login"}
}

// After the login, the user returns to the page. A way back to another site is not one.
func ExampleReturnPath() {
	for _, back := range []string{"/account?tab=orders", "https://evil.example/", "//evil.example", `/\evil.example`} {
		r := httptest.NewRequest("POST", "/login?return_to="+url.QueryEscape(back), nil)
		fmt.Println(session.ReturnPath(r, "/"))
	}
	// Output:
	// /account?tab=orders
	// /
	// /
	// /
}

// Before a change of the address, the user enters the password again, unless that was lately.
func ExampleManager_RequireFresh() {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	m, _ := session.New(memstore.New(memstore.Config{}), session.Config{Now: func() time.Time { return now }})
	change := m.RequireFresh(10*time.Minute, "/confirm")(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "changed")
	}))
	confirm := m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Confirm() // the password was right
		http.Redirect(w, r, session.ReturnPath(r, "/"), http.StatusSeeOther)
	})
	s, _ := m.Load(ctx, "")
	s.Login("ada")
	cookie, _ := m.Commit(ctx, s)
	post := func(h http.Handler, target string) {
		r := httptest.NewRequest("POST", target, nil)
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Referer", "http://example.com/settings")
		r.AddCookie(cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if c := w.Result().Cookies(); len(c) > 0 {
			cookie = c[0]
		}
		fmt.Println(w.Code, w.Header().Get("Location")+w.Body.String())
	}

	post(change, "/email")
	now = now.Add(time.Hour)
	post(change, "/email")
	post(confirm, "/confirm?return_to=%2Fsettings")
	post(change, "/email")
	// Output:
	// 200 changed
	// 303 /confirm?return_to=%2Fsettings
	// 303 /settings
	// 200 changed
}

// A confirmation keeps the session and its data, and replaces the token.
func ExampleSession_Confirm() {
	m := newManager()
	s, _ := m.Load(ctx, "")
	s.Login("ada")
	s.Set("cart", "lamp")
	before, _ := m.Commit(ctx, s)

	s.Confirm()
	after, _ := m.Commit(ctx, s)

	for _, c := range []*http.Cookie{before, after} {
		s, _ := m.Load(ctx, session.Token(c.Value))
		fmt.Printf("%q %v\n", s.Owner(), s.All())
	}
	// Output:
	// "" map[]
	// "ada" map[cart:lamp]
}

// A webhook changes the role in all sessions of an account.
func ExampleManager_EditOwner() {
	m := newManager()
	for range 2 {
		s, _ := m.Load(ctx, "")
		s.Login("ada")
		m.Commit(ctx, s)
	}

	n, err := m.EditOwner(ctx, "ada", func(s *session.Session) error {
		s.Set("role", "editor")
		return nil
	})
	fmt.Println(n, err)
	for info := range m.List(ctx, "ada") {
		fmt.Printf("%s\n", info.Document())
	}
	// Output:
	// 2 <nil>
	// {"role":"editor"}
	// {"role":"editor"}
}

// A job changes one session by its ID.
func ExampleManager_Edit() {
	m := newManager()
	s, _ := m.Load(ctx, "")
	s.Set("import", "running")
	cookie, _ := m.Commit(ctx, s)
	id := s.ID() // for the job

	err := m.Edit(ctx, id, func(s *session.Session) error {
		s.Set("import", "done")
		s.Flash("status", "The import is complete.")
		return nil
	})
	s, _ = m.Load(ctx, session.Token(cookie.Value))
	fmt.Println(err, s.All())
	// Output: <nil> map[import:done status:The import is complete.]
}

// A proxy asks whether a request is signed in.
func ExampleManager_ForwardAuth() {
	m := newManager()
	auth := m.ForwardAuth(session.ForwardAuthConfig{})
	s, _ := m.Load(ctx, "")
	s.Login("ada")
	cookie, _ := m.Commit(ctx, s)

	for _, c := range []*http.Cookie{cookie, {Name: "other"}} {
		r := httptest.NewRequest("GET", "/auth", nil)
		r.AddCookie(c)
		w := httptest.NewRecorder()
		auth.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Remote-User"))
	}
	// Output:
	// 200 "ada"
	// 401 ""
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

// An app keeps its token itself. It gets one when it signs in, and loses it when it signs out.
func ExampleTransportConfig() {
	m, _ := session.New(memstore.New(memstore.Config{}), session.Config{
		Transport: session.TransportConfig{Header: "Authorization"},
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") }))
	mux.HandleFunc("POST /logout", m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }))
	mux.Handle("GET /account", m.RequireLogin("/login")(m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, s.Owner())
	})))
	server := httptest.NewServer(m.Handler(mux))
	defer server.Close()

	app := http.Client{Transport: &tokens{origin: server.URL}}
	for _, route := range []string{"GET /account", "POST /login", "GET /account", "POST /logout", "GET /account"} {
		method, path, _ := strings.Cut(route, " ")
		r, _ := http.NewRequest(method, server.URL+path, nil)
		response, err := app.Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		fmt.Println(route, response.StatusCode, response.Header["Set-Cookie"])
	}
	// Output:
	// GET /account 401 []
	// POST /login 200 []
	// GET /account 200 []
	// POST /logout 200 []
	// GET /account 401 []
}
