package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

type handler = func(w http.ResponseWriter, r *http.Request, s *session.Session)

func newManager(t *testing.T) *session.Manager {
	t.Helper()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close(context.Background()) })
	return m
}

// overlapping runs two requests of one session, both of which have loaded it before either
// commits. It returns their statuses and the session afterwards.
func overlapping(t *testing.T, seed func(*session.Session), first, second handler, target string) ([]int, *session.Session) {
	t.Helper()
	m := newManager(t)
	cookie := sessiontest.Cookie(t, m, seed)
	loaded, gone := make(chan bool), make(chan int)
	send := func(h handler, began func()) int {
		r := httptest.NewRequest("POST", "https://example.com"+target, nil)
		r.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		w := httptest.NewRecorder()
		m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			began()
			h(w, r, s)
		}).ServeHTTP(w, r)
		return w.Code
	}
	go func() { gone <- send(first, func() { loaded <- true; <-loaded }) }()
	<-loaded
	codes := []int{0, send(second, func() {})}
	loaded <- true
	codes[0] = <-gone
	s, err := m.Load(t.Context(), session.Token(cookie.Value))
	if err != nil {
		t.Fatal(err)
	}
	return codes, s
}

// serve runs one request of a session.
func serve(t *testing.T, m *session.Manager, h handler, seed func(*session.Session)) (*httptest.ResponseRecorder, *session.Session) {
	t.Helper()
	r := sessiontest.NewRequest(t, m, "POST", "https://example.com/?name=ada", seed)
	w := httptest.NewRecorder()
	m.HandlerFunc(h).ServeHTTP(w, r)
	return w, sessiontest.Session(t, m, r, w.Result())
}

func TestMistakesOfOverlappingRequests(t *testing.T) {
	t.Parallel()
	some := func(s *session.Session) { s.Set("any", 1) }
	counter := func(h handler) int {
		_, s := overlapping(t, some, h, h, "/")
		return session.Get(s, "visits", 0)
	}
	if wrong, right := counter(wrongCounter), counter(rightCounter); wrong != 1 || right != 2 {
		t.Errorf("two visits: the wrong code counts %d, the right one %d", wrong, right)
	}

	language := func(h handler) string {
		_, s := overlapping(t, some, h, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("state.Language", "fr")
			fmt.Fprintln(w)
		}, "/?theme=dark")
		return session.Get(s, "state.Theme", "") + session.Get(s, "state.Language", "")
	}
	if wrong, right := language(wrongTheme), language(rightTheme); wrong != "dark" || right != "darkfr" {
		t.Errorf("theme and language: the wrong code keeps %q, the right one %q", wrong, right)
	}

	twice := func(h handler) string {
		codes, _ := overlapping(t, func(s *session.Session) { s.Set("voucher", "10%") }, h, h, "/")
		return fmt.Sprint(codes)
	}
	if wrong, right := twice(wrongOnce), twice(rightOnce); wrong != "[200 200]" || right != "[409 200]" {
		t.Errorf("one voucher: the wrong code answers %s, the right one %s", wrong, right)
	}

	mails := func(h func(http.ResponseWriter, *http.Request, *session.Session, func())) int {
		n := 0
		overlapping(t, some, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			h(w, r, s, func() { n++ })
		}, rightCounter, "/")
		return n
	}
	if wrong, right := mails(wrongEffect), mails(rightEffect); wrong != 2 || right != 1 {
		t.Errorf("one order: the wrong code sends %d mails, the right one %d", wrong, right)
	}
}

func TestMistakesOfOneRequest(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	seed := func(s *session.Session) { s.Set("shop.cart", Cart{"tea": 1}) }
	tea := func(h handler) int {
		_, s := serve(t, m, h, seed)
		return cart.Get(s, nil)["tea"]
	}
	if wrong, right := tea(wrongCopy), tea(rightCopy); wrong != 1 || right != 2 {
		t.Errorf("tea: the wrong code stores %d, the right one %d", wrong, right)
	}

	signedIn := func(h handler) string {
		w, s := serve(t, m, h, seed)
		return fmt.Sprintf("%d %q", len(w.Result().Cookies()), s.Owner())
	}
	for _, wrong := range []handler{wrongLogin, wrongLate} {
		if got := signedIn(wrong); got != `0 ""` {
			t.Errorf("a wrong login: new cookies and owner are %q", got)
		}
	}
	for _, right := range []handler{rightLogin, rightLate} {
		if got := signedIn(right); got != `1 "ada"` {
			t.Errorf("a right login: new cookies and owner are %q", got)
		}
	}

	paid := func(h func(http.ResponseWriter, *http.Request, *session.Session, func() error)) bool {
		_, s := serve(t, m, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			h(w, r, s, func() error { return errors.New("no money") })
		}, seed)
		return session.Get(s, "order.paid", false)
	}
	if wrong, right := paid(wrongError), paid(rightError); !wrong || right {
		t.Errorf("paid: the wrong code stores %v, the right one %v", wrong, right)
	}
}

func TestMistakesWithJobsAndAccounts(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	ada := func(s *session.Session) { s.Login("ada"); s.Set("user.role", "admin") }
	report := func(h func(http.ResponseWriter, *http.Request, *session.Session, func(func()))) string {
		var job func()
		r := sessiontest.NewRequest(t, m, "POST", "https://example.com/", ada)
		w := httptest.NewRecorder()
		m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			h(w, r, s, func(f func()) { job = f })
		}).ServeHTTP(w, r)
		job()
		return session.Get(sessiontest.Session(t, m, r, nil), "report", "")
	}
	right := report(func(w http.ResponseWriter, r *http.Request, s *session.Session, run func(func())) {
		rightJob(w, r, s, m, run)
	})
	if wrong := report(wrongJob); wrong != "" || right != "ready" {
		t.Errorf("the report of a job: the wrong code stores %q, the right one %q", wrong, right)
	}

	demoted := func(context.Context, string) string { return "user" }
	w1, _ := serve(t, m, wrongAdmin, ada)
	w2, _ := serve(t, m, func(w http.ResponseWriter, r *http.Request, s *session.Session) { rightAdmin(w, r, s, demoted) }, ada)
	if w1.Code != 200 || w2.Code != 403 {
		t.Errorf("a former administrator: the wrong code answers %d, the right one %d", w1.Code, w2.Code)
	}

	w1, s1 := serve(t, m, func(w http.ResponseWriter, r *http.Request, s *session.Session) { wrongEverywhere(w, r, s, m) }, ada)
	if w1.Code != 500 {
		t.Errorf("the wrong logout everywhere answers %d, and the owner is %q", w1.Code, s1.Owner())
	}
	w2, _ = serve(t, m, func(w http.ResponseWriter, r *http.Request, s *session.Session) { rightEverywhere(w, r, s, m) }, ada)
	for range m.List(t.Context(), "ada") {
		t.Error("a session is left")
	}
	if w2.Code != 200 {
		t.Errorf("the right logout everywhere answers %d", w2.Code)
	}
}

func TestMistakesOfLogouts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		logout func(*http.ServeMux, *session.Manager)
		other  func(*sessiontest.Client) *sessiontest.Response
		ends   bool
	}{
		"wrong": {wrongLogout, func(c *sessiontest.Client) *sessiontest.Response { return c.Get("/logout") }, true},
		"right": {rightLogout, func(c *sessiontest.Client) *sessiontest.Response { return c.Submit("/logout", url.Values{}) }, false},
	} {
		m, mux := newManager(t), http.NewServeMux()
		test.logout(mux, m)
		c := sessiontest.NewClient(t, m.Handler(mux))
		c.SetCookie(sessiontest.Cookie(t, m, func(s *session.Session) { s.Login("ada") }))
		test.other(c.From("https://evil.example"))
		if ended := c.Session(m).Owner() == ""; ended != test.ends {
			t.Errorf("%s: another site can sign the visitor out: %v", name, ended)
		}
	}
}

func TestMistakesOfLogs(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	r := sessiontest.NewRequest(t, m, "GET", "/", func(s *session.Session) { s.Login("ada") })
	cookie, err := r.Cookie(m.CookieName())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	wrongLog(r, slog.New(slog.NewTextHandler(&out, nil)))
	if !strings.Contains(out.String(), cookie.Value) {
		t.Errorf("the token is not in the log: %s", &out)
	}
	out.Reset()
	s := sessiontest.Session(t, m, r, nil)
	rightLog(s, slog.New(slog.NewTextHandler(&out, nil)))
	if strings.Contains(out.String(), cookie.Value) || !strings.Contains(out.String(), s.ID().String()) {
		t.Errorf("the log: %s", &out)
	}
}
