package session_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/expanse-go/session"
)

// seal gives what follows the head of an envelope a right checksum.
func seal(data []byte) []byte {
	binary.BigEndian.PutUint32(data[2:6], crc32.Checksum(data[6:], crc32.MakeTable(crc32.Castagnoli)))
	return data
}

// forge replaces the document in the record of a session, as somebody can who may write to the store.
func forge(t testing.TB, g *rig, doc string) {
	t.Helper()
	rec := g.spy.all()[0]
	end := 6 // the head
	for rec.Data[end] != 0 {
		n, w := binary.Uvarint(rec.Data[end+1:])
		end += 1 + w + int(n)
	}
	rec.Data = seal(append(slices.Clip(rec.Data[:end+1]), doc...))
	g.spy.put(rec)
}

// everything calls each method that reads or changes the data, at a path that the forged text may have.
func everything(s *session.Session, path string) {
	var v any
	s.Has(path)
	session.Get(s, path, "")
	session.Get[any](s, path, nil)
	session.Get(s, path, map[string]any{})
	session.Lookup[[]int](s, path)
	_ = s.Decode(path, &v)
	s.All()
	for range s.Keys() {
		v = nil
	}
	for _, write := range []func(){
		func() { s.Set(path, 1) },
		func() { s.Set(path+".b.c", 1) },
		func() { s.Append(path, 1) },
		func() { s.Append(path+".l", 1, 2) },
		func() { s.Remove(path) },
		func() { s.Flash(path, 1) },
		func() { s.AddFlash(path, 1) },
		func() { s.FlashNow(path, 1) },
		func() { s.FlashNow(path+".n", 1) },
		func() { s.Keep(path) },
		func() { s.Reflash() },
		func() { session.Pop(s, path, "") },
		func() { session.PopOnce[any](s, path, nil) },
		func() { session.Update(s, path, func(n int) int { return n + 1 }) },
		func() { s.Clear() },
	} {
		write()
		s.All()
		s.Has(path)
		if s.Err() != nil {
			s.Rollback()
		}
	}
}

// TestAttackS9ForgedDocument: a record with the right checksum and text that is not JSON makes no
// request panic. The visitor has a session all the same, and an event tells of it.
func TestAttackS9ForgedDocument(t *testing.T) {
	long := strings.Repeat(`"x":1,`, 200)
	for _, doc := range []string{
		`{"a":{}`, `{"a":[}`, `{"a":{}]`, `{"a":`, `{"a"`, `{"a`, `{"`, `{`, ``, `}`, `[]`, `null`, `"a"`, `{"a":1`, `{"a":1,`, `{"a":1,}`,
		`{"a":{"b":1}`, `{"a":{"b":}}`, `{"a":{"b":[1,2}`, `{"a":"}`, `{"a":"\"}`, `{"a":"\\"`, `{"a":{{}`, `{"a":[[}`, `{"a":]}`, `{"a":,}`, `{"a"::1}`, `{"a":1}}`,
		`{"a":1}{"a":2}`, `{"a":{},"b":}`, `{"a":tru}`, `{a:1}`, `{"a":01}`, "{\"a\":\"\xff\"}", "{\"\xff\":1}", `{"\ud800":1}`, `{ "a":1}`, `{"a":"` + "\x00" + `"}`,
		`{` + long + `"a":{}`, `{` + long + `"a":{"b":}}`, `{` + long + `"a":[1,2}`, `{"a":[` + strings.Repeat(`1,`, 600) + `}`, `{"a":{` + long + `}`, `{"a":{` + long + `"a":[}}`,
		`{"a":` + strings.Repeat("[", 10_100) + strings.Repeat("]", 10_100) + `}`,
		`{"a":` + strings.Repeat(`{"a":`, 10_100) + `1` + strings.Repeat("}", 10_100) + `}`,
		`{"a":` + strings.Repeat(`{"b":1,"b":`, 10_100) + `1` + strings.Repeat("}", 10_100) + `}`,
	} {
		for _, flash := range []bool{false, true} {
			g := newRig(t)
			b := newBrowser()
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				if s.Set("a", 1); flash {
					s.Flash("a", 1)
				}
			})
			forge(t, g, doc)
			g.kinds()
			g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.All()
			}).expect(t, http.StatusOK, 0)
			if events := g.kinds(); !json.Valid([]byte(doc)) && !strings.Contains(events, "corrupt") {
				t.Errorf("%.40q: events %q, want a corrupt one", doc, events)
			}
			for range 3 {
				rep := g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					everything(s, "a")
					everything(s, "a.b")
					everything(s, "a.0")
				})
				if rep.Code != http.StatusOK {
					t.Errorf("%.40q: status %d", doc, rep.Code)
				}
				forge(t, g, doc)
			}
			for range g.ListAll(t.Context()) {
				continue
			}
		}
	}
}

// TestAttackS9ForgedFlash: marks of flash messages that no commit writes are corrupt.
func TestAttackS9ForgedFlash(t *testing.T) {
	mark := func(gen uint64, path string) []byte {
		return append(binary.AppendUvarint(binary.BigEndian.AppendUint64(nil, gen), uint64(len(path))), path...)
	}
	for name, c := range map[string]struct {
		marks []byte
		ok    bool
	}{
		"valid":        {mark(7, "a"), true},
		"no path":      {mark(7, ""), false},
		"invalid path": {mark(7, "a..b"), false},
		"long path":    {mark(7, strings.Repeat("a.", 5000)+"a"), false},
		"invalid text": {mark(7, "a\xff"), false},
		"generation 0": {mark(0, "a"), false},
		"too many":     {bytes.Repeat(mark(7, "a"), 100_000), false},
		"cut":          {mark(7, "a")[:9], false},
	} {
		g := newRig(t)
		b := g.signedUp(t, "x")
		rec := g.spy.all()[0]
		const digest = 6 + 2 + 32
		fields := append(binary.AppendUvarint([]byte{7}, uint64(len(c.marks))), c.marks...)
		rec.Data = seal(slices.Concat(rec.Data[:digest], fields, rec.Data[digest:]))
		g.spy.put(rec)
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, name+": a new session", s.IsNew(), !c.ok)
			everything(s, "a")
		})
		if kinds := g.kinds(); !c.ok && !strings.HasPrefix(kinds, "corrupt") {
			t.Errorf("%s: events %q", name, kinds)
		}
	}
}

// TestAttackS8DuplicatesInTheStore: a stored object with a name twice, which this library does not
// write, has one reading: the first value counts everywhere, and Remove removes both.
func TestAttackS8DuplicatesInTheStore(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	doc := `{"a":1,"a":2,"o":{"b":{"c":1},"\u0062":2,"l":[{"d":1,"d":2}]},"z":3,"z":4}`
	type object struct {
		B map[string]int `json:"b"`
		L []any          `json:"l"`
	}
	for _, doc := range []string{doc, `{"pad":"` + strings.Repeat("x", 2000) + `",` + doc[1:]} {
		for _, accesses := range []int{1, 100} { // a document that is accessed often gets an index
			forge(t, g, doc)
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				for range accesses {
					equal(t, "Get", session.Get(s, "a", 0), 1)
				}
				equal(t, "Get of a part", session.Get(s, "o.b.c", 0), 1)
				all := s.All()
				delete(all, "pad")
				equal(t, "All", fmt.Sprint(all), "map[a:1 o:map[b:map[c:1] l:[map[d:1]]] z:3]")
				var o object
				if err := s.Decode("o", &o); err != nil || o.B["c"] != 1 || fmt.Sprint(o.L) != "[map[d:1]]" {
					t.Errorf("Decode = %v, %v", o, err)
				}
				equal(t, "Get of a struct", fmt.Sprint(session.Get(s, "o", object{})), fmt.Sprint(o))
				equal(t, "Get of an any", fmt.Sprint(session.Get[any](s, "o", nil)), "map[b:map[c:1] l:[map[d:1]]]")
				keys := slices.DeleteFunc(slices.Collect(s.Keys()), func(k string) bool { return k == "pad" })
				equal(t, "Keys", strings.Join(keys, " "), "a o z")
				s.Remove("a", "o.b")
				session.Pop(s, "z", 0)
				if s.Has("a") || s.Has("o.b") || s.Has("z") || s.Err() != nil {
					t.Errorf("after Remove: %v, %v", s.All(), s.Err())
				}
			}).expect(t, http.StatusOK, 0)
			all := g.data(t, g.token(b))
			delete(all, "pad")
			equal(t, "stored", fmt.Sprint(all), "map[o:map[l:[map[d:1]]]]")
		}
	}
	forge(t, g, doc)
	info, err := g.Info(t.Context(), g.spy.all()[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "the exported document", string(info.Document()), `{"a":1,"o":{"b":{"c":1},"l":[{"d":1}]},"z":3}`)
}

// FuzzForgedRecord: whatever is stored with the right checksum and the digest of the visitor's token,
// no request panics, and the parts of a document agree with the whole.
func FuzzForgedRecord(f *testing.F) {
	f.Add([]byte{}, `{"a":{}`, "a")
	f.Add([]byte{7, 10, 0, 0, 0, 0, 0, 0, 0, 7, 1, 'a'}, `{"a":{}`, "a.b")
	f.Add([]byte{4, 8, 255, 255, 255, 255, 255, 255, 255, 255, 5, 16, 128, 0, 0, 0, 0, 0, 0, 0, 127, 255, 255, 255, 255, 255, 255, 255, 6, 1, 9}, `{"a":[1,{"b":2,"b":3}]}`, "a.1.b")
	f.Add([]byte{8, 8, 1, 2, 3, 4, 5, 6, 7, 8, 200, 1, 0}, `{"a":"\"","\u0061":"`+strings.Repeat("x", 600)+`"}`, `a\.b`)
	f.Fuzz(func(t *testing.T, fields []byte, doc, path string) {
		g := newRig(t)
		b := newBrowser()
		g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Flash("a", 1) })
		rec := g.spy.all()[0]
		rec.Data = seal(slices.Concat(rec.Data[:6+2+32], fields, []byte{0}, []byte(doc)))
		g.spy.put(rec)
		var compact bytes.Buffer
		agree := agree
		if json.Compact(&compact, []byte(doc)) != nil || compact.String() != doc || !utf8.ValidString(doc) {
			agree = func(*testing.T, *session.Session) {} // the reading of such text is not defined
		}
		for range 2 {
			s, err := g.Load(t.Context(), session.Token(g.token(b)))
			if err != nil {
				t.Fatal(err)
			}
			agree(t, s)
			everything(s, path)
			if s.Err() != nil {
				s.Rollback()
			}
			agree(t, s)
			_, err = g.Commit(t.Context(), s)
			if err != nil && !errors.Is(err, session.ErrPathConflict) && !errors.Is(err, session.ErrEnded) {
				t.Fatal(err)
			}
			g.clock.Advance(time.Minute)
		}
		for info, err := range g.ListAll(t.Context()) {
			if err == nil {
				info.Document()
			}
		}
	})
}

// agree checks that each value that is read alone is the one in All.
func agree(t *testing.T, s *session.Session) {
	t.Helper()
	for name, want := range s.All() {
		if name == "" {
			continue // no path leads there
		}
		if got, ok := session.Lookup[any](s, session.Join(name)); !ok || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q is %v, %v, and %v in All", name, got, ok, want)
		}
	}
}
