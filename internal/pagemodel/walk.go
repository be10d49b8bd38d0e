package pagemodel

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// start is when a walk begins, in seconds since 1970. It is in the future, because some stores
// delete what has expired by the clock of their server.
const start = 4_100_000_000

// Walk sends requests of one visitor to a manager with the given store. Each request does
// random operations, and random times pass between the requests. Walk compares every
// result with that of the model. The error names the seed and the request, and lists the
// operations.
func Walk(store session.Store, seed uint64, requests int) error {
	w := &walk{rnd: rand.New(rand.NewPCG(seed, 0)), now: time.Unix(start, 12345)}
	var err error
	w.m, err = session.New(store, session.Config{
		Cookie:     session.CookieConfig{DangerouslyAllowHTTP: true},
		Now:        func() time.Time { return w.now },
		TouchEvery: -1,
		PruneEvery: -1,
		Logger:     slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	for n := range requests {
		if err := w.request(); err != nil {
			return fmt.Errorf("seed %d, request %d: %w\nhistory: %v", seed, n, err, w.history)
		}
	}
	return nil
}

const (
	idle     = 2 * time.Hour
	absolute = 24 * time.Hour
)

type walk struct {
	rnd     *rand.Rand
	m       *session.Manager
	now     time.Time
	model   model
	cookie  *http.Cookie
	spent   []*http.Cookie // cookies whose tokens a rotation or a logout has replaced
	history []string
}

var (
	pauses = []time.Duration{0, 0, time.Second, 6 * time.Minute, time.Hour, idle - 1, idle, 5 * time.Hour}
	paths  = []string{"a", "b", "a.b", "a.c", "a.b.c", "status", "list", "list.0", "user.name", "user"}
	values = []any{strings.Repeat("x", 3000), "x", int64(7), nil, true, 1.5, []any{"l", int64(1)}, map[string]any{"b": "in", "c": []any{}}, map[string]any{}}
)

// request makes one request of a few operations.
func (w *walk) request() error {
	w.now = w.now.Add(pauses[w.rnd.IntN(len(pauses))])
	w.model.begin(w.now, idle, absolute)
	w.history = append(w.history, fmt.Sprintf("\n  %s:", w.now.UTC().Format("02 15:04:05.999999999")))
	var failed error
	var renews bool
	h := w.m.Handler(w.m.HandlerFunc(func(rw http.ResponseWriter, r *http.Request, s *session.Session) {
		steps := 1 + w.rnd.IntN(5)
		if w.rnd.IntN(20) == 0 {
			steps = 50 // so many that the session indexes its document
		}
		for range steps {
			renewed, err := w.step(s)
			renews = renews || renewed
			if err != nil {
				failed = err
				return
			}
		}
		if got := s.All(); !same(got, w.model.view()) {
			failed = fmt.Errorf("data = %v, want %v", got, w.model.view())
		}
		if err := s.Err(); err != nil {
			failed = err
		}
	}))
	r := httptest.NewRequest("GET", "/", nil)
	if w.cookie != nil {
		r.AddCookie(w.cookie)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if failed == nil && rec.Code != http.StatusOK {
		failed = fmt.Errorf("status %d", rec.Code)
	}
	if failed != nil {
		return failed
	}
	wasStored := w.model.stored
	w.model.end(w.now)
	return w.receiveCookie(rec.Result(), renews && wasStored)
}

// receiveCookie stores the cookie of a response, as a browser does. It checks that the token
// was replaced if it had to be, and that replaced tokens are invalid.
func (w *walk) receiveCookie(resp *http.Response, renews bool) error {
	cookies := resp.Cookies()
	if len(cookies) > 1 {
		return fmt.Errorf("%d cookies in one response", len(cookies))
	}
	if len(cookies) == 0 {
		if renews {
			return fmt.Errorf("no new cookie after regenerate")
		}
		return nil
	}
	if w.cookie != nil {
		w.spent = append(w.spent, w.cookie)
	}
	w.cookie = cookies[0]
	if w.cookie.MaxAge < 0 {
		w.cookie = nil
	}
	for _, c := range w.spent {
		s, err := w.m.Load(context.Background(), session.Token(c.Value))
		if err != nil {
			return err
		}
		if len(s.All()) > 0 || s.Owner() != "" {
			return fmt.Errorf("a replaced token still reaches data")
		}
	}
	return nil
}

// step applies one operation to the session and to the model. It reports whether the
// operation must replace the token.
func (w *walk) step(s *session.Session) (renews bool, err error) {
	names := [...]string{"get", "has", "set", "set", "pop", "append", "update", "flash", "flash", "add flash", "flash now", "flash now", "pop once", "reflash", "keep", "remove", "regenerate", "invalidate", "clear"}
	name, path, v := names[w.rnd.IntN(len(names))], paths[w.rnd.IntN(len(paths))], values[w.rnd.IntN(len(values))]
	w.history = append(w.history, fmt.Sprintf("%s %s %.40v;", name, path, v))
	switch name {
	case "get", "has", "pop", "pop once":
		return false, w.read(s, name, path)
	case "set", "append", "update", "flash", "add flash", "flash now", "remove":
		w.write(s, name, path, v)
	case "reflash":
		s.Reflash()
		for p := range w.model.old {
			w.model.keep(p)
		}
		for p := range w.model.now {
			w.model.keep(p)
		}
	case "keep":
		s.Keep(path)
		w.model.keep(path)
	case "regenerate":
		s.Regenerate()
		return w.model.stored, nil
	case "invalidate":
		s.Invalidate()
		w.model.reset()
	case "clear":
		s.Clear()
		stored, created := w.model.stored, w.model.created
		w.model.reset()
		w.model.stored, w.model.created = stored, created
	}
	return false, nil
}

// read reads a value from the session and from the model, and compares the two.
func (w *walk) read(s *session.Session, name, path string) error {
	view := w.model.view()
	want, has := get(view, path)
	var got any
	switch {
	case !has && name != "has":
		want = "default"
	case name == "has":
		want = has
	}
	switch name {
	case "get":
		got = session.Get[any](s, path, "default")
	case "has":
		got = s.Has(path)
	case "pop", "pop once":
		if has && (inList(view, path) || inList(w.model.data, path)) {
			return nil // Pop fails here, which this walk does not test
		}
		if name == "pop" {
			got = session.Pop[any](s, path, "default")
		} else {
			got = session.PopOnce[any](s, path, "default")
		}
		if has {
			w.model.pop(path)
		}
	}
	if !same(got, want) {
		return fmt.Errorf("%s %s = %v, want %v", name, path, got, want)
	}
	return nil
}

// write changes the session and the model, unless the path leads into a list.
func (w *walk) write(s *session.Session, name, path string, v any) {
	m := &w.model
	view := m.view()
	_, has := get(view, path)
	_, stored := get(m.data, path)
	if (inList(view, path) || inList(m.data, path)) && (has || stored || name != "remove") {
		return
	}
	changed, _ := get(m.data, path) // by append and update
	if _, ok := m.on(path); ok {
		changed, _ = get(view, path)
	}
	switch name {
	case "set":
		s.Set(path, v)
		m.set(path, clone(v))
	case "append":
		if (changed == nil || isList(changed)) && !m.under(path) {
			s.Append(path, v)
			m.append(path, v)
		}
	case "update": // puts the value beside the old one
		session.Update(s, path, func(old any) any { return map[string]any{"old": old, "new": v} })
		m.update(path, map[string]any{"old": clone(changed), "new": clone(v)})
	case "flash":
		s.Flash(path, v)
		m.flash(path, clone(v))
	case "add flash":
		below, _ := get(m.data, path)
		if (changed == nil || isList(changed)) && (below == nil || isList(below)) && !m.under(path) {
			s.AddFlash(path, v)
			m.addFlash(path, v)
		}
	case "flash now":
		s.FlashNow(path, v)
		m.flashNow(path, clone(v))
	case "remove":
		s.Remove(path)
		if has {
			m.remove(path)
		}
	}
}

func clone(v any) any {
	if n, ok := v.(int64); ok {
		return n
	}
	b, err := json.Marshal(v)
	var c any
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		panic(err) // cannot happen for the values of this package
	}
	return c
}

// same compares values by their JSON text, which does not distinguish types of numbers.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}
