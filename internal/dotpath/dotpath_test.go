package dotpath

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for path, ok := range map[string]bool{
		"a": true, "a.b": true, "user.name": true, `a\.b`: true, `a\\.b`: true, `a\`: true, `\`: true, "ä.ö": true, "0": true, " ": true,
		"": false, ".": false, ".a": false, "a.": false, "a..b": false, "a\xff": false,
		strings.Repeat("a.", MaxDepth-1) + "a":     true,
		strings.Repeat("a.", MaxDepth) + "a":       false,
		strings.Repeat("a.", 10_000) + "a":         false,
		strings.Repeat(`\.`, 10_000):               true,
		strings.Repeat("a", 100_000) + ".\xc3\x28": false,
	} {
		if got := Check(path) == nil; got != ok {
			t.Errorf("Check(%.40q) ok = %v, want %v", path, got, ok)
		}
	}
}

func TestJoinSplit(t *testing.T) {
	for _, segs := range [][]string{{"a"}, {"a", "b"}, {"files", "a.txt"}, {`\`, `\.`, `.\`, `..`}, {`a\b`, "ü"}} {
		path := Join(segs...)
		if err := Check(path); err != nil {
			t.Errorf("Check(Join(%q)) = %v", segs, err)
		}
		if got := Split(path); !reflect.DeepEqual(got, segs) {
			t.Errorf("Split(%q) = %q, want %q", path, got, segs)
		}
	}
	if got, want := Canonical(`a\b.c`), `a\\b.c`; got != want {
		t.Errorf("Canonical = %q, want %q", got, want)
	}
}

func TestEdit(t *testing.T) {
	for _, c := range []struct{ doc, op, path, raw, want string }{
		{`{}`, "set", "a", `1`, `{"a":1}`},
		{`{}`, "set", "a.b.c", `1`, `{"a":{"b":{"c":1}}}`},
		{`{"a":1}`, "set", "a", `"x"`, `{"a":"x"}`},
		{`{"a":1,"b":2}`, "set", "a.c", `3`, `{"a":{"c":3},"b":2}`},
		{`{"a":null}`, "set", "a.c.d", `3`, `{"a":{"c":{"d":3}}}`},
		{`{"a":{"b":1}}`, "set", "a.c", `3`, `{"a":{"b":1,"c":3}}`},
		{`{"a":{}}`, "set", "a.c", `3`, `{"a":{"c":3}}`},
		{`{"a":[1]}`, "set", "a.0", `3`, "conflict"},
		{`{"a":[{"b":1}]}`, "set", "a.0.b", `3`, "conflict"},
		{`{"a":[1]}`, "set", "a", `3`, `{"a":3}`},
		{`{"a.b":1}`, "set", `a\.b`, `2`, `{"a.b":2}`},
		{`{"a\"b":1}`, "set", `a"b`, `2`, `{"a\"b":2}`},
		{`{"x":"}\\\"{","a":1}`, "set", "a", `2`, `{"x":"}\\\"{","a":2}`},
		{`{"a":1,"b":2}`, "remove", "a", ``, `{"b":2}`},
		{`{"a":1,"b":2}`, "remove", "b", ``, `{"a":1}`},
		{`{"a":1}`, "remove", "a", ``, `{}`},
		{`{"a":{"b":{"c":1}}}`, "remove", "a.b.c", ``, `{"a":{"b":{}}}`},
		{`{"a":1}`, "remove", "a.b", ``, `{"a":1}`},
		{`{"a":[1]}`, "remove", "a.0", ``, "conflict"},
		{`{"a":[1]}`, "remove", "a.1", ``, `{"a":[1]}`},
		{`{"a":[1]}`, "remove", "a.x", ``, `{"a":[1]}`},
		{`{}`, "append", "a.b", `1`, `{"a":{"b":[1]}}`},
		{`{"a":[]}`, "append", "a", `1`, `{"a":[1]}`},
		{`{"a":[0]}`, "append", "a", `1`, `{"a":[0,1]}`},
		{`{"a":null}`, "append", "a", `1`, `{"a":[1]}`},
		{`{"a":7}`, "append", "a", `1`, "conflict"},
		{`{"a":7}`, "append", "a.b", `1`, `{"a":{"b":[1]}}`},
		{`{"a":[[1]]}`, "append", "a.0", `1`, "conflict"},
		{`{"a":[0]}`, "append", "a", `1,2`, `{"a":[0,1,2]}`},
		{`{"a":[0]}`, "append", "a", ``, `{"a":[0]}`},
		{`{}`, "append", "a", ``, `{"a":[]}`},
		{`{"a":7}`, "append", "a", ``, "conflict"},
		{`{"a":{"b":1}}`, "cover", "a.c", `3`, `{"a":{"b":1,"c":3}}`},
		{`{"a":[1]}`, "cover", "a.0", `3`, `{"a":{"0":3}}`},
		{`{"a":{"b":[[1]]}}`, "cover", "a.b.0.c", `3`, `{"a":{"b":{"0":{"c":3}}}}`},
		{`[1]`, "cover", "a", `3`, `{"a":3}`},
		{``, "cover", "a", `3`, `{"a":3}`},
	} {
		var got []byte
		var err error
		switch c.op {
		case "set":
			got, err = Set([]byte(c.doc), c.path, []byte(c.raw))
		case "append":
			got, err = Append([]byte(c.doc), c.path, []byte("["+c.raw+"]"))
		case "remove":
			got, _, err = Remove([]byte(c.doc), c.path)
		case "cover":
			got = Cover([]byte(c.doc), c.path, []byte(c.raw))
			d := NewDoc([]byte(c.doc))
			if c.doc != "" {
				d.Index()
			}
			if d.Cover(c.path, []byte(c.raw)); string(d.Text()) != c.want || d.Indexed() != (c.doc != "") {
				t.Errorf("indexed: cover %s %s on %s = %s, want %s", c.path, c.raw, c.doc, d.Text(), c.want)
			}
		}
		if err != nil {
			got = []byte("conflict")
		}
		if string(got) != c.want {
			t.Errorf("%s %s %s on %s = %s, want %s", c.op, c.path, c.raw, c.doc, got, c.want)
		}
	}
}

func TestCutList(t *testing.T) {
	for _, c := range [][3]string{
		{`[1,2]`, `[1]`, `[2]`},
		{`["a","b",[3]]`, `["a","b"]`, `[[3]]`},
		{`[12,3]`, `[1]`, ``},
		{`[1]`, `[1]`, ``},
		{`[2,1]`, `[1]`, ``},
		{`[1]`, `[]`, ``},
		{`"[1,2"`, `"[1"`, ``},
		{`[1]`, ``, ``},
		{``, `[1]`, ``},
	} {
		if got, ok := CutList([]byte(c[0]), []byte(c[1])); string(got) != c[2] || ok != (c[2] != "") {
			t.Errorf("CutList(%s, %s) = %s, %t, want %q", c[0], c[1], got, ok, c[2])
		}
	}
}

// model implements the same operations on decoded values, in the simplest way.
type model map[string]any

func (m model) lookup(segs []string) (any, bool) {
	var v any = map[string]any(m)
	for _, seg := range segs {
		switch c := v.(type) {
		case map[string]any:
			x, ok := c[seg]
			if !ok {
				return nil, false
			}
			v = x
		case []any:
			i, err := strconv.Atoi(seg)
			if err != nil || i < 0 || i >= len(c) || strconv.Itoa(i) != seg {
				return nil, false
			}
			v = c[i]
		default:
			return nil, false
		}
	}
	return v, true
}

func (m model) set(segs []string, val any) bool {
	c := map[string]any(m)
	for _, seg := range segs[:len(segs)-1] {
		switch next := c[seg].(type) {
		case map[string]any:
			c = next
		case []any:
			return false
		default:
			n := map[string]any{}
			c[seg] = n
			c = n
		}
	}
	c[segs[len(segs)-1]] = val
	return true
}

func (m model) remove(segs []string) (found, ok bool) {
	if _, found := m.lookup(segs); !found {
		return false, true
	}
	parent, _ := m.lookup(segs[:len(segs)-1])
	for i := 1; i < len(segs); i++ {
		if v, _ := m.lookup(segs[:i]); reflect.TypeOf(v).Kind() == reflect.Slice {
			return true, false
		}
	}
	delete(parent.(map[string]any), segs[len(segs)-1])
	return true, true
}

// TestModel applies random edits to the text and to decoded values, and compares them.
func TestModel(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	names := []string{"a", "b", "c.d", `e\`, `f"g`, "0", "1", "ä", "<&>", "\u2028"}
	large := `"` + strings.Repeat("x", 2*indexFrom) + `"` // so that the index of a Doc is used
	values := []string{large, `{"a":` + large + `,"b":{}}`, `[` + large + `,{"a":[1,` + large + `]}]`, `1`, `"x"`, `null`, `true`, `-1.5e3`, `[]`, `[1,"]",{"a":[2]}]`, `{}`, `{"a":{"b":"}"}}`, `{"0":[[0]]}`, `"\\"`, `"\\\""`}
	for range 300 {
		doc, m := []byte(`{}`), model{}
		indexed, plain := NewDoc(doc), NewDoc(doc)
		indexed.Index()
		for range 40 {
			segs := make([]string, 1+rnd.IntN(4))
			for i := range segs {
				segs[i] = names[rnd.IntN(len(names))]
			}
			path, raw := Join(segs...), []byte(values[rnd.IntN(len(values))])
			before := bytes.Clone(doc)
			var val any
			if err := json.Unmarshal(raw, &val); err != nil {
				t.Fatal(err)
			}
			old, had := m.lookup(segs)
			var next []byte
			var err error
			want := true
			var edit func(d *Doc, limit int) error
			switch rnd.IntN(3) {
			case 0:
				next, err = Set(doc, path, raw)
				want = m.set(segs, val)
				edit = func(d *Doc, limit int) error { return d.Set(path, raw, limit) }
			case 1:
				list, isList := old.([]any)
				elements := []byte("[" + string(raw) + "]")
				next, err = Append(doc, path, elements)
				edit = func(d *Doc, limit int) error { return d.Append(path, elements, limit) }
				if want = !had || old == nil || isList; want {
					want = m.set(segs, append(append([]any{}, list...), val))
				}
			case 2:
				var found, removed bool
				next, found, err = Remove(doc, path)
				removed, want = m.remove(segs)
				edit = func(d *Doc, _ int) error { return d.Remove(path) }
				if err == nil && found != removed {
					t.Fatalf("seed %d: Remove(%s, %q) found %v, want %v", seed, before, path, found, removed)
				}
			}
			if (err == nil) != want {
				t.Fatalf("seed %d: %q on %s: error %v, want success %v", seed, path, before, err, want)
			}
			if !bytes.Equal(doc, before) {
				t.Fatalf("seed %d: an edit changed its input", seed)
			}
			for _, d := range []*Doc{&indexed, &plain} {
				if err == nil && len(next) > len(doc) {
					if got := edit(d, len(next)-1); got != ErrTooLarge {
						t.Fatalf("seed %d: %q on %s: error %v for a document that may not grow so much", seed, path, before, got)
					}
				}
				if got := edit(d, len(next)); got != err {
					t.Fatalf("seed %d: %q on %s: error %v of a Doc, want %v", seed, path, before, got, err)
				}
			}
			if err == nil {
				doc = next
			}
			check(t, seed, doc, m, segs)
			some := Join(segs[:1+rnd.IntN(len(segs))]...) // not all, because writing the text resets much of the tree
			checkDoc(t, seed, &indexed, doc, some, rnd.IntN(4) == 0)
			checkDoc(t, seed, &plain, doc, some, true)
		}
	}
}

// TestManyMembers adds and removes so many members of one object that an index drops the places of
// those that are gone.
func TestManyMembers(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	text, indexed := NewDoc([]byte(`{}`)), NewDoc([]byte(`{}`))
	indexed.Index()
	for i := range 3000 {
		path := "o.key" + strconv.Itoa(rnd.IntN(200))
		adds := i/300%2 == rnd.IntN(10)/9 // mostly, and then mostly not
		for _, d := range []*Doc{&text, &indexed} {
			if adds {
				if err := d.Set(path, []byte(strconv.Itoa(i)), NoLimit); err != nil {
					t.Fatal(err)
				}
			} else if err := d.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if i%10 == 0 && !bytes.Equal(indexed.Text(), text.Text()) {
			t.Fatalf("after %d changes: %s\nwant %s", i, indexed.Text(), text.Text())
		}
	}
}

// checkDoc compares a Doc with the text that it should have.
func checkDoc(t *testing.T, seed uint64, d *Doc, doc []byte, path string, whole bool) {
	t.Helper()
	if whole && !bytes.Equal(d.Text(), doc) || d.Len() != len(doc) {
		t.Fatalf("seed %d: a Doc has %s, %d bytes; want %s, %d", seed, d.Text(), d.Len(), doc, len(doc))
	}
	_, err := Set(doc, path, []byte("1"))
	if got, want := d.InList(path), err != nil; got != want {
		t.Fatalf("seed %d: InList(%q) in %s = %t, want %t", seed, path, doc, got, want)
	}
	_, want := Lookup(doc, path)
	if got := d.Has(path); got != want {
		t.Fatalf("seed %d: Has(%q) in %s = %t, want %t", seed, path, doc, got, want)
	}
	if whole {
		want, _ := Lookup(doc, path)
		if got, _ := d.Lookup(path); !bytes.Equal(got, want) {
			t.Fatalf("seed %d: Lookup(%q) in %s = %s, want %s", seed, path, doc, got, want)
		}
	}
}

func check(t *testing.T, seed uint64, doc []byte, m model, segs []string) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatalf("seed %d: %s: %v", seed, doc, err)
	}
	if !reflect.DeepEqual(got, map[string]any(m)) {
		t.Fatalf("seed %d: text %s, model %v", seed, doc, m)
	}
	raw, ok := Lookup(doc, Join(segs...))
	want, has := m.lookup(segs)
	if ok != has {
		t.Fatalf("seed %d: Lookup(%s, %q) ok = %v, want %v", seed, doc, segs, ok, has)
	}
	var v any
	if ok && (json.Unmarshal(raw, &v) != nil || !reflect.DeepEqual(v, want)) {
		t.Fatalf("seed %d: Lookup(%s, %q) = %s, want %v", seed, doc, segs, raw, want)
	}
	n := 0
	for k, raw := range Members(doc) {
		var v any
		if json.Unmarshal(raw, &v) != nil || !reflect.DeepEqual(v, m[k]) {
			t.Fatalf("seed %d: member %q of %s = %s, want %v", seed, k, doc, raw, m[k])
		}
		n++
	}
	if n != len(m) {
		t.Fatalf("seed %d: %d members of %s, want %d", seed, n, doc, len(m))
	}
}

// TestSkipString compares skipString with a scan byte by byte, for strings of many lengths,
// terminated or not.
func TestSkipString(t *testing.T) {
	scan := func(b []byte) int {
		for i := 1; i < len(b); i++ {
			switch b[i] {
			case '"':
				return i + 1
			case '\\':
				i++
			}
		}
		return -1
	}
	const bytes = "a\"\\#!]\xa2\xdc\x01" // the quote, the backslash, and bytes that differ from them by one or in the highest bit
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		b := []byte{'"'}
		for range r.IntN(90) {
			c := byte('x')
			if r.IntN(20) == 0 {
				c = bytes[r.IntN(len(bytes))]
			}
			b = append(b, c)
		}
		b = append(b, `"`[:r.IntN(2)]...)
		if got, want := skipString(b, 0), scan(b); got != want {
			t.Fatalf("skipString(%q) = %d, want %d", b, got, want)
		}
	}
}

// FuzzNoPanic checks that no function panics for text that is not JSON, and that valid edits
// can be read back.
func FuzzNoPanic(f *testing.F) {
	for _, doc := range []string{`{}`, `{"a":1}`, `{"a"`, `{"a":`, `[`, `{"a":[1,`, `"`, `{"\`, `{,}`, `{"a":}`, ``, `}`, `{"a":1}}`, `{"a":{}`, `{"a":{"0":{}`} {
		f.Add([]byte(doc), "a.0", []byte(`1`))
		f.Add([]byte(doc), "a", []byte(`{`))
	}
	f.Fuzz(func(t *testing.T, doc []byte, path string, raw []byte) {
		if Check(path) != nil {
			return
		}
		if got := Join(Split(path)...); got != Canonical(path) || Check(got) != nil {
			t.Fatalf("Canonical(%q) = %q, Join(Split) = %q", path, Canonical(path), got)
		}
		Lookup(doc, path)
		for range Members(doc) {
		}
		Set(doc, path, raw)
		Append(doc, path, raw)
		Remove(doc, path)
		Cover(doc, path, raw)
		CutList(doc, raw)
		pad := []byte(`{"pad":"` + strings.Repeat("x", indexFrom) + `","a":`)
		for _, text := range [][]byte{doc, slices.Concat(pad, doc, []byte(`}`)), slices.Concat(pad, []byte(`[`), doc, pad, doc, []byte(`}]}`))} {
			d := NewDoc(text)
			d.Index()
			d.InList(path)
			d.Lookup("a.0." + path)
			if len(raw) > 0 {
				d.Append(path, raw, NoLimit)
				d.Set("a."+path, raw, NoLimit)
			}
			d.Remove(path)
			if d.Len() != len(d.Text()) {
				t.Fatalf("Len = %d of %s", d.Len(), d.Text())
			}
		}
		if !json.Valid(raw) {
			return
		}
		var c bytes.Buffer
		if json.Compact(&c, raw) != nil {
			return
		}
		got, err := Set([]byte(`{"x":1}`), path, c.Bytes())
		if err != nil || !json.Valid(got) {
			t.Fatalf("Set(%q, %s) = %s, %v", path, &c, got, err)
		}
		if back, ok := Lookup(got, path); !ok || !bytes.Equal(back, c.Bytes()) {
			t.Fatalf("Lookup after Set(%q, %s) = %s, %v", path, &c, back, ok)
		}
	})
}
