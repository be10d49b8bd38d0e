package dotpath

import (
	"bytes"
	"encoding/json"
	"slices"
)

// jsonDepth is the depth that encoding/json reads.
const jsonDepth = 10_000

// Inspect returns how deep a JSON text nests, and whether an object in it has a name twice. It
// stops where encoding/json stops reading.
func Inspect(text []byte) (depth int, twice bool) {
	var room [32][]byte
	names := room[:0] // of the objects that are open
	var objects []int // where the names of each open object begin, -1 for a list
	for i := 0; i < len(text); {
		switch text[i] {
		case '{':
			objects = append(objects, len(names))
		case '[':
			objects = append(objects, -1)
		case '}', ']':
			if len(objects) == 0 {
				return depth, twice
			}
			if from := objects[len(objects)-1]; from >= 0 {
				twice = twice || repeats(names[from:])
				names = names[:from]
			}
			objects = objects[:len(objects)-1]
		case '"':
			end := skipString(text, i)
			if end < 0 {
				return depth, twice
			}
			if end < len(text) && text[end] == ':' && len(objects) > 0 && objects[len(objects)-1] >= 0 {
				names = append(names, nameOf(text[i:end]))
			}
			i = end
			continue
		}
		i++
		if depth = max(depth, len(objects)); depth > jsonDepth {
			return depth, twice
		}
	}
	return depth, twice
}

// nameOf returns what a quoted name stands for.
func nameOf(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	return []byte(unquote(quoted))
}

// repeats reports whether two names are equal. It changes their order.
func repeats(names [][]byte) bool {
	if len(names) > 16 {
		slices.SortFunc(names, bytes.Compare)
		for i := 1; i < len(names); i++ {
			if bytes.Equal(names[i-1], names[i]) {
				return true
			}
		}
		return false
	}
	for i, name := range names {
		for _, other := range names[:i] {
			if bytes.Equal(name, other) {
				return true
			}
		}
	}
	return false
}

// Unique returns a text in which no object has a name twice: of the values of one name, it keeps
// the first, which is the one that the other functions of this package see. encoding/json would
// take the last. Text that encoding/json does not read stays as it is.
func Unique(text []byte) []byte {
	if bytes.IndexByte(text, '{') < 0 {
		return text
	}
	if depth, twice := Inspect(text); !twice || depth > jsonDepth || !json.Valid(text) {
		return text
	}
	return appendUnique(make([]byte, 0, len(text)), text)
}

// appendUnique appends valid JSON text to b, without the repeated names.
func appendUnique(b, text []byte) []byte {
	first := true
	comma := func() {
		if !first {
			b = append(b, ',')
		}
		first = false
	}
	switch text[0] {
	case '{':
		b = append(b, '{')
		seen := map[string]bool{}
		for name, value := range Members(text) {
			if !seen[name] {
				seen[name] = true
				comma()
				b = appendUnique(append(AppendString(b, name), ':'), value)
			}
		}
		return append(b, '}')
	case '[':
		b = append(b, '[')
		for i := 1; i < len(text) && text[i] != ']'; {
			end := skipValue(text, i)
			if end < 0 {
				break
			}
			comma()
			b = appendUnique(b, text[i:end])
			if i = end; i < len(text) && text[i] == ',' {
				i++
			}
		}
		return append(b, ']')
	}
	return append(b, text...)
}
