// Package represent compares formats for the values of a session: the candidates for this
// library, and the formats of other libraries.
package represent

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
)

// A pair is a key with its value, a string or an int.
type pair struct {
	key   string
	value any
}

// A codec implements a representation.
type codec struct {
	name string
	make func([]pair) ([]byte, error)
	open func([]byte) (document, error)
}

// A document is a loaded session.
type document interface {
	text(key string) (string, error)
	number(key string) (int, error)
	setNumber(key string, n int) error
	encode() ([]byte, error)
}

// codecs lists the representations. The first is the one of this library.
var codecs = []codec{
	{"JSON text, scanned", makeJSON, openScanned},
	{"JSON text, indexed at load", makeJSON, openIndexed},
	{"lengths and JSON values", makeLengths, openLengths},
	{"JSON map (encoding/json)", makeJSON, openJSONMap},
	{"CBOR map (fxamacker/cbor)", makeCBOR, openCBOR},
	{"MessagePack map (vmihailenco/msgpack)", makeMsgpack, openMsgpack},
	{"gob map (encoding/gob, as scs)", makeGob, openGob},
}

// A sample is a session. The keys that are read and set are at its end, the worst case for
// formats that are scanned.
type sample struct {
	name  string
	pairs []pair
}

func samples() []sample {
	usual := sample{name: "10 keys, 476 bytes"}
	for k, v := range bench.Usual {
		usual.pairs = append(usual.pairs, pair{k, v})
	}
	many := sample{name: "200 keys of 50 bytes"}
	for i := range 198 {
		many.pairs = append(many.pairs, pair{fmt.Sprintf("key%04d", i), strings.Repeat("v", 50)})
	}
	large := sample{name: "one key of 50 kB"}
	large.pairs = append(large.pairs, pair{"large", strings.Repeat("v", 50_000)})
	for _, s := range []*sample{&many, &large} {
		s.pairs = append(s.pairs, pair{"notice", "Your order was received."}, pair{"visits", 41})
	}
	return []sample{usual, many, large}
}

// ten returns ten keys, spread over the session.
func (s sample) ten() []string {
	var keys []string
	for _, p := range s.pairs {
		if v, ok := p.value.(string); ok && len(v) < 1000 {
			keys = append(keys, p.key)
		}
	}
	ten := make([]string, 10)
	for i := range ten {
		ten[i] = keys[i*len(keys)/10]
	}
	return ten
}

// Measure measures each representation of each session. In each pass, the representations
// run one after the other.
func Measure(passes int, during time.Duration, progress io.Writer) (all []bench.Representation, err error) {
	for _, s := range samples() {
		fmt.Fprintf(progress, "representations, %s…\n", s.name)
		row := make([]bench.Representation, len(codecs))
		for i, c := range codecs {
			stored, err := c.make(s.pairs)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			row[i] = bench.Representation{Name: c.name, Session: s.name, Bytes: len(stored)}
		}
		for _, op := range []struct {
			cost func(*bench.Representation) *bench.RepresentationCost
			do   operation
		}{
			{func(r *bench.Representation) *bench.RepresentationCost { return &r.ReadOne }, readOne},
			{func(r *bench.Representation) *bench.RepresentationCost { return &r.ReadTen }, readTen},
			{func(r *bench.Representation) *bench.RepresentationCost { return &r.Write }, write},
		} {
			nanos := make([][]float64, len(codecs))
			for range passes {
				for i, c := range codecs {
					n, allocs, err := measure(c, s, during, op.do)
					if err != nil {
						return nil, fmt.Errorf("%s, %s: %w", s.name, c.name, err)
					}
					nanos[i] = append(nanos[i], n)
					cost := op.cost(&row[i])
					cost.Allocs = allocs
					cost.Ratios = append(cost.Ratios, n/nanos[0][len(nanos[0])-1])
				}
			}
			for i := range codecs {
				slices.Sort(nanos[i])
				op.cost(&row[i]).Nanos = nanos[i][len(nanos[i])/2]
			}
		}
		all = append(all, row...)
	}
	return all, nil
}

func measure(c codec, s sample, during time.Duration, do operation) (nanos, allocs float64, err error) {
	stored, err := c.make(s.pairs)
	if err != nil {
		return 0, 0, err
	}
	keys := s.ten()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, began := 0, time.Now()
	for time.Since(began) < during {
		for range 10 {
			if err := do(c, stored, keys); err != nil {
				return 0, 0, err
			}
		}
		n += 10
	}
	nanos = float64(time.Since(began).Nanoseconds()) / float64(n)
	runtime.ReadMemStats(&after)
	return nanos, float64(after.Mallocs-before.Mallocs) / float64(n), nil
}

func readOne(c codec, stored []byte, _ []string) error {
	d, err := c.open(stored)
	if err != nil {
		return err
	}
	_, err = d.text("notice")
	return err
}

func readTen(c codec, stored []byte, keys []string) error {
	d, err := c.open(stored)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if _, err := d.text(key); err != nil {
			return err
		}
	}
	return nil
}

func write(c codec, stored []byte, _ []string) error {
	d, err := c.open(stored)
	if err != nil {
		return err
	}
	if _, err := d.text("notice"); err != nil {
		return err
	}
	n, err := d.number("visits")
	if err != nil {
		return err
	}
	if err := d.setNumber("visits", n+1); err != nil {
		return err
	}
	_, err = d.encode()
	return err
}

// An operation loads a stored session and works on it. Only readTen uses the keys.
type operation func(c codec, stored []byte, keys []string) error
