package represent

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/expanse-go/session/internal/dotpath"
)

var errAbsent = errors.New("no such key")

func makeJSON(pairs []pair) ([]byte, error) {
	doc := []byte{'{'}
	for i, p := range pairs {
		if i > 0 {
			doc = append(doc, ',')
		}
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		doc = append(dotpath.AppendString(doc, p.key), ':')
		doc = append(doc, value...)
	}
	return append(doc, '}'), nil
}

// text decodes a JSON string in the same way as the library.
func text(raw []byte) (s string, err error) {
	if n := len(raw); n >= 2 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : n-1]), nil
	}
	err = json.Unmarshal(raw, &s)
	return s, err
}

// Scanned is the representation of this library. It does nothing at load and scans the text
// for each key.
type scanned struct{ doc []byte }

func openScanned(stored []byte) (document, error) { return &scanned{stored}, nil }

func (d *scanned) text(key string) (string, error) {
	raw, ok := dotpath.Lookup(d.doc, key)
	if !ok {
		return "", errAbsent
	}
	return text(raw)
}

func (d *scanned) number(key string) (int, error) {
	raw, ok := dotpath.Lookup(d.doc, key)
	if !ok {
		return 0, errAbsent
	}
	return strconv.Atoi(string(raw))
}

func (d *scanned) setNumber(key string, n int) (err error) {
	d.doc, err = dotpath.Set(d.doc, key, strconv.AppendInt(nil, int64(n), 10))
	return err
}

func (d *scanned) encode() ([]byte, error) { return d.doc, nil }

// Indexed builds an index of the values at load. With as few keys as in a session, a list is
// faster to build and to search than a map.
type indexed struct {
	scanned
	entries []entry
}

type entry struct {
	key string
	raw []byte
}

func openIndexed(stored []byte) (document, error) {
	d := &indexed{scanned: scanned{stored}, entries: make([]entry, 0, 16)}
	d.index()
	return d, nil
}

func (d *indexed) index() {
	d.entries = d.entries[:0]
	for key, raw := range dotpath.Members(d.doc) {
		d.entries = append(d.entries, entry{key, raw})
	}
}

func (d *indexed) find(key string) ([]byte, error) {
	for i := range d.entries {
		if d.entries[i].key == key {
			return d.entries[i].raw, nil
		}
	}
	return nil, errAbsent
}

func (d *indexed) text(key string) (string, error) {
	raw, err := d.find(key)
	if err != nil {
		return "", err
	}
	return text(raw)
}

func (d *indexed) number(key string) (int, error) {
	raw, err := d.find(key)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(raw))
}

// setNumber drops the index. It is not rebuilt, because no operation reads afterwards.
func (d *indexed) setNumber(key string, n int) error {
	d.entries = d.entries[:0]
	return d.scanned.setNumber(key, n)
}

// Lengths stores, for each key: its length, the length of its value, the key, and the value
// as JSON text. A search jumps from key to key.
type lengths struct{ doc []byte }

func makeLengths(pairs []pair) (doc []byte, err error) {
	for _, p := range pairs {
		value, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		doc = appendLengths(doc, p.key, value)
	}
	return doc, nil
}

func appendLengths(doc []byte, key string, value []byte) []byte {
	doc = binary.AppendUvarint(doc, uint64(len(key)))
	doc = binary.AppendUvarint(doc, uint64(len(value)))
	return append(append(doc, key...), value...)
}

func openLengths(stored []byte) (document, error) { return &lengths{stored}, nil }

// find returns the offsets of an entry, of its value and of the entry's end.
func (d *lengths) find(key string) (from, value, to int, err error) {
	for from < len(d.doc) {
		k, n := binary.Uvarint(d.doc[from:])
		if n <= 0 {
			return 0, 0, 0, errAbsent
		}
		v, m := binary.Uvarint(d.doc[from+n:])
		at := from + n + m
		value, to = at+int(k), at+int(k)+int(v)
		if m <= 0 || to > len(d.doc) {
			return 0, 0, 0, errAbsent
		}
		if string(d.doc[at:value]) == key {
			return from, value, to, nil
		}
		from = to
	}
	return 0, 0, 0, errAbsent
}

func (d *lengths) text(key string) (string, error) {
	_, value, to, err := d.find(key)
	if err != nil {
		return "", err
	}
	return text(d.doc[value:to])
}

func (d *lengths) number(key string) (int, error) {
	_, value, to, err := d.find(key)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(d.doc[value:to]))
}

func (d *lengths) setNumber(key string, n int) error {
	from, _, to, err := d.find(key)
	if err != nil {
		return err
	}
	changed := make([]byte, 0, len(d.doc)+8)
	changed = append(changed, d.doc[:from]...)
	changed = appendLengths(changed, key, strconv.AppendInt(nil, int64(n), 10))
	d.doc = append(changed, d.doc[to:]...)
	return nil
}

func (d *lengths) encode() ([]byte, error) { return d.doc, nil }
