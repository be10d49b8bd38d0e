package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// TestFlashInsideOfAList: a flash message does not prevent later commits after a list
// has replaced a value above it.
func TestFlashInsideOfAList(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) {
		s.Flash("a.0", "x")
		session.Update(s, "a", func(any) any { return []int{1, 2} })
	})
	for i := range 3 {
		s := load(t, m, token)
		s.FlashNow("now", 1)
		s.Set("n", i)
		if _, err := m.Commit(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	version := load(t, m, token)
	if _, err := m.Commit(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if got := session.Get(load(t, m, token), "a", []int(nil)); len(got) != 2 {
		t.Errorf("a = %v", got)
	}
}

// TestSetBelowFlashNow: a Set below a path of FlashNow is stored like any other change.
func TestSetBelowFlashNow(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { s.Set("a.x", 1) })
	s := load(t, m, token)
	s.FlashNow("a", map[string]int{})
	s.Set("a.b", 2)
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := load(t, m, token).All(); fmt.Sprint(got) != "map[a:map[b:2 x:1]]" {
		t.Errorf("stored %v", got)
	}
}

// TestTooManyFlashMessages: too many flash messages are an error, and nothing is
// stored.
func TestTooManyFlashMessages(t *testing.T) {
	s := newSession(t)
	for i := range 257 {
		s.Flash(fmt.Sprint("m", i), 1)
	}
	if !errors.Is(s.Err(), session.ErrTooLarge) {
		t.Errorf("Err = %v, want ErrTooLarge", s.Err())
	}
}

// TestLawL5FlashNowIsNeverStored: what FlashNow sets, and what is done to it, changes nothing of what
// is stored under it, and stores nothing.
func TestLawL5FlashNowIsNeverStored(t *testing.T) {
	const old = "map[a:1 b:map[x:1] flash:old list:[1 2] n:<nil>]"
	seed := func(s *session.Session) {
		s.Set("a", 1)
		s.Set("b.x", 1)
		s.Set("list", []int{1, 2})
		s.Set("n", nil)
		s.Set("flash", "old")
	}
	for name, do := range map[string]func(s *session.Session){
		"over a scalar":           func(s *session.Session) { s.FlashNow("a.b", 1) },
		"Remove over a scalar":    func(s *session.Session) { s.FlashNow("a.b", 1); s.Remove("a.b") },
		"Remove below":            func(s *session.Session) { s.FlashNow("a.b", map[string]int{"c": 1}); s.Remove("a.b.c") },
		"Pop over a scalar":       func(s *session.Session) { s.FlashNow("a.b", 1); session.Pop(s, "a.b", 0) },
		"Pop of one over another": func(s *session.Session) { s.FlashNow("flash", 1); session.Pop(s, "flash", 0) },
		"PopOnce":                 func(s *session.Session) { s.FlashNow("flash", 1); session.PopOnce(s, "flash", 0) },
		"PopOnce below":           func(s *session.Session) { s.FlashNow("b", map[string]int{"x": 2}); session.PopOnce(s, "b.x", 0) },
		"Append":                  func(s *session.Session) { s.FlashNow("list", []int{}); s.Append("list", 3) },
		"Append below":            func(s *session.Session) { s.FlashNow("list", map[string]int{}); s.Append("list.a", 3) },
		"Update":                  func(s *session.Session) { s.FlashNow("a", 7); session.Update(s, "a", func(n int) int { return n + 1 }) },
		"Update below": func(s *session.Session) {
			s.FlashNow("n", nil)
			session.Update(s, "n.x", func(n int) int { return n + 1 })
		},
		"over a list":              func(s *session.Session) { s.FlashNow("list", map[string]int{"a": 1}); s.Remove("list.a") },
		"at a path with an escape": func(s *session.Session) { s.FlashNow(`c\d`, 1); s.Append(`c\\d.e`, 1); session.Pop(s, `c\d`, 0) },
		"several": func(s *session.Session) {
			s.FlashNow("a.b", 1)
			s.FlashNow("a.c", 2)
			s.FlashNow("a", 3)
			s.FlashNow("b.y", 4)
		},
	} {
		m := newManager()
		token := stored(t, m, seed)
		s := load(t, m, token)
		do(s)
		if c := commitOf(t, m, s); c != nil || s.Err() != nil {
			t.Errorf("%s: cookie %v, Err %v", name, c, s.Err())
		}
		if got := fmt.Sprint(load(t, m, token).All()); got != old {
			t.Errorf("%s: stored %s, want %s", name, got, old)
		}
		visitor := load(t, m, "")
		do(visitor)
		if c := commitOf(t, m, visitor); c != nil || !visitor.IsNew() || visitor.WillRotate() {
			t.Errorf("%s: a visitor without a session has got one", name)
		}
	}
}

// TestLawL5FlashNowLiesOnTop tells what each call finds and leaves, on top and below.
func TestLawL5FlashNowLiesOnTop(t *testing.T) {
	seed := func(s *session.Session) {
		s.Set("a", map[string]any{"x": 1})
		s.Set("k", "old")
	}
	for name, c := range map[string]struct {
		do            func(s *session.Session) any
		result        any
		sees, remains string
	}{
		"Get":              {func(s *session.Session) any { s.FlashNow("k", "now"); return session.Get(s, "k", "") }, "now", "map[a:map[x:1] k:now]", "map[a:map[x:1] k:old]"},
		"Get above":        {func(s *session.Session) any { s.FlashNow("a.y", 2); return fmt.Sprint(session.Get[any](s, "a", 0)) }, "map[x:1 y:2]", "map[a:map[x:1 y:2] k:old]", "map[a:map[x:1] k:old]"},
		"Get of the other": {func(s *session.Session) any { s.FlashNow("a.y", 2); return session.Get(s, "a.x", 0) }, 1, "map[a:map[x:1 y:2] k:old]", "map[a:map[x:1] k:old]"},
		"Has":              {func(s *session.Session) any { s.FlashNow("n.y", 2); return s.Has("n") && s.Has("n.y") && !s.Has("n.x") }, true, "map[a:map[x:1] k:old n:map[y:2]]", "map[a:map[x:1] k:old]"},
		"Keys":             {func(s *session.Session) any { s.FlashNow("n.y", 2); return fmt.Sprint(slices.Collect(s.Keys())) }, "[a k n]", "map[a:map[x:1] k:old n:map[y:2]]", "map[a:map[x:1] k:old]"},
		"Decode": {func(s *session.Session) any {
			s.FlashNow("a.y", 2)
			var v struct{ X, Y int }
			err := s.Decode("a", &v)
			return fmt.Sprint(v, err)
		}, "{1 2} <nil>", "map[a:map[x:1 y:2] k:old]", "map[a:map[x:1] k:old]"},
		"Set":            {func(s *session.Session) any { s.FlashNow("k", "now"); s.Set("k", "new"); return nil }, nil, "map[a:map[x:1] k:new]", "map[a:map[x:1] k:new]"},
		"Set above":      {func(s *session.Session) any { s.FlashNow("a.y", 2); s.Set("a", 3); return nil }, nil, "map[a:3 k:old]", "map[a:3 k:old]"},
		"Set below":      {func(s *session.Session) any { s.FlashNow("a", map[string]any{"y": 2}); s.Set("a.z", 3); return nil }, nil, "map[a:map[y:2 z:3] k:old]", "map[a:map[x:1 z:3] k:old]"},
		"Set below text": {func(s *session.Session) any { s.FlashNow("k", "now"); s.Set("k.z", 3); return nil }, nil, "map[a:map[x:1] k:map[z:3]]", "map[a:map[x:1] k:map[z:3]]"},
		"Set beside":     {func(s *session.Session) any { s.FlashNow("a.y", 2); s.Set("a.z", 3); return nil }, nil, "map[a:map[x:1 y:2 z:3] k:old]", "map[a:map[x:1 z:3] k:old]"},
		"Remove":         {func(s *session.Session) any { s.FlashNow("k", "now"); s.Remove("k"); return s.Has("k") }, false, "map[a:map[x:1]]", "map[a:map[x:1]]"},
		"Remove above":   {func(s *session.Session) any { s.FlashNow("a.y", 2); s.Remove("a"); return s.Has("a.y") }, false, "map[k:old]", "map[k:old]"},
		"Remove below": {func(s *session.Session) any {
			s.FlashNow("a", map[string]any{"x": 2, "y": 2})
			s.Remove("a.x")
			return nil
		}, nil, "map[a:map[y:2] k:old]", "map[a:map[] k:old]"},
		"Clear":     {func(s *session.Session) any { s.FlashNow("n", 1); s.Clear(); return len(s.All()) }, 0, "map[]", "map[]"},
		"Pop":       {func(s *session.Session) any { s.FlashNow("k", "now"); return session.Pop(s, "k", "") }, "now", "map[a:map[x:1] k:old]", "map[a:map[x:1] k:old]"},
		"Pop above": {func(s *session.Session) any { s.FlashNow("a.y", 2); return fmt.Sprint(session.Pop[any](s, "a", nil)) }, "map[x:1 y:2]", "map[k:old]", "map[k:old]"},
		"PopOnce above": {func(s *session.Session) any {
			s.FlashNow("a.y", 2)
			return fmt.Sprint(session.PopOnce[any](s, "a", nil))
		}, "map[x:1 y:2]", "map[k:old]", "map[k:old]"},
		"Update": {func(s *session.Session) any {
			s.FlashNow("k", "now")
			return session.Update(s, "k", func(k string) string { return k + "!" })
		}, "now!", "map[a:map[x:1] k:now!]", "map[a:map[x:1] k:old]"},
		"Update above": {func(s *session.Session) any {
			s.FlashNow("a.y", 2)
			return fmt.Sprint(session.Update(s, "a", func(m map[string]int) map[string]int { m["x"]++; return m }))
		}, "map[x:2]", "map[a:map[x:2 y:2] k:old]", "map[a:map[x:2] k:old]"},
		"Update above to a list": {func(s *session.Session) any {
			s.FlashNow("k.y", 2)
			return fmt.Sprint(session.Update(s, "k", func(any) any { return []int{1} }))
		}, "[1]", "map[a:map[x:1] k:map[y:2]]", "map[a:map[x:1] k:[1]]"},
		"Append":    {func(s *session.Session) any { s.FlashNow("l", []int{1}); s.Append("l", 2); return nil }, nil, "map[a:map[x:1] k:old l:[1 2]]", "map[a:map[x:1] k:old]"},
		"Keep":      {func(s *session.Session) any { s.FlashNow("k", "now"); s.Keep("k"); return nil }, nil, "map[a:map[x:1] k:now]", "map[a:map[x:1] k:now]"},
		"Reflash":   {func(s *session.Session) any { s.FlashNow("a.y", 2); s.Reflash(); return nil }, nil, "map[a:map[x:1 y:2] k:old]", "map[a:map[x:1 y:2] k:old]"},
		"Flash":     {func(s *session.Session) any { s.FlashNow("k", "now"); s.Flash("k", "next"); return nil }, nil, "map[a:map[x:1] k:next]", "map[a:map[x:1] k:next]"},
		"AddFlash":  {func(s *session.Session) any { s.FlashNow("m", []int{1}); s.AddFlash("m", 2); return nil }, nil, "map[a:map[x:1] k:old m:[1 2]]", "map[a:map[x:1] k:old m:[2]]"},
		"Rollback":  {func(s *session.Session) any { s.FlashNow("k", "now"); s.Rollback(); return session.Get(s, "k", "") }, "old", "map[a:map[x:1] k:old]", "map[a:map[x:1] k:old]"},
		"FlashNow":  {func(s *session.Session) any { s.FlashNow("k", 1); s.FlashNow("k", 2); return nil }, nil, "map[a:map[x:1] k:2]", "map[a:map[x:1] k:old]"},
		"above":     {func(s *session.Session) any { s.FlashNow("a.y", 1); s.FlashNow("a", 2); return nil }, nil, "map[a:2 k:old]", "map[a:map[x:1] k:old]"},
		"below":     {func(s *session.Session) any { s.FlashNow("a", 1); s.FlashNow("a.y", 2); return nil }, nil, "map[a:map[y:2] k:old]", "map[a:map[x:1] k:old]"},
		"elsewhere": {func(s *session.Session) any { s.FlashNow("a.y", 2); s.Set("b", 1); s.Append("c", 1); return nil }, nil, "map[a:map[x:1 y:2] b:1 c:[1] k:old]", "map[a:map[x:1] b:1 c:[1] k:old]"},
	} {
		m := newManager()
		token := stored(t, m, seed)
		s := load(t, m, token)
		if got := c.do(s); got != c.result || s.Err() != nil {
			t.Errorf("%s: got %v, want %v; error %v", name, got, c.result, s.Err())
		}
		for range 2 { // before and after the commit
			if got := fmt.Sprint(s.All()); got != c.sees {
				t.Errorf("%s: the request sees %s, want %s", name, got, c.sees)
			}
			commitOf(t, m, s)
		}
		if got := fmt.Sprint(load(t, m, token).All()); got != c.remains {
			t.Errorf("%s: stored %s, want %s", name, got, c.remains)
		}
	}
}

// TestLawL5ListsAroundFlashNow: a list in the way is an error of the call, never of the commit.
func TestLawL5ListsAroundFlashNow(t *testing.T) {
	for name, do := range map[string]func(s *session.Session){
		"into a list":                  func(s *session.Session) { s.FlashNow("list.0", 1) },
		"deep into a list":             func(s *session.Session) { s.FlashNow("list.0.x", 1) },
		"Set below, over a list":       func(s *session.Session) { s.FlashNow("list", map[string]int{}); s.Set("list.a", 1) },
		"Set into a list on top":       func(s *session.Session) { s.FlashNow("a", []int{1}); s.Set("a.0", 1) },
		"Append to an object on top":   func(s *session.Session) { s.FlashNow("list", map[string]int{}); s.Append("list", 1) },
		"Append above":                 func(s *session.Session) { s.FlashNow("n.x", 1); s.Append("n", 1) },
		"Pop of an element":            func(s *session.Session) { s.FlashNow("a", []int{1}); session.Pop(s, "a.0", 0) },
		"AddFlash to an object on top": func(s *session.Session) { s.FlashNow("list", 1); s.AddFlash("list", 1) },
	} {
		m := newManager()
		token := stored(t, m, func(s *session.Session) { s.Set("list", []int{1}) })
		s := load(t, m, token)
		do(s)
		if !errors.Is(s.Err(), session.ErrPathConflict) {
			t.Errorf("%s: Err = %v, want ErrPathConflict", name, s.Err())
		}
		s.Rollback()
		s.Set("n", 1)
		commitOf(t, m, s)
		if got := fmt.Sprint(load(t, m, token).All()); got != "map[list:[1] n:1]" {
			t.Errorf("%s: stored %s", name, got)
		}
	}
}

// TestLawL5TooManyFlashNow are refused like too many flash messages.
func TestLawL5TooManyFlashNow(t *testing.T) {
	s := newSession(t)
	for i := range 256 {
		s.FlashNow(fmt.Sprint("m", i), 1)
	}
	s.FlashNow("m7", 2)
	s.FlashNow("m7.x", 2)
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	s.FlashNow("another", 1)
	if !errors.Is(s.Err(), session.ErrTooLarge) {
		t.Errorf("Err = %v, want ErrTooLarge", s.Err())
	}
}

// TestLawL5HiddenMessageIsNotRead: a script's request that reads the value of FlashNow has not read
// the flash message under it.
func TestLawL5HiddenMessageIsNotRead(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Flash("status", "Saved.") })
	b.header.Set("Sec-Fetch-Mode", "cors")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.FlashNow("status", "Loading.")
		equal(t, "status", session.Get(s, "status", ""), "Loading.")
	})
	equal(t, "status of the page", fmt.Sprint(g.data(t, g.token(b))), "map[status:Saved.]")
}

// TestField26WhatIsAddedIsShown: what is added to a flash message, or changed in it, is shown by a
// page that has been loaded after that, and then it is gone. What a page has shown is not
// shown again.
func TestField26WhatIsAddedIsShown(t *testing.T) {
	add := func(v ...any) func(*session.Session) { return func(s *session.Session) { s.AddFlash("m", v...) } }
	appends := func(v ...any) func(*session.Session) { return func(s *session.Session) { s.Append("m", v...) } }
	flash := func(v any) func(*session.Session) { return func(s *session.Session) { s.Flash("m", v) } }
	count := func(s *session.Session) { session.Update(s, "m", func(n int) int { return n + 1 }) }
	page := func(*session.Session) {}
	for name, c := range map[string]struct {
		first, page, meanwhile func(*session.Session) // the page is loaded after first; meanwhile commits before it
		next                   string                 // what the page after them shows
	}{
		"nothing else":                  {flash("a"), page, page, "map[]"},
		"Append to one's own":           {func(s *session.Session) { s.Flash("m", []string{"a"}); s.Append("m", "b") }, page, page, "map[]"},
		"the page adds":                 {add("a"), add("b"), page, "map[m:[b]]"},
		"the page appends":              {flash([]string{"a"}), appends("b", "c"), page, "map[m:[b c]]"},
		"another adds":                  {add("a"), page, add("b"), "map[m:[b]]"},
		"another appends":               {flash([]string{"a"}), page, appends("b"), "map[m:[b]]"},
		"both add":                      {add("a"), add("b"), add("c"), "map[m:[c b]]"},
		"the same text":                 {add("a"), page, add("a"), "map[m:[a]]"},
		"no message before":             {page, add("a"), add("b"), "map[m:[b a]]"},
		"another page has consumed":     {add("a"), add("b"), func(s *session.Session) { session.Pop[any](s, "m", nil) }, "map[m:[b]]"},
		"appends to what is consumed":   {flash([]string{"a"}), appends("b"), func(s *session.Session) { s.Remove("m") }, "map[m:[b]]"},
		"updates what is consumed":      {flash(5), count, func(s *session.Session) { s.Remove("m") }, "map[m:1]"},
		"sets below what is consumed":   {flash(map[string]int{"x": 1}), func(s *session.Session) { s.Set("m.y", 1) }, func(s *session.Session) { s.Remove("m") }, "map[m:map[y:1]]"},
		"the page updates":              {flash(1), count, page, "map[m:2]"},
		"another updates":               {flash(1), page, count, "map[m:2]"},
		"Set below":                     {flash(map[string]int{"x": 1}), page, func(s *session.Session) { s.Set("m.y", 2) }, "map[m:map[x:1 y:2]]"},
		"Append below":                  {flash(map[string]int{"x": 1}), func(s *session.Session) { s.Append("m.y", 2) }, page, "map[m:map[x:1 y:[2]]]"},
		"another flashes":               {add("a"), page, flash("b"), "map[m:b]"},
		"another flashes the same":      {flash("a"), page, flash("a"), "map[m:a]"},
		"another flashes the same list": {add("a"), page, flash([]string{"a"}), "map[m:[a]]"},
		"kept, and added to":            {add("a"), func(s *session.Session) { s.Keep("m") }, add("b"), "map[m:[a b]]"},
		"popped, and added to":          {add("a"), func(s *session.Session) { session.Pop[any](s, "m", nil); s.AddFlash("m", "b") }, page, "map[m:[b]]"},
	} {
		m := newManager()
		token := stored(t, m, func(s *session.Session) { s.Login("ada"); c.first(s) })
		shown, other := load(t, m, token), load(t, m, token)
		other.IgnoreActivity() // it is no page, so it uses up nothing that it has not read
		c.meanwhile(other)
		commitOf(t, m, other)
		c.page(shown)
		commitOf(t, m, shown)
		next := load(t, m, token)
		if got := fmt.Sprint(next.All()); got != c.next {
			t.Errorf("%s: the next page shows %s, want %s", name, got, c.next)
		}
		commitOf(t, m, next)
		if got := load(t, m, token).All(); len(got) > 0 {
			t.Errorf("%s: the page after that still shows %v", name, got)
		}
	}
}

// TestField26TwoPagesWithOneText: two pages have shown a message, and use it up once. Another one
// with the same text, which is added meanwhile, is not the one that they have shown.
func TestField26TwoPagesWithOneText(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { s.AddFlash("m", "Saved.") })
	one, two, other := load(t, m, token), load(t, m, token), load(t, m, token)
	other.IgnoreActivity()
	other.AddFlash("m", "Saved.")
	for _, s := range []*session.Session{other, one, two} {
		commitOf(t, m, s)
	}
	if got := fmt.Sprint(load(t, m, token).All()); got != "map[m:[Saved.]]" {
		t.Errorf("the next page shows %s", got)
	}
}

// TestField25Usage is which requests use up the messages that they do not read, and those
// that they read.
func TestField25Usage(t *testing.T) {
	const html, any = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept: */*"
	tests := []struct {
		name    string
		headers []string
		uses    string
	}{
		{"a page, over plain HTTP", []string{html}, "all"},
		{"a poll, over plain HTTP", []string{any}, "read"},
		{"a picture, over plain HTTP", []string{"Accept: image/avif,image/webp,*/*;q=0.8"}, "read"},
		{"a poll for JSON, over plain HTTP", []string{"Accept: application/json"}, "read"},
		{"curl", []string{any, "User-Agent: curl/8.5.0"}, "read"},
		{"a client that says nothing", nil, "all"},
		{"a page", []string{html, "Sec-Fetch-Mode: navigate"}, "all"},
		{"a page, of a browser that says it in two lines", []string{"Accept: image/png", "Accept: TEXT/HTML"}, "all"},
		{"fetch for HTML", []string{html, "Sec-Fetch-Mode: cors"}, "read"},
		{"fetch", []string{any, "Sec-Fetch-Mode: cors"}, "read"},
		{"a frame", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"}, "read"},
		{"a page", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"}, "all"},
		{"Sec-Fetch-Dest only", []string{html, "Sec-Fetch-Dest: empty"}, "read"},
		{"jQuery", []string{html, "X-Requested-With: XMLHttpRequest"}, "read"},
		{"htmx", []string{html, "HX-Request: true"}, "read"},
		{"htmx, with fetch metadata", []string{any, "HX-Request: true", "Sec-Fetch-Mode: cors"}, "read"},
		{"htmx, boosted", []string{any, "HX-Request: true", "HX-Boosted: true"}, "all"},
		{"htmx, boosted, with fetch metadata", []string{any, "HX-Request: true", "HX-Boosted: true", "Sec-Fetch-Mode: cors"}, "all"},
		{"htmx, preloaded", []string{any, "HX-Request: true", "HX-Boosted: true", "HX-Preloaded: true"}, "none"},
		{"Turbo Drive, over plain HTTP", []string{"Accept: text/html, application/xhtml+xml"}, "all"},
		{"Turbo frame", []string{"Accept: text/html, application/xhtml+xml", "Turbo-Frame: cart"}, "read"},
		{"Turbo, prefetch", []string{"Accept: text/html, application/xhtml+xml", "X-Sec-Purpose: prefetch", "Sec-Fetch-Mode: cors"}, "none"},
		{"Unpoly", []string{html, "X-Up-Version: 3.10.0"}, "read"},
		{"Next", []string{html, "RSC: 1"}, "read"},
		{"Next, prefetch", []string{any, "RSC: 1", "Next-Router-Prefetch: 1", "Sec-Fetch-Mode: cors"}, "none"},
		{"Next, prefetch of a segment", []string{any, "Next-Router-Segment-Prefetch: /_tree"}, "none"},
		{"Next, prefetch of data", []string{any, "X-Middleware-Prefetch: 1"}, "none"},
		{"prefetch", []string{html, "Sec-Fetch-Mode: navigate", "Sec-Purpose: prefetch;prerender"}, "none"},
		{"prefetch, Purpose", []string{html, "Purpose: Prefetch"}, "none"},
		{"prefetch, Safari", []string{html, "X-Purpose: preview"}, "none"},
		{"prefetch, Firefox", []string{html, "X-Moz: prefetch"}, "none"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("kept", true)
				s.Flash("read", 1)
				s.Flash("other", 1)
			})
			for _, h := range c.headers {
				name, value, _ := strings.Cut(h, ": ")
				b.header.Add(name, value)
			}
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { session.Get(s, "read", 0) })
			want := map[string]string{"all": "map[kept:true]", "read": "map[kept:true other:1]", "none": "map[kept:true other:1 read:1]"}[c.uses]
			equal(t, "left", fmt.Sprint(g.data(t, g.token(b))), want)
		})
	}
}

// TestFlashPaths: FlashPaths yields what is stored and a flash message, and does not use it up.
func TestFlashPaths(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) {
		s.Set("plain", 1)
		s.Flash("old", 1)
		s.Flash("later.now", 1)
		s.Flash("popped", 1)
		s.Flash(session.Join("a.b"), 1)
	})
	s := load(t, m, token)
	s.Flash("new", 1)
	s.FlashNow("now", 1)
	s.Set("old", 2)
	s.Keep("later.now")
	session.Pop(s, "popped", 0)
	want := []string{session.Join("a.b"), "later.now", "new"}
	if got := slices.Collect(s.FlashPaths()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want = want[1:]
	if got := slices.Collect(load(t, m, token).FlashPaths()); !slices.Equal(got, want) {
		t.Errorf("on the next page: got %q, want %q", got, want)
	}
}
