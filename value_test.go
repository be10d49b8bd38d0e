package session_test

import (
	"container/list"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func newSession(t testing.TB) *session.Session {
	t.Helper()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type cart struct {
	Items []string
	At    time.Time
	Total int64 `json:"total"`
	Note  *string
}

// TestValuesSurvive stores values of many types and reads them back.
func TestValuesSurvive(t *testing.T) {
	s := newSession(t)
	note := `quote " backslash \ <html> ` + "\u2028 \x00 ü"
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("", 3600))
	survives(t, s, "")
	survives(t, s, note)
	survives(t, s, true)
	survives(t, s, false)
	survives(t, s, math.MaxInt)
	survives(t, s, int64(math.MinInt64))
	survives(t, s, uint64(math.MaxUint64))
	survives(t, s, int8(-3))
	survives(t, s, 1.5e300)
	survives(t, s, math.SmallestNonzeroFloat64)
	survives(t, s, []byte{0, 255, 10})
	survives(t, s, []string{"a", note})
	survives(t, s, map[string]int64{note: 1 << 60})
	survives(t, s, cart{Items: []string{"x"}, Total: 1<<60 + 1, Note: &note})
	survives(t, s, map[string]any{"int": int64(1<<53 + 1), "float": 0.5, "list": []any{int64(1), nil, "x"}, "none": nil})
	survives[any](t, s, []any{int64(7)})
	survives(t, s, json.RawMessage(`{"a":[1,2]}`))
	s.Set("at", at)
	if got := session.Get(s, "at", time.Time{}); !got.Equal(at) {
		t.Errorf("time = %v, want %v", got, at)
	}
	s.Set("big", json.RawMessage("123456789012345678901234567890"))
	if got, want := session.Get[any](s, "big", nil), any(json.Number("123456789012345678901234567890")); got != want {
		t.Errorf("big integer = %v, want %v", got, want)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

func survives[T any](t *testing.T, s *session.Session, v T) {
	t.Helper()
	s.Set("a.b", v)
	got, ok := session.Lookup[T](s, "a.b")
	if !ok || !reflect.DeepEqual(got, v) {
		t.Errorf("Lookup[%T] = %#v, %v, want %#v", v, got, ok, v)
	}
	var dst T
	if err := s.Decode("a.b", &dst); err != nil || !reflect.DeepEqual(dst, v) {
		t.Errorf("Decode = %#v, %v, want %#v", dst, err, v)
	}
}

func TestNullIsAValue(t *testing.T) {
	s := newSession(t)
	s.Set("n", nil)
	if !s.Has("n") {
		t.Error("Has of a stored null = false")
	}
	if got := session.Get(s, "n", "default"); got != "" {
		t.Errorf("Get of a stored null = %q, want the zero value", got)
	}
	if got := session.Get[any](s, "n", "default"); got != nil {
		t.Errorf("Get[any] of a stored null = %v, want nil", got)
	}
	s.Append("n", 1)
	if got := session.Get(s, "n", []int(nil)); !slices.Equal(got, []int{1}) {
		t.Errorf("Append to null = %v", got)
	}
}

func TestCopiesInAndOut(t *testing.T) {
	s := newSession(t)
	in := []string{"a"}
	s.Set("l", in)
	in[0] = "changed"
	out := session.Get(s, "l", []string(nil))
	out[0] = "changed"
	s.All()["l"].([]any)[0] = "changed"
	if got := session.Get(s, "l", []string(nil)); got[0] != "a" {
		t.Errorf("stored value = %q, changed from outside", got)
	}
}

// TestWrongTypeGivesDefault: a value of another type, from an older program, does not
// fail every request, and is not replaced silently.
func TestWrongTypeGivesDefault(t *testing.T) {
	var events []session.Event
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler),
		OnEvent: func(_ context.Context, e session.Event) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := m.Load(t.Context(), "")
	s.Set("n", "text")
	if got := session.Get(s, "n", 5); got != 5 {
		t.Errorf("Get[int] of a string = %d, want the default", got)
	}
	if got := session.Pop(s, "n", 5); got != 5 || !s.Has("n") {
		t.Errorf("Pop[int] of a string = %d, Has = %v; want the default, and the value still there", got, s.Has("n"))
	}
	var n int
	var te *session.TypeError
	if err := s.Decode("n", &n); !errors.As(err, &te) || te.Path != "n" || te.Want != "int" {
		t.Errorf("Decode = %v, want a *TypeError for n", err)
	}
	if err := s.Decode("absent", &n); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Decode of nothing = %v, want ErrNotFound", err)
	}
	session.Update(s, "n", func(n int) int { return n + 1 })
	if got := session.Get(s, "n", 0); got != 1 || s.Err() != nil {
		t.Errorf("Update of a string as int: %d, %v; want 1, as from nothing", got, s.Err())
	}
	if len(events) != 1 || events[0].Kind != session.EventCorrupt || !errors.As(events[0].Err, &te) {
		t.Errorf("events = %v, want one that names the type", events)
	}
}

type self struct{ Next *self }

type hidden struct {
	Name string
	loop *hidden
}

// TestUnencodable: Set rejects each value with an error that names path and type and is
// kept.
func TestUnencodable(t *testing.T) {
	cycle := &self{}
	cycle.Next = cycle
	loop := map[string]any{}
	loop["x"] = loop
	h := &hidden{Name: "bad\xff"}
	h.loop = h
	for want, v := range map[string]any{
		"chan int":                make(chan int),
		"func()":                  func() {},
		"*session_test.self":      cycle,
		"map[string]interface {}": loop,
		"float64":                 math.NaN(),
		"float32":                 float32(math.Inf(1)),
		"string":                  "bad\xff",
		"[]string":                []string{"ok", "bad\xff"},
		"map[string]int":          map[string]int{"bad\xff": 1},
		"*session_test.hidden":    h,
		"complex128":              complex(1, 1),
	} {
		s := newSession(t)
		s.Set("kept", 1)
		s.Set("a.b", v)
		s.Set("later", 2)
		var ve *session.ValueError
		if err := s.Err(); !errors.As(err, &ve) || ve.Path != "a.b" || ve.Type != want || !strings.Contains(err.Error(), want) {
			t.Errorf("Set of %s: Err = %v", want, err)
		}
		if s.Has("a.b") || s.Has("later") {
			t.Errorf("Set of %s: something was written after all", want)
		}
		s.Rollback()
		if s.Err() != nil || s.Has("kept") {
			t.Error("Rollback left an error or a change behind")
		}
	}
	s := newSession(t)
	s.Set("ok", "\ufffd is a character like any other")
	s.Set("escaped", json.RawMessage(`"\ufffd"`))
	if err := s.Err(); err != nil {
		t.Errorf("a valid U+FFFD was refused: %v", err)
	}
}

// TestBadPaths: an invalid path is absent for readers and an error for writers.
func TestBadPaths(t *testing.T) {
	for _, path := range []string{"", ".", ".a", "a.", "a..b", "a\xff", strings.Repeat("a.", 9_999) + "a"} {
		writes := map[string]func(*session.Session){
			"Set":      func(s *session.Session) { s.Set(path, 1) },
			"Append":   func(s *session.Session) { s.Append(path, 1) },
			"Remove":   func(s *session.Session) { s.Remove(path) },
			"Flash":    func(s *session.Session) { s.Flash(path, 1) },
			"FlashNow": func(s *session.Session) { s.FlashNow(path, 1) },
			"Keep":     func(s *session.Session) { s.Keep(path) },
			"Pop":      func(s *session.Session) { session.Pop(s, path, 1) },
			"Take":     func(s *session.Session) { session.PopOnce(s, path, 1) },
			"Update":   func(s *session.Session) { session.Update(s, path, func(n int) int { return n }) },
		}
		for name, write := range writes {
			s := newSession(t)
			write(s)
			if err := s.Err(); !errors.Is(err, session.ErrInvalidPath) {
				t.Errorf("%s(%.20q): Err = %v, want ErrInvalidPath", name, path, err)
			}
		}
		s := newSession(t)
		if s.Has(path) || session.Get(s, path, 7) != 7 {
			t.Errorf("%.20q is there", path)
		}
		if _, ok := session.Lookup[int](s, path); ok {
			t.Errorf("Lookup(%.20q) found something", path)
		}
		if err := s.Decode(path, new(int)); !errors.Is(err, session.ErrInvalidPath) {
			t.Errorf("Decode(%.20q) = %v, want ErrInvalidPath", path, err)
		}
		if s.Err() != nil {
			t.Errorf("reading %.20q left the error %v", path, s.Err())
		}
	}
}

func TestListsInTheWay(t *testing.T) {
	for name, write := range map[string]func(*session.Session){
		"Set":            func(s *session.Session) { s.Set("l.0", 1) },
		"Set deep":       func(s *session.Session) { s.Set("l.0.x", 1) },
		"Append":         func(s *session.Session) { s.Append("l.0", 1) },
		"Append to text": func(s *session.Session) { s.Append("t", 1) },
		"Remove":         func(s *session.Session) { s.Remove("l.0") },
		"Pop":            func(s *session.Session) { session.Pop(s, "l.0", "") },
		"Update":         func(s *session.Session) { session.Update(s, "l.0", func(v string) string { return v }) },
	} {
		s := newSession(t)
		s.Set("l", []string{"a"})
		s.Set("t", "text")
		if got := session.Get(s, "l.0", ""); got != "a" {
			t.Fatalf("l.0 = %q", got)
		}
		write(s)
		if err := s.Err(); !errors.Is(err, session.ErrPathConflict) {
			t.Errorf("%s: Err = %v, want ErrPathConflict", name, err)
		}
		if got := session.Get(s, "l", []string(nil)); !slices.Equal(got, []string{"a"}) {
			t.Errorf("%s changed the list to %v", name, got)
		}
	}
}

func TestKeysCanBeRead(t *testing.T) {
	s := newSession(t)
	for i, seg := range []string{"plain", "file.txt", `back\slash`, "0", "ü"} {
		s.Set(session.Join(seg), i)
	}
	keys := slices.Collect(s.Keys())
	if len(keys) != 5 || !slices.IsSorted(keys) {
		t.Errorf("Keys = %q", keys)
	}
	for _, k := range keys {
		if _, ok := session.Lookup[int](s, k); !ok {
			t.Errorf("key %q cannot be read", k)
		}
	}
}

// TestUpdateMayReadANewSession: an Update function that runs in the commit can read the
// session, even if it is not stored yet.
func TestUpdateMayReadANewSession(t *testing.T) {
	g := newRig(t)
	s := load(t, g.Manager, stored(t, g.Manager, func(s *session.Session) { s.Set("old", 1) }))
	s.Invalidate()
	s.Set("step", 2)
	runs := 0
	session.Update(s, "n", func(n int) int { runs++; return n + session.Get(s, "step", 0) })
	g.spy.hook(func(op string, _ session.ID) error {
		if op == "update" { // the logout
			s.Set("meanwhile", 1) // so that the commit runs the function again
		}
		return nil
	}, nil)
	token := session.Token(commitOf(t, g.Manager, s).Value)
	equal(t, "runs", runs, 2)
	equal(t, "n", session.Get(load(t, g.Manager, token), "n", 0), 2)
}

// TestMismatchDuringACommit: reporting a value of another type reads state that a
// concurrent commit replaces. The race detector checks it.
func TestMismatchDuringACommit(t *testing.T) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, m, stored(t, m, func(s *session.Session) { s.Set("n", "no number") }))
	var commits atomic.Int64
	var updated atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for i := 0; !updated.Load(); i++ {
			s.Set("i", i)
			if _, err := m.Commit(ctx, s); err != nil {
				t.Error(err)
			}
			commits.Add(1)
		}
	})
	all.Go(func() {
		defer updated.Store(true)
		session.Update(s, "n", func(int) int {
			for before := commits.Load(); commits.Load() < before+2; { // an atomic counter, so that the commits do not wait
				runtime.Gosched()
			}
			return 1
		})
	})
	all.Wait()
}

// TestInvalidTextBesideACycle: the check for invalid UTF-8 does not follow fields that
// are not encoded.
func TestInvalidTextBesideACycle(t *testing.T) {
	type value struct {
		cache *list.List
		Name  string
	}
	l := list.New()
	for range 100 {
		l.PushBack(l)
	}
	s := newSession(t)
	s.Set("x", value{l, "\xff"})
	var ve *session.ValueError
	if !errors.As(s.Err(), &ve) {
		t.Errorf("Err = %v, want a *ValueError", s.Err())
	}
}

// TestUpdateThatWrites: a function that writes to another path runs once, and one that
// writes to its own value gets an error.
func TestUpdateThatWrites(t *testing.T) {
	s := newSession(t)
	runs := 0
	session.Update(s, "n", func(n int) int {
		runs++
		s.Set("other", n)
		return n + 1
	})
	if runs != 1 || session.Get(s, "n", 0) != 1 || !s.Has("other") || s.Err() != nil {
		t.Errorf("%d runs, data %v, error %v", runs, s.All(), s.Err())
	}
	session.Update(s, "n", func(n int) int {
		session.Update(s, "n", func(n int) int { return n + 1 })
		return n + 1
	})
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), `Update of "n"`) {
		t.Errorf("Err = %v", err)
	}
}
