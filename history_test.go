package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// historyOf returns the history of the only session of a rig, one entry a line.
func historyOf(t testing.TB, g *rig) string {
	t.Helper()
	info, err := g.Info(t.Context(), g.spy.all()[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range info.History() {
		fmt.Fprintf(&b, "%d %s %s: %s\n", e.Version, e.Time.Format("15:04"), e.Request, strings.Join(e.Changes, ", "))
	}
	return b.String()
}

// TestHistory: the record tells which request has changed which keys.
func TestHistory(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(c *session.Config) { c.History = 4 })
	mux := http.NewServeMux()
	mux.Handle("POST /cart/{item}", g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("cart.items", "SECRET")
		s.Append("seen", 1)
	}))
	h := g.Handler(mux) // as an application does, so that the pattern is known at the commit
	b := newBrowser()
	send := func(method, path string) {
		t.Helper()
		r := httptest.NewRequest(method, "https://example.com"+path, nil)
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			b.cookies[c.Name] = c.Value
		}
	}
	send("POST", "/cart/secret-item?token=SECRET")
	g.clock.Advance(time.Minute)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") })
	g.clock.Advance(time.Hour) // a touch is no change
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { session.Get(s, "seen", 0) })
	equal(t, "history", historyOf(t, g), `1 12:00 POST /cart/{item}: set cart.items, append seen
2 12:01 GET /: login, new token
`)
	if data := string(g.spy.all()[0].Data); strings.Count(data, "SECRET") != 1 || strings.Contains(data, "secret-item") {
		t.Errorf("values are in the history: %q", data)
	}

	for i := range 20 {
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			for j := range 20 {
				s.Set(fmt.Sprintf("%s%d", strings.Repeat("<&>\"", 100), j), i)
			}
		})
	}
	got := historyOf(t, g)
	if strings.Count(got, "\n") != 4 || !strings.HasPrefix(got, "19 ") || strings.Count(got, ", …\n") != 4 || len(got) > 4*2000 {
		t.Errorf("the history is not limited: %d bytes: %s", len(got), got)
	}
	if before, _, ok := strings.Cut(string(g.spy.all()[0].Data), `{"cart"`); !ok || len(before) > 4*2500 {
		t.Errorf("%d bytes before the document, want at most 2500 for each entry", len(before))
	}

	off := newRigOn(t, g.spy, func(c *session.Config) { c.Now = g.clock.Now })
	off.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("a", 1) })
	equal(t, "history that was switched off", historyOf(t, off), "")
}

// TestHistoryOfBatch: requests whose changes are stored together have an entry each, and a replay
// adds none.
func TestHistoryOfBatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(c *session.Config) { c.History = 10 })
		token := stored(t, g.Manager, func(s *session.Session) { s.Set("n", 0) })
		another := newRigOn(t, g.spy, func(c *session.Config) { c.History = 10 }) // another process
		gate, conflicts := newGate(), 1
		var all sync.WaitGroup
		commit := func(m *session.Manager, key string) {
			s := load(t, m, token)
			s.Set(key, 1)
			all.Go(func() {
				if _, err := m.Commit(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
		}
		g.spy.hook(func(op string, _ session.ID) error {
			if op == "update" && conflicts > 0 {
				conflicts--
				gate.pass()
			}
			return nil
		}, nil)
		commit(g.Manager, "one")
		<-gate.reached
		commit(g.Manager, "two")
		commit(g.Manager, "three")
		synctest.Wait()
		commit(another.Manager, "other")
		synctest.Wait()
		close(gate.open)
		all.Wait()
		got := historyOf(t, g)
		for _, want := range []string{"1 12:00 : set n\n2 12:00 : set other\n3 12:00 : set one\n4 12:00 : set t"} {
			if !strings.HasPrefix(got, want) {
				t.Errorf("history:\n%swant:\n%s", got, want)
			}
		}
		if strings.Count(got, "\n4 ") != 2 || strings.Count(got, "\n") != 5 {
			t.Errorf("history:\n%s", got)
		}
	})
}

// TestHistoryLimit: New refuses a history that would make every session large.
func TestHistoryLimit(t *testing.T) {
	t.Parallel()
	if _, err := session.New(session.Discard, session.Config{History: 101}); err == nil || !strings.Contains(err.Error(), "History") {
		t.Errorf("got %v", err)
	}
}

// ExampleInfo_History prints which request has changed which keys.
func ExampleInfo_History() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{History: 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	var id session.ID
	mux.HandleFunc("GET /cart/{item}", func(_ http.ResponseWriter, r *http.Request) {
		s, _ := session.From(r.Context())
		s.Append("cart.items", r.PathValue("item"))
		id = s.ID()
	})
	manager.Handler(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "https://example.com/cart/7", nil))

	info, err := manager.Info(context.Background(), id)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range info.History() {
		fmt.Println(e.Version, e.Request, e.Changes)
	}
	// Output: 1 GET /cart/{item} [append cart.items]
}

// TestHistoryNamesAll: each kind of change has a name, in the history and in the log.
func TestHistoryNamesAll(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(c *session.Config) {
		c.History, c.DangerouslyLogChanges, c.Cookie.DangerouslyAllowHTTP = 20, true, true
	})
	b := newBrowser()
	for _, change := range []func(*session.Session){
		func(s *session.Session) { s.Set("a", 1) },
		func(s *session.Session) { s.Append("b", 1) },
		func(s *session.Session) { session.Update(s, "c", func(n int) int { return n + 1 }) },
		func(s *session.Session) { s.Remove("b") },
		func(s *session.Session) { session.PopOnce(s, "c", 0) },
		func(s *session.Session) { s.Clear() },
		func(s *session.Session) { s.Flash("status", "x") },
		func(s *session.Session) { s.Reflash() },
		func(s *session.Session) { s.Login("ada") },
		func(s *session.Session) { s.Confirm() },
		func(s *session.Session) { s.SetTimeouts(time.Hour, time.Hour) },
		func(s *session.Session) { s.SetPersistent(true) },
	} {
		g.clock.Advance(time.Minute)
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { change(s) })
	}
	history := historyOf(t, g)
	for _, name := range []string{
		"set a", "append b", "update c", "remove b", "pop c", "clear", "set status", "keep flash status", "login",
		"confirm, new token", "set timeouts", "set persistence",
	} {
		if !strings.Contains(history, "GET /: "+name) {
			t.Errorf("%q is not in the history: %s", name, history)
		}
	}
	if log := g.log(); !strings.Contains(log, `session.change=confirm session.path="" session.old=2026-03-01T12:09:00Z session.new=2026-03-01T12:10:00Z`) {
		t.Errorf("the log does not show the confirmation: %s", log)
	}
}
