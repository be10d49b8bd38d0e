package sessiontest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

type raceHandler = func(w http.ResponseWriter, r *http.Request, s *session.Session)

// race returns a race of the handlers, with a memory store.
func race(t *testing.T, handlers ...raceHandler) sessiontest.Race {
	t.Helper()
	r := sessiontest.Race{
		Open: func(tb testing.TB) (*session.Manager, http.Handler) {
			m, err := session.New(newStore(), session.Config{PruneEvery: -1})
			must(t, err)
			return m, nil
		},
		Seed: func(s *session.Session) { s.Set("n", 0) },
	}
	for _, h := range handlers {
		r.Requests = append(r.Requests, sessiontest.RaceRequest{Handler: h})
	}
	return r
}

func count(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
	session.Update(s, "n", func(n int) int { return n + 1 })
}

func countBadly(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
	s.Set("n", session.Get(s, "n", 0)+1)
}

func logout(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }

// TestRaceOrders checks the number of orders, and that each request keeps the order of
// its own steps.
func TestRaceOrders(t *testing.T) {
	all := []sessiontest.RacePoint{sessiontest.RaceHandles, sessiontest.RaceLoads, sessiontest.RaceSends}
	for _, c := range []struct {
		requests int
		hold     []sessiontest.RacePoint
		want     int
	}{
		{1, nil, 1},
		{2, nil, 6},
		{3, nil, 90},
		{4, nil, 2520},
		{2, []sessiontest.RacePoint{}, 2},
		{3, []sessiontest.RacePoint{}, 6},
		{2, all[1:2], 6},
		{2, all[1:], 20},
		{2, all[:2], 20},
		{3, all[1:], 1680},
		{2, all, 70},
		{3, all, 34650},
	} {
		r := race(t, make([]raceHandler, c.requests)...)
		r.Hold = c.hold
		orders := slices.Sorted(r.Orders())
		if got := len(orders); got != c.want || len(slices.Compact(orders)) != c.want {
			t.Errorf("%d requests held at %q: %d orders, want %d different ones", c.requests, c.hold, got, c.want)
		}
	}
	for range race(t, nil, nil).Orders() {
		break // a sequence that yields again panics
	}
	got := slices.Collect(race(t, nil, nil).Orders())
	want := []string{
		"1 loads, 1 commits, 2 loads, 2 commits",
		"1 loads, 2 loads, 1 commits, 2 commits",
		"1 loads, 2 loads, 2 commits, 1 commits",
		"2 loads, 1 loads, 1 commits, 2 commits",
		"2 loads, 1 loads, 2 commits, 1 commits",
		"2 loads, 2 commits, 1 loads, 1 commits",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got orders %q, want %q", got, want)
	}
}

type nameKey struct{}

// TestRaceFollowsTheOrder compares the name of every order with the calls of New, the
// store, and the handler.
func TestRaceFollowsTheOrder(t *testing.T) {
	var log []string
	note := func(name any, point string) {
		if name, ok := name.(string); ok { // otherwise the race inspects the outcome
			log = append(log, name+" "+point)
		}
	}
	r := race(t)
	r.Hold = []sessiontest.RacePoint{sessiontest.RaceSends, sessiontest.RaceLoads, sessiontest.RaceHandles}
	r.Open = func(testing.TB) (*session.Manager, http.Handler) {
		log = nil
		m, err := session.New(sessiontest.Wrap(newStore(), func(ctx context.Context, c sessiontest.Call, next func() error) error {
			err := next()
			if c.Op == "load" && !slices.Contains(log, fmt.Sprint(ctx.Value(nameKey{}), " handles")) {
				note(ctx.Value(nameKey{}), "loads")
			}
			if c.Op == "update" && err == nil {
				note(ctx.Value(nameKey{}), "commits")
			}
			return err
		}), session.Config{PruneEvery: -1})
		must(t, err)
		program := m.Handler(m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			note(r.Context().Value(nameKey{}), "handles")
			count(w, r, s)
			fmt.Fprint(w, "done")
		}))
		return m, program
	}
	for _, name := range []string{"first", "the second"} {
		r.Requests = append(r.Requests, sessiontest.RaceRequest{Name: name, New: func() *http.Request {
			note(name, "sends")
			return httptest.NewRequestWithContext(context.WithValue(t.Context(), nameKey{}, name), "POST", "/count", nil)
		}})
	}
	orders := 0
	r.Check = func(tb testing.TB, o sessiontest.RaceOutcome) {
		orders++
		if got := strings.Join(log, ", "); got != o.Order || !strings.HasSuffix(tb.Name(), strings.ReplaceAll(o.Order, " ", "_")) {
			tb.Errorf("%s: got %q, want %q", tb.Name(), got, o.Order)
		}
		for _, a := range o.Answers {
			if a.StatusCode != http.StatusOK || a.Text != "done" {
				tb.Errorf("answer %d %q, want 200 and done", a.StatusCode, a.Text)
			}
		}
		if got := session.Get(o.Session, "n", 0); got != 2 {
			tb.Errorf("counted %d, want 2", got)
		}
	}
	r.Run(t)
	if orders != 70 {
		t.Errorf("%d orders were run, want 70", orders)
	}
}

// TestRaceThree runs all orders of three requests, and expects in each the outcome of
// sequential requests.
func TestRaceThree(t *testing.T) {
	orders := 0
	r := race(t, count, count, count)
	r.Check = func(tb testing.TB, o sessiontest.RaceOutcome) {
		orders++
		if got := session.Get(o.Session, "n", 0); got != 3 || len(o.Stale) != 0 {
			tb.Errorf("counted %d, want 3; stale %v", got, o.Stale)
		}
	}
	r.Run(t)
	if orders != 90 {
		t.Errorf("%d orders were run, want 90", orders)
	}
}

// TestRaceFindsLostUpdate checks that an increment is lost in exactly those orders in
// which both requests load before either commits.
func TestRaceFindsLostUpdate(t *testing.T) {
	r := race(t, countBadly, countBadly)
	for order := range r.Orders() {
		want := 1
		if strings.HasPrefix(order, "1 loads, 1 commits") || strings.HasPrefix(order, "2 loads, 2 commits") {
			want = 2
		}
		o := r.Play(t, order)
		if got := session.Get(o.Session, "n", 0); got != want {
			t.Errorf("%s: counted %d, want %d", order, got, want)
		}
		for i, a := range o.Answers {
			if got, want := session.Get(a.Session, "n", 0), 1; got != want && !strings.HasSuffix(order, fmt.Sprintf("%d loads, %[1]d commits", i+1)) {
				t.Errorf("%s: request %d saw %d, want %d", order, i+1, got, want)
			}
		}
	}
}

// TestRaceCookies checks that a request carries the cookies that the browser had when it
// sent the request.
func TestRaceCookies(t *testing.T) {
	login := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ana") }
	var owner string
	read := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { owner = s.Owner() }
	r := race(t, login, read)
	for order, want := range map[string]string{
		"1 loads, 1 commits, 2 loads, 2 commits":                     "ana",
		"1 loads, 2 loads, 1 commits, 2 commits":                     "",
		"1 commits, 2 commits":                                       "ana",
		"2 sends, 1 commits, 2 loads, 2 commits":                     "",
		"2 sends, 1 sends, 1 loads, 1 handles, 1 commits, 2 commits": "",
	} {
		o := r.Play(t, order)
		if owner != want || o.Session.Owner() != "ana" || len(o.Stale) != 0 {
			t.Errorf("%s: saw owner %q, want %q; in the end %q, want ana; stale %v", order, owner, want, o.Session.Owner(), o.Stale)
		}
	}
	r = race(t, login, logout)
	o := r.Play(t, "1 commits, 2 commits")
	if !o.Session.IsNew() || len(o.Stale) != 0 || len(o.Answers[1].Cookies()) != 1 {
		t.Errorf("after the logout: session %v, stale %v, cookies %v", o.Session, o.Stale, o.Answers[1].Cookies())
	}
}

// TestRaceStale has a token that is still valid, although the browser has another one.
func TestRaceStale(t *testing.T) {
	r := race(t, func(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: "planted", Path: "/", Secure: true})
	})
	o := r.Play(t, "1 loads, 1 commits")
	if len(o.Stale) != 1 || !o.Stale[0].Has("n") || !o.Session.IsNew() {
		t.Errorf("stale %v, session %v; want the first session, and a new one", o.Stale, o.Session)
	}
}

// TestRaceStranger checks that a stranger neither sends nor changes the visitor's
// cookies.
func TestRaceStranger(t *testing.T) {
	r := race(t, count, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		if !s.IsNew() {
			t.Errorf("the stranger has a session: %v", s.All())
		}
		s.Login("admin")
	})
	r.Requests[1].Stranger = true
	r.Check = func(tb testing.TB, o sessiontest.RaceOutcome) {
		if o.Session.Owner() != "" || session.Get(o.Session, "n", 0) != 1 || len(o.Answers[1].Cookies()) != 1 {
			tb.Errorf("the visitor's owner %q, count %v; the stranger's cookies %v", o.Session.Owner(), o.Session.All(), o.Answers[1].Cookies())
		}
	}
	r.Run(t)
}

// TestRaceWithoutSession seeds no session, so each request creates one, and the browser
// keeps the later one.
func TestRaceWithoutSession(t *testing.T) {
	r := race(t, count, count)
	r.Seed = nil
	o := r.Play(t, "1 loads, 2 loads, 2 commits, 1 commits")
	if got := session.Get(o.Session, "n", 0); got != 1 || len(o.Stale) != 1 || o.Session.ID() != o.Answers[0].Session.ID() {
		t.Errorf("counted %d in %v, stale %v; want 1 in the first request's session, and one stale", got, o.Session, o.Stale)
	}
}

// TestRaceReplicas checks that each request has a manager of its own.
func TestRaceReplicas(t *testing.T) {
	served := map[*session.Manager]int{}
	program := func(m *session.Manager) http.Handler {
		return m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			served[m]++
			count(w, r, s)
		})
	}
	r := race(t, nil, nil, nil)
	open := r.Open
	r.Open = func(tb testing.TB) (*session.Manager, http.Handler) {
		m, _ := open(tb)
		return m, program(m)
	}
	r.Replica = func(_ testing.TB, m *session.Manager) (*session.Manager, http.Handler) {
		other, err := session.New(m.Store(), session.Config{PruneEvery: -1})
		must(t, err)
		return other, program(other)
	}
	r.Check = func(tb testing.TB, o sessiontest.RaceOutcome) {
		if len(served) != 3 || served[o.Manager] != 1 || session.Get(o.Session, "n", 0) != 3 {
			tb.Errorf("%d managers, the first served %d requests; counted %v", len(served), served[o.Manager], o.Session.All())
		}
		clear(served)
	}
	r.Run(t)
}

// TestRaceStream checks that early hints and a flush reach the response writer, and that
// the flush pauses before it commits.
func TestRaceStream(t *testing.T) {
	r := race(t, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		count(w, nil, s)
		w.WriteHeader(http.StatusEarlyHints)
		w.(http.Flusher).Flush()
		s.Set("late", true)
		fmt.Fprint(w, "page")
	}, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprint(w, session.Get(s, "n", 0))
	})
	for order, want := range map[string]string{
		"1 handles, 2 loads, 1 commits, 2 commits": "0",
		"1 handles, 1 commits, 2 loads, 2 commits": "1",
	} {
		if o := r.Play(t, order); o.Answers[1].Text != want || !o.Session.Has("late") {
			t.Errorf("%s: saw %s, want %s; in the end %v", order, o.Answers[1].Text, want, o.Session.All())
		}
	}
}

// failures records the errors of a test.
type failures struct {
	testing.TB
	texts []string
}

func (f *failures) Helper() {}
func (f *failures) Errorf(format string, a ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, a...))
}
func (f *failures) Fatalf(format string, a ...any) {
	f.Errorf(format, a...)
	runtime.Goexit()
}

// fails runs one order, and returns its errors.
func fails(t *testing.T, r sessiontest.Race, order string) (o sessiontest.RaceOutcome, text string) {
	t.Helper()
	f := &failures{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		o = r.Play(f, order)
	}()
	<-done
	return o, strings.Join(f.texts, "\n")
}

func TestRaceOfBrokenHandlers(t *testing.T) {
	for _, c := range []struct {
		name string
		h    raceHandler
		says string // "": the test does not fail
	}{
		{"panic", func(http.ResponseWriter, *http.Request, *session.Session) { panic("broken") }, "panic: broken"},
		{"abort", func(http.ResponseWriter, *http.Request, *session.Session) { panic(http.ErrAbortHandler) }, ""},
		{"exit", func(http.ResponseWriter, *http.Request, *session.Session) { runtime.Goexit() }, "its goroutine has exited"},
	} {
		r := race(t, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			count(w, r, s)
			c.h(w, r, s)
		}, count)
		for order := range r.Orders() {
			o, text := fails(t, r, order)
			if (text == "") != (c.says == "") || !strings.Contains(text, c.says) {
				t.Errorf("%s: the test says %q, want %q", c.name, text, c.says)
			}
			if o.Answers[0].StatusCode != 0 || session.Get(o.Session, "n", 0) != 1 {
				t.Errorf("%s: status %d, count %v; want none and 1", c.name, o.Answers[0].StatusCode, o.Session.All())
			}
		}
	}
}

// TestRaceEndsEarly checks a request that is refused before its handler runs, and a
// request whose session cannot be loaded.
func TestRaceEndsEarly(t *testing.T) {
	r := race(t, count, count)
	r.Requests[0].New = func() *http.Request {
		foreign := httptest.NewRequest("POST", "/", nil)
		foreign.Header.Set("Sec-Fetch-Site", "cross-site")
		return foreign
	}
	r.Check = func(tb testing.TB, o sessiontest.RaceOutcome) {
		if o.Answers[0].StatusCode != http.StatusForbidden || o.Answers[0].Session != nil || session.Get(o.Session, "n", 0) != 1 {
			tb.Errorf("status %d, session %v, count %v", o.Answers[0].StatusCode, o.Answers[0].Session, o.Session.All())
		}
	}
	r.Run(t)

	r = race(t, count)
	r.Open = func(testing.TB) (*session.Manager, http.Handler) {
		down := true
		m, err := session.New(sessiontest.Wrap(newStore(), func(_ context.Context, c sessiontest.Call, next func() error) error {
			if c.Op == "load" && down {
				down = false
				return errors.New("down")
			}
			return next()
		}), session.Config{PruneEvery: -1})
		must(t, err)
		return m, nil
	}
	o := r.Play(t, "1 loads, 1 commits")
	if o.Answers[0].StatusCode != http.StatusServiceUnavailable || o.Answers[0].Session != nil {
		t.Errorf("status %d, session %v; want 503 and none", o.Answers[0].StatusCode, o.Answers[0].Session)
	}
}

func TestRaceRefusesOrders(t *testing.T) {
	r := race(t, count, count)
	r.Requests[1].Name = "b c"
	for order, want := range map[string]string{
		"":                                   `"" is not the name of a request`,
		"1 loads":                            "request 1 never commits",
		"1 commits":                          "request b c never commits",
		"1 commits, 2 commits":               `"2 commits" is not the name of a request`,
		"1 commits, b c stops, b c commits":  `"b c stops" is not the name of a request`,
		"1 commits, b c commits, b c loads":  `"b c loads" comes after a later point`,
		"1 loads, 1 loads, 1 commits":        `"1 loads" comes after a later point`,
		"1 commits, commits":                 `"commits" is not the name of a request`,
		"1 commits, b c commits, 1 commits":  `"1 commits" comes after a later point`,
		"1 commits,b c loads, b c commits":   "not the name of a request",
		"1 handles, 1 sends, b c commits, 1": "comes after a later point",
	} {
		if _, text := fails(t, r, order); !strings.Contains(text, want) {
			t.Errorf("order %q: the test says %q, want %q", order, text, want)
		}
	}
}
