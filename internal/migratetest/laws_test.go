package migratetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionmigrate"
)

// An old is an application on another library. Its handler signs user 42 in at /login, with a
// name, a number, a list and a time, stores something anonymous at /visit, and signs out at
// /logout.
type old struct {
	handler http.Handler
	source  sessionmigrate.Source
	closed  bool // the cookie is the session, so the library can't end it
}

// An app is an application on package session that takes sessions over.
type app struct {
	*testing.T
	handler http.Handler
	manager *session.Manager
	by      *sessionmigrate.Migration
}

func newApp(t *testing.T, o old, change ...func(*sessionmigrate.Config)) *app {
	t.Helper()
	return newAppOn(t, memstore.New(memstore.Config{}), o, change...)
}

func newAppOn(t *testing.T, store session.Store, o old, change ...func(*sessionmigrate.Config)) *app {
	t.Helper()
	cfg := sessionmigrate.Config{Until: time.Now().Add(time.Hour), Owner: sessionmigrate.OwnerKey("user_id")}
	for _, f := range change {
		f(&cfg)
	}
	by, err := sessionmigrate.New(store, o.source, cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := session.New(store, session.Config{TakeOver: by.TakeOver, PruneEvery: -1, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	h := m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		switch r.URL.Path {
		case "/set":
			s.Set(r.URL.Query().Get("key"), true)
		case "/login":
			s.Login("43")
		case "/logout":
			s.Invalidate()
		}
		json.NewEncoder(w).Encode(map[string]any{
			"id": s.ID().String(), "owner": s.Owner(), "keys": s.All(),
			"name": session.Get(s, "name", ""), "visits": session.Get(s, "visits", 0),
			"cart": session.Get(s, "cart", []string(nil)), "seen": session.Get(s, "seen", time.Time{}),
		})
	})
	return &app{t, h, m, by}
}

// A page is what the application answers.
type page struct {
	ID, Owner, Name string
	Visits          int
	Cart            []string
	Seen            time.Time
	Keys            map[string]any
	cookie          *http.Cookie // that the response set; nil: none
}

func (a *app) get(path string, cookies ...*http.Cookie) (p page) {
	a.Helper()
	p, err := a.try(path, cookies...)
	if err != nil {
		a.Fatal(err)
	}
	return p
}

func (a *app) try(path string, cookies ...*http.Cookie) (p page, err error) {
	w := request(a.handler, path, cookies...)
	if w.Code != http.StatusOK {
		return p, fmt.Errorf("%s: status %d: %s", path, w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		p.cookie = c
	}
	err = json.Unmarshal(w.Body.Bytes(), &p)
	return p, err
}

func request(h http.Handler, path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", path, nil)
	for _, c := range cookies {
		if c != nil {
			r.AddCookie(c)
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// visit returns the cookie that the old application sets.
func (o old) visit(t *testing.T, path string, cookies ...*http.Cookie) *http.Cookie {
	t.Helper()
	w := request(o.handler, path, cookies...)
	if w.Code != http.StatusOK {
		t.Fatalf("old application: %s: status %d: %s", path, w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		return c
	}
	t.Fatalf("old application: %s set no cookie", path)
	return nil
}

// seen is the time that the old applications store.
var seen = time.Date(2026, 10, 31, 23, 59, 58, 0, time.UTC)

func (a *app) wantAna(p page, err error) {
	a.Helper()
	if err != nil {
		a.Error(err)
		return
	}
	if p.Owner != "42" || p.Name != "Ana" || p.Visits != 7 || len(p.Cart) != 2 || p.Cart[1] != "milk" || !p.Seen.Equal(seen) {
		a.Errorf("not the session of the old application: %+v", p)
	}
}

// laws checks a library: its sessions are taken over, once, and in every respect as the visitor
// and the application would expect.
func laws(t *testing.T, o old, change ...func(*sessionmigrate.Config)) {
	t.Run("same user", func(t *testing.T) { sameUser(t, o, change...) })
	t.Run("concurrent", func(t *testing.T) { concurrent(t, o, change...) })
	t.Run("logout", func(t *testing.T) { loggedOut(t, o, change...) })
	t.Run("login", func(t *testing.T) { loggedIn(t, o, change...) })
	t.Run("forged", func(t *testing.T) { forged(t, o, change...) })
	if l, ok := o.source.(sessionmigrate.Lister); ok {
		t.Run("import", func(t *testing.T) { imported(t, o, l, change...) })
	}
}

func sameUser(t *testing.T, o old, change ...func(*sessionmigrate.Config)) {
	a := newApp(t, o, change...)
	cookie := o.visit(t, "/login")
	p, err := a.try("/", cookie)
	a.wantAna(p, err)
	if p.cookie == nil || strings.Contains(p.cookie.Value, cookie.Value) {
		t.Fatalf("cookie %v", p.cookie)
	}
	next, err := a.try("/", cookie, p.cookie)
	if a.wantAna(next, err); next.ID != p.ID || next.cookie != nil {
		t.Errorf("then %+v", next)
	}
	if again := a.get("/", cookie); again.ID != p.ID || again.cookie.Value != p.cookie.Value {
		t.Errorf("the old cookie again: %+v", again)
	}
	guest := a.get("/", o.visit(t, "/visit"))
	if guest.Owner != "" || guest.Name != "guest" || guest.ID == p.ID || guest.cookie == nil {
		t.Errorf("an anonymous visitor: %+v", guest)
	}
}

func concurrent(t *testing.T, o old, change ...func(*sessionmigrate.Config)) {
	a := newApp(t, o, change...)
	cookie := o.visit(t, "/login")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			a.wantAna(a.try(fmt.Sprintf("/set?key=k%d", i), cookie))
		})
	}
	wg.Wait()
	p := a.get("/", cookie)
	for i := range 50 {
		if p.Keys[fmt.Sprintf("k%d", i)] != true {
			t.Errorf("the write of request %d is lost", i)
		}
	}
	a.wantSessions(p.ID)
}

// wantSessions checks which sessions are in the new store.
func (a *app) wantSessions(ids ...string) {
	a.Helper()
	n := 0
	for i, err := range a.manager.ListAll(a.Context()) {
		if err != nil {
			a.Fatal(err)
		}
		if n++; n > len(ids) || i.ID.String() != ids[n-1] {
			a.Errorf("session %v in the store; want %v", i.ID, ids)
		}
	}
	if n < len(ids) {
		a.Errorf("%d sessions in the store; want %v", n, ids)
	}
}

func loggedOut(t *testing.T, o old, change ...func(*sessionmigrate.Config)) {
	a := newApp(t, o, change...)
	cookie := o.visit(t, "/login")
	a.get("/logout", a.get("/", cookie).cookie)
	if p := a.get("/", cookie); p.Owner != "" || len(p.Keys) != 0 {
		t.Errorf("the old cookie brings the session back: %+v", p)
	}
	a.wantSessions()
}

func loggedIn(t *testing.T, o old, change ...func(*sessionmigrate.Config)) {
	a := newApp(t, o, change...)
	cookie := o.visit(t, "/visit")
	p := a.get("/", cookie)
	login := a.get("/login", cookie, p.cookie)
	if login.cookie == nil || login.cookie.Value == p.cookie.Value || login.ID != p.ID || login.Name != "guest" {
		t.Errorf("the login: %+v", login)
	}
	if late := a.get("/", cookie); late.Owner != "" {
		t.Errorf("the cookie from before the login signs in: %+v", late)
	}
}

func forged(t *testing.T, o old, change ...func(*sessionmigrate.Config)) {
	a := newApp(t, o, change...)
	cookie := o.visit(t, "/login")
	ended := o.visit(t, "/login")
	if !o.closed {
		request(o.handler, "/logout", ended)
		if p := a.get("/", ended); p.Owner != "" || len(p.Keys) != 0 {
			t.Errorf("a session that has ended in the old application: %+v", p)
		}
	}
	for _, value := range []string{"", "x", cookie.Value + "A", cookie.Value[1:], flip(cookie.Value), strings.Repeat("A", 43), "../../etc/passwd"} {
		p := a.get("/set?key=x", &http.Cookie{Name: cookie.Name, Value: value})
		if p.Owner != "" || len(p.Keys) != 1 || strings.Contains(p.cookie.Value, value) && value != "" && value != "x" {
			t.Errorf("cookie %q: %+v", value, p)
		}
	}
}

// flip changes a character in the middle.
func flip(value string) string {
	b := []byte(value)
	for i := len(b) / 2; i < len(b); i++ {
		if b[i] != 'A' && b[i] != '%' {
			b[i] = 'A'
			break
		}
	}
	return string(b)
}

func imported(t *testing.T, o old, l sessionmigrate.Lister, change ...func(*sessionmigrate.Config)) {
	a := newApp(t, o, change...)
	cookie := o.visit(t, "/login")
	for range 2 {
		for s, err := range l.List(t.Context()) {
			if errors.Is(err, errors.ErrUnsupported) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.by.Import(t.Context(), a.manager, s); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := 0
	for _, err := range a.manager.ListAll(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	a.wantAna(a.try("/", cookie))
	for range a.manager.ListAll(t.Context()) {
		n--
	}
	if n != 0 {
		t.Error("the request made another session")
	}
}
