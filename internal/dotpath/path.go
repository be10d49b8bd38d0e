// Package dotpath reads and changes a single value of a JSON text by its dotted path,
// without decoding the rest.
//
// The functions work on compact JSON objects, as encoding/json writes them. They never
// change their arguments, and results share no memory that anyone writes to. For any other
// text, the result is defined but useless, and no function panics.
package dotpath

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxDepth is the maximum number of segments of a path. It limits the depth of the objects
// that a path can create, to far less than the 10,000 levels that encoding/json accepts.
const MaxDepth = 64

// ErrInvalid is the error that [Check] returns for an invalid path.
var ErrInvalid = errors.New("invalid path")

// Check returns nil if a path is valid: it consists of at most [MaxDepth] segments that are
// separated by dots, no segment is empty, and it is valid UTF-8. In a segment, `\.` stands
// for a dot and `\\` for a backslash; any other backslash stands for itself. The other
// functions of this package require valid paths.
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

// Join returns the path with the given segments, and escapes their dots and backslashes.
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

// Split returns the unescaped segments of a valid path.
func Split(path string) []string {
	var segs []string
	for rest, more := path, true; more; {
		var seg string
		seg, rest, more = cut(rest)
		segs = append(segs, seg)
	}
	return segs
}

// Canonical returns the spelling of a valid path that [Join] returns. The canonical forms
// of two paths to the same value are equal strings.
func Canonical(path string) string {
	if strings.IndexByte(path, '\\') < 0 {
		return path
	}
	return Join(Split(path)...)
}

// Within reports whether the canonical path p equals q or is below it.
func Within(p, q string) bool {
	return len(p) >= len(q) && p[:len(q)] == q && (len(p) == len(q) || p[len(q)] == '.')
}

// cut splits off the first segment. It allocates only if the segment has an escape.
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

// index parses a segment as an index into a list: decimal digits without a leading
// zero.
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
