// Package dotpath reads and changes one value of a JSON text by its dotted path,
// without decoding the rest.
//
// The functions work on compact JSON objects, as encoding/json writes them, and
// never change the bytes they are given: a result shares nothing with a later
// one that could be written to. Text that is not such JSON gives a defined but
// useless answer, and never a panic.
package dotpath

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxDepth is the largest number of segments of a path. It bounds the depth of
// what a path can build, far below the 10,000 levels that encoding/json reads.
const MaxDepth = 64

// ErrInvalid is the error of a path that Check refuses.
var ErrInvalid = errors.New("invalid path")

// Check says whether a path is one: segments separated by dots, none of them
// empty, at most MaxDepth, valid UTF-8. In a segment `\.` is a dot and `\\` a
// backslash; any other backslash stands for itself.
func Check(path string) error {
	segs, empty := 1, true
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '.':
			if empty {
				return ErrInvalid
			}
			segs, empty = segs+1, true
			continue
		case '\\':
			if i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '\\') {
				i++
			}
		}
		empty = false
	}
	if empty || segs > MaxDepth || !utf8.ValidString(path) {
		return ErrInvalid
	}
	return nil
}

// Join makes a path of segments, escaping their dots and backslashes.
func Join(segments ...string) string {
	if len(segments) == 1 && !strings.ContainsAny(segments[0], `.\`) {
		return segments[0]
	}
	var b strings.Builder
	for i, seg := range segments {
		if i > 0 {
			b.WriteByte('.')
		}
		for j := 0; j < len(seg); j++ {
			if seg[j] == '.' || seg[j] == '\\' {
				b.WriteByte('\\')
			}
			b.WriteByte(seg[j])
		}
	}
	return b.String()
}

// Split returns the segments of a checked path, unescaped.
func Split(path string) []string {
	var segs []string
	for rest, more := path, true; more; {
		var seg string
		seg, rest, more = cut(rest)
		segs = append(segs, seg)
	}
	return segs
}

// Canonical returns the one spelling of a checked path that Join gives, by which
// two paths to the same place are equal strings.
func Canonical(path string) string {
	if strings.IndexByte(path, '\\') < 0 {
		return path
	}
	return Join(Split(path)...)
}

// Within reports whether the canonical path p is q or lies below it.
func Within(p, q string) bool {
	return len(p) >= len(q) && p[:len(q)] == q && (len(p) == len(q) || p[len(q)] == '.')
}

// cut splits off the first segment. It allocates only for one with an escape.
func cut(path string) (seg, rest string, more bool) {
	for i := 0; i < len(path); i++ {
		switch path[i] {
		case '.':
			return path[:i], path[i+1:], true
		case '\\':
			return cutEscaped(path, i)
		}
	}
	return path, "", false
}

func cutEscaped(path string, i int) (seg, rest string, more bool) {
	b := append(make([]byte, 0, len(path)), path[:i]...)
	for ; i < len(path); i++ {
		c := path[i]
		if c == '.' {
			return string(b), path[i+1:], true
		}
		if c == '\\' && i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '\\') {
			i++
			c = path[i]
		}
		b = append(b, c)
	}
	return string(b), "", false
}

// index returns the position in a list that a segment names: decimal digits
// without a leading zero.
func index(seg string) (int, bool) {
	if len(seg) == 0 || len(seg) > 9 || (seg[0] == '0' && len(seg) > 1) {
		return 0, false
	}
	n := 0
	for i := 0; i < len(seg); i++ {
		if seg[i] < '0' || seg[i] > '9' {
			return 0, false
		}
		n = n*10 + int(seg[i]-'0')
	}
	return n, true
}
