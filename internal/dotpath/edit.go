package dotpath

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// ErrConflict is the error of a write to a path that leads into a list, and of an Append
// to a value that is not a list.
var ErrConflict = errors.New("path conflict")

// Set returns doc with the value at a valid path replaced by raw. It creates missing
// objects on the path, and replaces scalars on the path by objects. If there is a list on
// the path, it returns [ErrConflict].
func Set(doc []byte, path string, raw []byte) ([]byte, error) {
	p, err := locate(doc, path, false)
	if err != nil {
		return nil, err
	}
	return p.put(doc, raw), nil
}

// Cover is [Set] that replaces lists on the path as well. An empty doc counts as an empty object.
func Cover(doc []byte, path string, raw []byte) []byte {
	if len(doc) == 0 {
		doc = []byte("{}")
	}
	p, err := locate(doc, path, true)
	if err != nil { // not JSON
		return doc
	}
	return p.put(doc, raw)
}

// Append returns doc with the elements of a list appended to the list at a valid path. It creates
// a missing list, and treats null as an empty list. For any other value it returns [ErrConflict].
func Append(doc []byte, path string, list []byte) ([]byte, error) {
	if old, ok := Lookup(doc, path); ok {
		var err error
		if list, err = join(old, list); err != nil {
			return nil, err
		}
	}
	return Set(doc, path, list)
}

// join returns the list of the elements of two lists; old may be null.
func join(old, list []byte) ([]byte, error) {
	switch {
	case string(old) == "null":
		return list, nil
	case len(old) < 2 || old[0] != '[' || old[len(old)-1] != ']' || len(list) < 2:
		return nil, ErrConflict
	case len(list) == 2:
		return old, nil
	case len(old) == 2:
		return list, nil
	}
	b := append(make([]byte, 0, len(old)+len(list)-1), old[:len(old)-1]...)
	return append(append(b, ','), list[1:]...), nil
}

// CutList returns the list without the elements of another one that it begins with. It reports false
// if list is nothing but that, or begins with something else.
func CutList(list, begin []byte) (rest []byte, ok bool) {
	n := len(begin) - 1
	if n < 1 || begin[0] != '[' || len(list) <= n || list[n] != ',' || !bytes.HasPrefix(list, begin[:n]) {
		return nil, false
	}
	return append([]byte{'['}, list[n+1:]...), true
}

// Remove returns doc without the value at a valid path, and whether there was a value. If
// the value is inside a list, it returns [ErrConflict].
func Remove(doc []byte, path string) (_ []byte, removed bool, err error) {
	for { // an object may have the name twice, if it was written elsewhere
		if _, ok := Lookup(doc, path); !ok {
			return doc, removed, nil
		}
		p, err := locate(doc, path, false)
		if err != nil {
			return nil, false, err
		}
		from, to := p.key, p.to
		switch {
		case doc[to] == ',':
			to++
		case doc[from-1] == ',':
			from--
		}
		doc, removed = splice(doc, from, to, nil), true
	}
}

// A position is where the value of a path is or belongs. If the value exists, it is
// doc[from:to], and its quoted key begins at doc[key]. Otherwise missing is the part of the
// path that has to be created: in place of the scalar doc[from:to], or, if from == to,
// before the closing brace of an object.
type position struct {
	key, from, to int
	missing       string
}

// locate returns the position of a valid path. If lists is true, a list on the path is to be
// replaced like a scalar.
func locate(doc []byte, path string, lists bool) (position, error) {
	p := position{to: len(doc)}
	for {
		if p.from >= p.to || doc[p.from] == '[' && !lists {
			return p, ErrConflict
		}
		p.missing = path
		if doc[p.from] != '{' {
			return p, nil
		}
		if p.to-p.from < 2 || doc[p.to-1] != '}' {
			return p, ErrConflict // not JSON
		}
		seg, next, more := cut(path)
		at, start, end := member(doc[p.from:p.to], seg)
		if end < 0 {
			p.from, p.to = p.to-1, p.to-1
			return p, nil
		}
		if end == p.to-p.from {
			return p, ErrConflict // not JSON: there is no closing brace
		}
		p.key, p.from, p.to = p.from+at, p.from+start, p.from+end
		if !more {
			p.missing = ""
			return p, nil
		}
		path = next
	}
}

// put returns doc with raw at the position.
func (p position) put(doc, raw []byte) []byte {
	if p.missing != "" {
		raw = p.nest(doc, raw)
	}
	return splice(doc, p.from, p.to, raw)
}

// nest wraps raw in the missing part of the path. The result is another member of an
// object, or a new object that replaces a scalar.
func (p position) nest(doc, raw []byte) []byte {
	b := make([]byte, 0, len(p.missing)+len(raw)+16)
	braces := 0
	if p.from == p.to {
		if doc[p.from-1] != '{' {
			b = append(b, ',')
		}
	} else {
		b = append(b, '{')
		braces++
	}
	for path, more := p.missing, true; more; {
		var seg string
		seg, path, more = cut(path)
		b = append(AppendString(b, seg), ':')
		if more {
			b = append(b, '{')
			braces++
		}
	}
	b = append(b, raw...)
	for ; braces > 0; braces-- {
		b = append(b, '}')
	}
	return b
}

func splice(doc []byte, from, to int, mid []byte) []byte {
	b := make([]byte, 0, len(doc)-(to-from)+len(mid))
	b = append(b, doc[:from]...)
	b = append(b, mid...)
	return append(b, doc[to:]...)
}

// AppendString appends s as a JSON string. It replaces invalid UTF-8 by U+FFFD, so callers
// that must not lose bytes have to check s first.
func AppendString(b []byte, s string) []byte {
	ascii := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' {
			return appendQuoted(b, s)
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(s) {
		return appendQuoted(b, s)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendQuoted(b []byte, s string) []byte {
	q, _ := json.Marshal(s) // cannot fail for a string
	return append(b, q...)
}
