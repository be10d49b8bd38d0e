package session_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// The types below are what programs store, right and wrong.
type (
	oauthToken struct { // as in golang.org/x/oauth2
		AccessToken string    `json:"access_token"`
		Expiry      time.Time `json:"expiry,omitzero"`
		raw         any
	}
	stamped     struct{ time.Time }
	stampedNote struct {
		time.Time
		Note string
	}
	stampedPointer struct {
		*time.Time
		Note string
	}
	embedsNumber struct {
		big.Int
		Name string
	}
	account struct {
		ID   int
		Name string
	}
	profile struct{ ID int }
	twoIDs  struct {
		account
		profile
	}
	hiddenID struct {
		account
		ID string
	}
	tagged struct {
		A int `json:"x"`
	}
	sameTag struct {
		tagged
		B int `json:"x"`
	}
	hasError    struct{ Err error }
	hasStringer struct{ V fmt.Stringer }
	hasAny      struct{ V any }
	price       struct{ Cents big.Int }
	color       int
	secretText  string
	roundTrip   struct {
		stamped time.Time
		Note    string
	}
	reads struct {
		time.Time
		N int
	}
	withCache struct {
		mu    sync.Mutex     `json:"-"`
		cache map[string]int `json:"-"`
		N     int
	}
	node struct {
		Next *node
		V    int
	}
	pointerKeys struct{ M map[*netip.Addr]int }
	lowerEmbed  struct{ *account }
	blank       struct {
		_ [0]func()
		N int
	}
	pointerOnly struct{ *time.Time }
	deepPointer struct{ pointerOnly }
	prefixed    string
	counted     int
	role        string // whose UnmarshalText only checks it
	oneWay      struct{ N int }
	closed      struct {
		hidden int //nolint:unused // its type decides
		V      any
	}
	nothingError struct{}
	codeError    struct{ Code int }
)

func (color) MarshalText() ([]byte, error)      { return []byte("red"), nil }
func (secretText) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }
func (o oneWay) MarshalJSON() ([]byte, error)   { return json.Marshal(o.N) }
func (*oneWay) UnmarshalText([]byte) error      { return nil }
func (p *prefixed) UnmarshalText(b []byte) error {
	text, ok := strings.CutPrefix(string(b), "p:")
	if *p = prefixed(text); !ok {
		return errors.New("no prefix in SECRET")
	}
	return nil
}
func (r role) MarshalText() ([]byte, error) { return []byte(r), nil }
func (r *role) UnmarshalText(b []byte) error {
	*r = role(b)
	return nil
}
func (p prefixed) MarshalText() ([]byte, error) { return []byte("p:" + string(p)), nil }
func (c *counted) MarshalText() ([]byte, error) { return []byte("many"), nil }
func (c *counted) UnmarshalText([]byte) error   { *c = 99; return nil }

func (r roundTrip) MarshalJSON() ([]byte, error) { return json.Marshal(r.Note) }
func (r *roundTrip) UnmarshalJSON(b []byte) error {
	r.stamped = time.Time{}
	return json.Unmarshal(b, &r.Note)
}
func (r *reads) MarshalJSON() ([]byte, error) { return json.Marshal(r.N) }
func (r *reads) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &r.N) }
func (nothingError) Error() string            { return "nothing" }
func (codeError) Error() string               { return "code" }

// TestField03RefusesWhatWouldBeLost: each value is refused by every method that stores one, with an
// error that says what is wrong and what to store instead.
func TestField03RefusesWhatWouldBeLost(t *testing.T) {
	_, parseError := strconv.Atoi("x")
	now := time.Now()
	link, _ := url.Parse("https://ada:secret@example.com/")
	for name, c := range map[string]struct {
		v    any
		says []string
	}{
		"an error":                      {errors.New("bad"), []string{"store err.Error()"}},
		"a wrapped error":               {fmt.Errorf("x: %w", fs.ErrNotExist), []string{"store err.Error()"}},
		"joined errors":                 {errors.Join(fs.ErrNotExist), []string{"store err.Error()"}},
		"an error with fields":          {&fs.PathError{Err: fs.ErrNotExist}, []string{"Err", "store err.Error()"}},
		"a number error":                {parseError, []string{"store err.Error()"}},
		"an error without fields":       {context.DeadlineExceeded, []string{"store err.Error()"}},
		"an own error without fields":   {nothingError{}, []string{"store err.Error()"}},
		"a list of errors":              {[]error{fs.ErrNotExist}, []string{"error"}},
		"an error in a map":             {map[string]any{"a": []any{errors.New("bad")}}, []string{"store err.Error()"}},
		"an error in an any field":      {hasAny{errors.New("bad")}, []string{"store err.Error()"}},
		"an error field":                {hasError{}, []string{"Err", "store err.Error()"}},
		"an interface field":            {hasStringer{}, []string{"V", "Stringer"}},
		"an unexported field":           {oauthToken{raw: 1}, []string{"raw", "MarshalJSON"}},
		"a pointer to one":              {&oauthToken{}, []string{"raw"}},
		"a list of them":                {[]*oauthToken{nil}, []string{"raw"}},
		"no exported field":             {struct{ a, b int }{1, 2}, []string{"field a"}},
		"a lock":                        {&struct{ sync.Mutex }{}, []string{"Mutex"}},
		"a URL":                         {link, []string{"username", "String()"}},
		"an embedded time":              {stampedNote{now, "x"}, []string{"embeds time.Time", "name"}},
		"an embedded pointer to a time": {stampedPointer{&now, "x"}, []string{"embeds *time.Time"}},
		"an embedded number":            {&embedsNumber{Name: "x"}, []string{"embeds big.Int"}},
		"embedded fields of one name":   {twoIDs{}, []string{"account.ID", "profile.ID"}},
		"a hidden field":                {hiddenID{}, []string{"account.ID", "ID", "tag"}},
		"one tag twice":                 {sameTag{}, []string{"A", "B", `"x"`}},
		"an embedded hidden pointer":    {lowerEmbed{}, []string{"account"}},
		"a text that is not read back":  {color(1), []string{"color"}},
		"a value that is not read back": {secretText("x"), []string{"secretText"}},
		"a number in a map":             {map[string]big.Int{"a": *big.NewInt(1)}, []string{"pointer receiver", "*big.Int"}},
		"a number in an any":            {map[string]any{"a": *big.NewInt(1)}, []string{"*big.Int"}},
		"pointers as keys":              {pointerKeys{}, []string{"keys"}},
		"keys that marshal in vain":     {map[prefixed]int{"a": 1}, []string{"prefixed", "strings as keys"}},
		"numbers that do":               {hasAny{map[counted]bool{1: true}}, []string{"counted", "strings as keys"}},
		"MarshalJSON alone":             {oneWay{1}, []string{"oneWay", "none that unmarshals it"}},
		"only an embedded pointer":      {pointerOnly{&now}, []string{"embeds *time.Time", "name"}},
		"one in an embedded struct":     {&deepPointer{}, []string{"embeds *time.Time", "name"}},
		"a name twice":                  {json.RawMessage(`{"a":{"b":1,"c":2,"\u0062":3}}`), []string{"twice"}},
		"a name twice in a field":       {hasAny{json.RawMessage(`[{"a":1,"a":2}]`)}, []string{"twice"}},
	} {
		for how, write := range map[string]func(s *session.Session, v any){
			"Set":      func(s *session.Session, v any) { s.Set("a.b", v) },
			"Append":   func(s *session.Session, v any) { s.Append("a.b", 1, v) },
			"Flash":    func(s *session.Session, v any) { s.Flash("a.b", v) },
			"FlashNow": func(s *session.Session, v any) { s.FlashNow("a.b", v) },
			"AddFlash": func(s *session.Session, v any) { s.AddFlash("a.b", v) },
			"Update":   func(s *session.Session, v any) { session.Update(s, "a.b", func(any) any { return v }) },
			"Key":      func(s *session.Session, v any) { session.NewKey[any]("a.b").Set(s, v) },
		} {
			s := newSession(t)
			write(s, c.v)
			var ve *session.ValueError
			err := s.Err()
			if !errors.As(err, &ve) || ve.Path != "a.b" || s.Has("a.b") {
				t.Errorf("%s of %s: Err = %v, All = %v", how, name, err, s.All())
				continue
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s of %s: %q does not say %q", how, name, err, want)
				}
			}
		}
	}
}

// TestField03OrdinaryTypesComeBack: what is not refused comes back as it was.
func TestField03OrdinaryTypesComeBack(t *testing.T) {
	s := newSession(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	two := new(big.Int).SetInt64(2)
	survives(t, s, account{7, "Ada"})
	survives(t, s, &account{7, "Ada"})
	survives(t, s, []account{{1, "a"}, {2, "b"}})
	survives(t, s, map[string]*account{"a": {1, "a"}, "b": nil})
	survives(t, s, map[int]bool{1: true})
	survives(t, s, map[string]struct{}{"a": {}})
	survives(t, s, url.Values{"a": {"b"}})
	survives(t, s, sql.NullString{String: "x", Valid: true})
	survives(t, s, netip.MustParseAddr("::1"))
	survives(t, s, map[role]int{"admin": 1})
	survives(t, s, map[counted]bool{99: true})
	survives(t, s, map[netip.Addr]int{netip.MustParseAddr("::1"): 1})
	survives(t, s, time.Minute)
	survives(t, s, at)
	survives(t, s, stamped{at})
	survives(t, s, &stamped{at})
	survives(t, s, price{*two})
	survives(t, s, &price{*two})
	survives(t, s, []price{{*two}})
	survives(t, s, [1]price{{*two}})
	survives(t, s, map[string]*price{"a": {*two}})
	survives(t, s, *two)
	survives(t, s, roundTrip{Note: "x"})
	survives(t, s, reads{N: 3})
	survives(t, s, blank{N: 1})
	survives(t, s, struct{}{})
	survives(t, s, codeError{4})
	survives(t, s, node{Next: &node{V: 2}, V: 1})
	survives(t, s, hasAny{"x"})
	survives(t, s, hasAny{[]any{map[string]any{"a": nil}}})
	survives(t, s, map[string]any{"a": []any{"b", true, nil, int64(1)}})
	survives[any](t, s, nil)
	const large = int64(1<<53 + 1) // a float64 cannot hold it
	survives(t, s, hasAny{large})
	survives(t, s, []hasAny{{0.5}, {[]any{large}}})
	survives(t, s, []map[string]any{{"a": large, "b": json.Number("123456789012345678901234567890")}})
	survives(t, s, map[string][]any{"a": {large}})
	survives(t, s, map[string]hasAny{"a": {map[string]any{"b": large}}})
	survives(t, s, &hasAny{large})
	c := &withCache{cache: map[string]int{"a": 1}, N: 5}
	c.mu.Lock()
	s.Set("cached", c)
	c.mu.Unlock()
	if got := session.Get(s, "cached.N", 0); got != 5 {
		t.Errorf("cached.N = %d, want 5", got)
	}
	s.Set("anything", map[string]any{"account": account{1, "a"}, "number": two, "list": []account{{2, "b"}}, "none": (*account)(nil)})
	if got := session.Get(s, "anything.account", account{}); got != (account{1, "a"}) {
		t.Errorf("a struct in an any = %v", got)
	}
	if got := session.Get(s, "anything.number", big.Int{}); got.Cmp(two) != 0 {
		t.Errorf("a number in an any = %v", &got)
	}
	s.Append("list", *two, account{3, "c"}, "x")
	if got := session.Get(s, "list.0", big.Int{}); got.Cmp(two) != 0 {
		t.Errorf("an appended number = %v", &got)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}

// TestField03NumbersInAnyType: the numbers in an any are exact in a type that Set would refuse as
// well, and in a variable that holds itself.
func TestField03NumbersInAnyType(t *testing.T) {
	const large = int64(1<<53 + 1) // a float64 cannot hold it
	s := newSession(t)
	s.Set("x", map[string]any{"V": large})
	if got := session.Get(s, "x", closed{}); got != (closed{V: large}) {
		t.Errorf("Get = %v, want %d", got, large)
	}
	var into struct {
		V  any
		Up any
		On *struct{ To any }
	}
	type ring struct {
		V    any
		Next *ring
	}
	r := &ring{}
	r.Next = r
	if err := errors.Join(s.Decode("x", &into), s.Decode("x", r)); err != nil || into.V != any(large) || r.V != any(large) || r.Next != r {
		t.Errorf("Decode = %v, %v and %v; want %d", err, into.V, r.V, large)
	}
}

// TestField03GetSaysWhatItLeavesOut: a value of another type is logged once for each path and type,
// and each request sends one event.
func TestField03GetSaysWhatItLeavesOut(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("n", "SECRET")
		s.Set("m", "SECRET")
	})
	g.kinds()
	for name, read := range map[string]func(s *session.Session, path string){
		"Get":     func(s *session.Session, path string) { session.Get(s, path, 5) },
		"Lookup":  func(s *session.Session, path string) { session.Lookup[int](s, path) },
		"Pop":     func(s *session.Session, path string) { session.Pop(s, path, 5) },
		"PopOnce": func(s *session.Session, path string) { session.PopOnce(s, path, 5) },
		"Key":     func(s *session.Session, path string) { session.NewKey[int](path).Get(s, 5) },
	} {
		for range 2 {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				read(s, "n")
				read(s, "n")
				session.Get(s, "absent", 5)
			})
			equal(t, name+": events", g.kinds(), "corrupt")
		}
	}
	equal(t, "lines in the log", strings.Count(g.log(), "\n"), 1)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		session.Get(s, "m", 5)
		session.Get(s, "n", false)
		session.Get(s, "n", "")
	})
	equal(t, "events", g.kinds(), "corrupt corrupt")
	equal(t, "lines in the log", strings.Count(g.log(), "\n"), 3)
	if log := g.log(); strings.Contains(log, "SECRET") || !strings.Contains(log, `\"n\"`) || !strings.Contains(log, "bool") {
		t.Errorf("the log is %s", log)
	}
}

// TestField03LogIsBounded: paths that come from outside fill neither the log nor the memory.
func TestField03LogIsBounded(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		for i := range 3000 {
			s.Set(fmt.Sprintf("p%d", i), "text")
		}
	})
	g.kinds()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		for i := range 3000 {
			session.Get(s, fmt.Sprintf("p%d", i), 0)
		}
	})
	if lines := strings.Count(g.log(), "\n"); lines == 0 || lines > 1000 {
		t.Errorf("%d lines in the log, want at most 1000", lines)
	}
	if events := strings.Fields(g.kinds()); len(events) == 0 || len(events) > 100 {
		t.Errorf("%d events of one request, want at most 100", len(events))
	}
}

// TestField03ScalarOnThePath: a write below a scalar replaces it, which is logged and sends an event.
func TestField03ScalarOnThePath(t *testing.T) {
	for name, write := range map[string]func(s *session.Session, path string){
		"Set":    func(s *session.Session, path string) { s.Set(path, "x") },
		"Append": func(s *session.Session, path string) { s.Append(path, "x") },
		"Flash":  func(s *session.Session, path string) { s.Flash(path, "x") },
		"Update": func(s *session.Session, path string) { session.Update(s, path, func(any) any { return "x" }) },
	} {
		g := newRig(t)
		b := newBrowser()
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("user", "SECRET")
			s.Set("deep.er", 7)
			s.Set("none", nil)
			s.Set("object.a", 1)
		})
		g.kinds()
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			for _, path := range []string{"none.a", "object.b", "object.c.d", "new.a.b"} {
				write(s, path)
			}
		})
		equal(t, name+": events where nothing is lost", g.kinds(), "")
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			write(s, "user.name")
			write(s, "user.mail")
			write(s, "deep.er.and.deeper")
			if err := s.Err(); err != nil || !s.Has("user.name") || !s.Has("user.mail") {
				t.Errorf("%s: %v, %v", name, err, s.All())
			}
		})
		events := slices.Clone(g.events)
		equal(t, name+": events", g.kinds(), "corrupt corrupt")
		var te *session.TypeError
		if !errors.As(events[0].Err, &te) || te.Path != "user" || !errors.As(events[1].Err, &te) || te.Path != "deep.er" {
			t.Errorf("%s: events %v, %v", name, events[0].Err, events[1].Err)
		}
		equal(t, name+": lines in the log", strings.Count(g.log(), "\n"), 2)
		if strings.Contains(g.log(), "SECRET") {
			t.Errorf("%s: the log holds the value", name)
		}
	}
}

// nested returns a list that nests to a depth.
func nested(depth int) json.RawMessage {
	return json.RawMessage(strings.Repeat("[", depth) + strings.Repeat("]", depth))
}

// TestAttackS2Depth: whatever mix of paths and values is stored, the document can be read as a whole.
func TestAttackS2Depth(t *testing.T) {
	long := strings.Repeat("a.", session.MaxDepth-1) + "a"
	list := &node{}
	for n, i := list, 0; i < 5000; i++ {
		n.Next = &node{V: i}
		n = n.Next
	}
	anyList := any(nil)
	for range 5000 {
		anyList = []any{anyList}
	}
	for name, v := range map[string]any{"text": nested(5000), "pointers": list, "any": anyList, "far too deep": nested(100_000), "map": map[string]any{"a": nested(1000)}} {
		for how, write := range map[string]func(s *session.Session){
			"Set":    func(s *session.Session) { s.Set("x", v) },
			"Append": func(s *session.Session) { s.Append("x", v) },
			"Flash":  func(s *session.Session) { s.Flash("x", v) },
			"Update": func(s *session.Session) { session.Update(s, "x", func(any) any { return v }) },
		} {
			s := newSession(t)
			write(s)
			var ve *session.ValueError
			if err := s.Err(); !errors.As(err, &ve) {
				t.Errorf("%s of %s: Err = %v, want a *ValueError", how, name, err)
			}
		}
	}
	s := newSession(t)
	s.Set("x", nested(1001))
	if err := s.Err(); !errors.Is(err, session.ErrTooLarge) || !strings.Contains(err.Error(), "1000 levels") {
		t.Errorf("Err = %v, want ErrTooLarge", err)
	}

	m := newManager()
	token := stored(t, m, func(s *session.Session) {
		s.Set(long, nested(999))
		for range 20 {
			s.Append("list", nested(999))
			s.Append(strings.Replace(long, "a", "b", 1), nested(999))
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	})
	for range 20 {
		s := load(t, m, token)
		session.Update(s, "list", func(v any) any { return []any{v} })
		if s.Err() != nil {
			break
		}
		if _, err := m.Commit(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
	s = load(t, m, token)
	var whole any
	if len(s.All()) != 3 || s.Decode("a", &whole) != nil || s.Decode("list", &whole) != nil {
		t.Errorf("All has %d values, want 3", len(s.All()))
	}
	info, err := m.Info(ctx, s.ID())
	if err != nil || !json.Valid(info.Document()) {
		t.Errorf("the exported document is not JSON: %v", err)
	}
}

// TestAttackS8DuplicatesAreRefused: a name twice in an object never gets into the document.
func TestAttackS8DuplicatesAreRefused(t *testing.T) {
	var many bytes.Buffer
	for i := range 100 {
		fmt.Fprintf(&many, `"k%d":%d,`, i, i)
	}
	for text, ok := range map[string]bool{
		`{"a":1,"a":2}`:                         false,
		`{"a":1,"\u0061":2}`:                    false,
		`{"a":1,"b":{"c":[{"d":1,"d":2}]}}`:     false,
		`[{"a":1},{"a":1,"a":1}]`:               false,
		`{"\ud800":1,"\ud801":2}`:               false, // both are read as U+FFFD
		`{` + many.String() + `"k57":1}`:        false,
		`{` + many.String() + `"k":1}`:          true,
		`{"a":{"a":{"a":1}},"b":[{"a":1}]}`:     true,
		`{"a":"a","b":"a:","c":"\"a\":1"}`:      true,
		`[{"a":1},{"a":1}]`:                     true,
		` { "a" : 1 , "b" : { } , "b2" : [ ] }`: true,
		` { "a" : 1 , "a" : 2 }`:                false,
	} {
		s := newSession(t)
		s.Set("x", json.RawMessage(text))
		if err := s.Err(); (err == nil) != ok {
			t.Errorf("Set of %.60s: %v, want it stored: %v", text, err, ok)
		}
	}
}
