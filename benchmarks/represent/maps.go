package represent

import (
	"bytes"
	"encoding/gob" //nolint:depguard // the format of other libraries, for comparison
	"encoding/json"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"
)

// Raws is a map whose values are decoded on access, the fastest that these codecs offer.
type raws[R ~[]byte] struct {
	values    map[string]R
	marshal   func(any) ([]byte, error)
	unmarshal func([]byte, any) error
}

func openRaws[R ~[]byte](stored []byte, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) (document, error) {
	d := &raws[R]{marshal: marshal, unmarshal: unmarshal}
	err := unmarshal(stored, &d.values)
	return d, err
}

func (d *raws[R]) text(key string) (s string, err error) {
	raw, ok := d.values[key]
	if !ok {
		return "", errAbsent
	}
	err = d.unmarshal(raw, &s)
	return s, err
}

func (d *raws[R]) number(key string) (n int, err error) {
	raw, ok := d.values[key]
	if !ok {
		return 0, errAbsent
	}
	err = d.unmarshal(raw, &n)
	return n, err
}

func (d *raws[R]) setNumber(key string, n int) error {
	raw, err := d.marshal(n)
	d.values[key] = raw
	return err
}

func (d *raws[R]) encode() ([]byte, error) { return d.marshal(d.values) }

func openJSONMap(stored []byte) (document, error) {
	return openRaws[json.RawMessage](stored, json.Marshal, json.Unmarshal)
}

func makeCBOR(pairs []pair) ([]byte, error) { return cbor.Marshal(values(pairs)) }

func openCBOR(stored []byte) (document, error) {
	return openRaws[cbor.RawMessage](stored, cbor.Marshal, cbor.Unmarshal)
}

func makeMsgpack(pairs []pair) ([]byte, error) { return msgpack.Marshal(values(pairs)) }

func openMsgpack(stored []byte) (document, error) {
	return openRaws[msgpack.RawMessage](stored, msgpack.Marshal, msgpack.Unmarshal)
}

func values(pairs []pair) map[string]any {
	m := make(map[string]any, len(pairs))
	for _, p := range pairs {
		m[p.key] = p.value
	}
	return m
}

// A gobMap is the format of scs and gorilla. All values are decoded at load.
type gobMap map[string]any

func makeGob(pairs []pair) ([]byte, error) { return gobMap(values(pairs)).encode() }

func openGob(stored []byte) (document, error) {
	var d gobMap
	err := gob.NewDecoder(bytes.NewReader(stored)).Decode(&d)
	return d, err
}

func (d gobMap) text(key string) (string, error) {
	s, ok := d[key].(string)
	if !ok {
		return "", errAbsent
	}
	return s, nil
}

func (d gobMap) number(key string) (int, error) {
	n, ok := d[key].(int)
	if !ok {
		return 0, errAbsent
	}
	return n, nil
}

func (d gobMap) setNumber(key string, n int) error {
	d[key] = n
	return nil
}

func (d gobMap) encode() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(d)
	return b.Bytes(), err
}
