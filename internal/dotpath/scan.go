package dotpath

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"iter"
	"math/bits"
)

// Lookup returns the JSON text of the value at a valid path. The result is part of doc.
func Lookup(doc []byte, path string) (raw []byte, ok bool) {
	for more := true; more; {
		var seg string
		seg, path, more = cut(path)
		start, end := 0, -1
		if len(doc) > 0 {
			switch doc[0] {
			case '{':
				_, start, end = member(doc, seg)
			case '[':
				start, end = element(doc, seg)
			}
		}
		if end < 0 {
			return nil, false
		}
		doc = doc[start:end]
	}
	return doc, true
}

// Members yields the keys and values of an object. It yields nothing for other text.
func Members(doc []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		if len(doc) == 0 || doc[0] != '{' {
			return
		}
		for i := 1; i < len(doc) && doc[i] == '"'; {
			k := skipString(doc, i)
			if k < 0 || k >= len(doc) || doc[k] != ':' {
				return
			}
			v := skipValue(doc, k+1)
			if v < 0 || !yield(unquote(doc[i:k]), doc[k+1:v]) {
				return
			}
			i = v
			if i < len(doc) && doc[i] == ',' {
				i++
			}
		}
	}
}

// member finds a member by its key. The quoted key begins at doc[at], and the value is
// doc[start:end]. If there is no such member, end is negative.
//
// It scans most of the document at every access. To save time, it looks for escapes only in
// keys that are longer than key, because an escape is longer than what it stands for.
func member(doc []byte, key string) (at, start, end int) {
	for i := 1; i < len(doc) && doc[i] == '"'; {
		k := skipString(doc, i)
		if k < 0 || k >= len(doc) || doc[k] != ':' {
			break
		}
		v := skipValue(doc, k+1)
		if v < 0 {
			break
		}
		if isKey(doc[i:k], key) {
			return i, k + 1, v
		}
		i = v
		if i < len(doc) && doc[i] == ',' {
			i++
		}
	}
	return 0, 0, -1
}

// element finds the element of a list at an index. It is doc[start:end]. If there is no such
// element, end is negative.
func element(doc []byte, seg string) (start, end int) {
	n, ok := index(seg)
	if !ok {
		return 0, -1
	}
	for i := 1; i < len(doc) && doc[i] != ']'; n-- {
		v := skipValue(doc, i)
		if v < 0 {
			break
		}
		if n == 0 {
			return i, v
		}
		i = v
		if i < len(doc) && doc[i] == ',' {
			i++
		}
	}
	return 0, -1
}

// isKey reports whether a quoted key stands for key.
func isKey(quoted []byte, key string) bool {
	in := quoted[1 : len(quoted)-1]
	if len(in) <= len(key) {
		return string(in) == key && bytes.IndexByte(in, '\\') < 0
	}
	return bytes.IndexByte(in, '\\') >= 0 && unquote(quoted) == key
}

func unquote(quoted []byte) string {
	in := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return string(in)
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return string(in)
	}
	return s
}

// skipString returns the position after the string that begins at i, or -1.
//
// Most strings are short and have no escapes. For these, checking eight bytes at a time is
// faster than a call of IndexByte. After the exclusive or, a quote is a zero byte. In the
// following expression, only zero bytes, and possibly the bytes above them, have their
// highest bit set.
func skipString(b []byte, i int) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	i++
	for short := min(i+64, len(b)-7); i < short; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ low*'"'
		if x = (x - low) &^ x & high; x != 0 {
			i += bits.TrailingZeros64(x) / 8
			if b[i-1] != '\\' {
				return i + 1
			}
			break
		}
	}
	for ; i < len(b); i++ {
		j := bytes.IndexByte(b[i:], '"')
		if j < 0 {
			return -1
		}
		i += j
		// The quote ends the string unless an odd number of backslashes precedes it.
		n := 0
		for b[i-1-n] == '\\' {
			n++
		}
		if n%2 == 0 {
			return i + 1
		}
	}
	return -1
}

// skipValue returns the position after the value that begins at i, or -1. It counts
// brackets instead of recursing, so that deep nesting needs no stack.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':':
			if depth == 0 {
				return -1
			}
			i++
			continue
		default: // a number, true, false or null
			for i++; i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']'; i++ {
			}
		}
		if depth == 0 {
			return i
		}
		if depth < 0 {
			return -1
		}
	}
	return -1
}
