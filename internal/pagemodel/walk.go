package pagemodel

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"time"

	"github.com/expanse-go/session"
)

// Walk lets one visitor make requests of random operations against a manager on
// the store, with random time in between, and compares every answer with the
// model's. The error names the seed, the request and the operation.
func Walk(store session.Store, seed uint64, requests int) error {
	w := &walk{rnd: rand.New(rand.NewPCG(seed, 0)), now: time.Unix(1_800_000_000, 12345)}
	var err error
	w.m, err = session.New(store, session.Config{
		Cookie:     session.CookieConfig{DangerouslyAllowHTTP: true},
		Now:        func() time.Time { return w.now },
		TouchEvery: -1,
		PruneEvery: -1,
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
	spent   []*http.Cookie // tokens that a rotation or logout has replaced
	history []string
}

var (
	pauses = []time.Duration{0, 0, time.Second, 6 * time.Minute, time.Hour, idle - 1, idle, 5 * time.Hour}
	paths  = []string{"a", "b", "a.b", "a.c", "a.b.c", "status", "list", "list.0", "user.name", "user"}
	values = []any{"x", int64(7), nil, true, 1.5, []any{"l", int64(1)}, map[string]any{"b": "in", "c": []any{}}, map[string]any{}}
)

// request makes one request of a few operations.
func (w *walk) request() error {
	w.now = w.now.Add(pauses[w.rnd.IntN(len(pauses))])
	w.model.begin(w.now, idle, absolute)
	w.history = append(w.history, fmt.Sprintf("\n  %s:", w.now.UTC().Format("02 15:04:05.999999999")))
	var failed error
	var renews bool
	h := w.m.Handler(w.m.HandlerFunc(func(rw http.ResponseWriter, r *http.Request, s *session.Session) {
		for range 1 + w.rnd.IntN(5) {
			renewed, err := w.step(s)
			renews = renews || renewed
			if err != nil {
				failed = err
				return
			}
		}
		if got := s.All(); !same(got, w.model.data) {
			failed = fmt.Errorf("All = %v, want %v", got, w.model.data)
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
	return w.takeCookie(rec.Result(), renews && wasStored)
}

// takeCookie does what a browser does, and checks that a token was replaced when
// it had to be, and only then.
func (w *walk) takeCookie(resp *http.Response, renews bool) error {
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

// step does one operation on both sides. It reports whether the token is due to
// be replaced.
func (w *walk) step(s *session.Session) (renews bool, err error) {
	path := paths[w.rnd.IntN(len(paths))]
	v := values[w.rnd.IntN(len(values))]
	m := &w.model
	old, has := m.get(path)
	name := [...]string{"get", "has", "set", "set", "pop", "append", "flash", "flash", "reflash", "keep", "remove", "regenerate", "invalidate", "clear"}[w.rnd.IntN(14)]
	w.history = append(w.history, fmt.Sprintf("%s %s %v;", name, path, v))
	switch name {
	case "get":
		if got := session.Get[any](s, path, "default"); !same(got, orDefault(old, has)) {
			return false, fmt.Errorf("get %s = %v, want %v", path, got, orDefault(old, has))
		}
	case "has":
		if got := s.Has(path); got != has {
			return false, fmt.Errorf("has %s = %v, want %v", path, got, has)
		}
	case "set":
		if !m.inList(path) {
			s.Set(path, v)
			m.set(path, clone(v))
		}
	case "pop":
		if has && m.inList(path) {
			break
		}
		if got := session.Pop[any](s, path, "default"); !same(got, orDefault(old, has)) {
			return false, fmt.Errorf("pop %s = %v, want %v", path, got, orDefault(old, has))
		}
		if has {
			m.remove(path)
		}
	case "append":
		if !m.inList(path) && (!has || old == nil || isList(old)) {
			s.Append(path, v)
			m.append(path, clone(v))
		}
	case "flash":
		if !m.inList(path) {
			s.Flash(path, v)
			m.flash(path, clone(v))
		}
	case "reflash":
		s.Reflash()
		for p := range m.old {
			m.keep(p)
		}
	case "keep":
		s.Keep(path)
		m.keep(path)
	case "remove":
		if !has || !m.inList(path) {
			s.Remove(path)
		}
		if has && !m.inList(path) {
			m.remove(path)
		}
	case "regenerate":
		s.Regenerate()
		return m.stored, nil
	case "invalidate":
		s.Invalidate()
		m.reset()
	case "clear":
		s.Clear()
		stored, created := m.stored, m.created
		m.reset()
		m.stored, m.created = stored, created
	}
	return false, nil
}

func orDefault(v any, has bool) any {
	if !has {
		return "default"
	}
	return v
}

func clone(v any) any {
	b, _ := json.Marshal(v)
	var c any
	json.Unmarshal(b, &c)
	if n, ok := v.(int64); ok {
		return n
	}
	return c
}

// same compares by JSON text, which has one kind of number.
func same(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && reflect.DeepEqual(x, y)
}
