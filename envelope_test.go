package session

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"testing"
	"time"
)

func fullEnvelope() envelope {
	e := envelope{
		prev:      []previous{{kind: periodic, deadline: 41}, {kind: privilege, deadline: 42}},
		rotatedAt: 1, authAt: 2, idle: time.Hour, absolute: -1, persist: persistent, keptUntil: 3,
		flash:      []flashMark{{"status", 7}, {"a.b", 8}},
		retired:    []byte("token 1.token 2."),
		app:        []byte("shop"),
		extensions: []byte{200, 3, 'x', 'y', 'z', 201, 0},
	}
	for i := range e.digest {
		e.digest[i], e.prev[1].digest[i] = byte(i), byte(255-i)
	}
	for id := range uint64(20) {
		e.encode(emptyDoc, id+1)
	}
	return e
}

func TestEnvelopeRoundTrip(t *testing.T) {
	for name, e := range map[string]envelope{"full": fullEnvelope(), "least": {digest: digest{1}}} {
		doc := []byte(`{"a":1}`)
		b := e.encode(doc, 0)
		got, gotDoc, err := decodeEnvelope(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(e.ring) == 0 {
			got.ring, e.ring = nil, nil
		}
		if !reflect.DeepEqual(got, e) || !bytes.Equal(gotDoc, doc) {
			t.Errorf("%s: got %+v %s, want %+v %s", name, got, gotDoc, e, doc)
		}
	}
}

// TestEnvelopeKeepsUnknownFields: unknown fields survive, so that an older version of
// the program can run beside a newer one on the same store.
func TestEnvelopeKeepsUnknownFields(t *testing.T) {
	e := fullEnvelope()
	got, doc, err := decodeEnvelope(e.encode(emptyDoc, 0))
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := decodeEnvelope(got.encode(doc, 99))
	if err != nil || !bytes.Equal(again.extensions, e.extensions) {
		t.Errorf("extensions = %v, %v, want %v", again.extensions, err, e.extensions)
	}
}

func TestRingRemembersTheLastSixteen(t *testing.T) {
	e := fullEnvelope()
	for id := range uint64(20) {
		if got, want := e.remembers(id+1), id+1 > 4; got != want {
			t.Errorf("remembers(%d) = %v, want %v", id+1, got, want)
		}
	}
}

// TestEnvelopeDamage: no damaged envelope is accepted as another one.
func TestEnvelopeDamage(t *testing.T) {
	e := fullEnvelope()
	whole := e.encode([]byte(`{"a":"b"}`), 0)
	for i := range whole {
		if _, _, err := decodeEnvelope(whole[:i]); err == nil {
			t.Errorf("cut after %d bytes: no error", i)
		}
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			if _, _, err := decodeEnvelope(b); err == nil {
				t.Errorf("bit %d of byte %d flipped: no error", bit, i)
			}
		}
	}
}

func FuzzDecodeEnvelope(f *testing.F) {
	e := fullEnvelope()
	f.Add(e.encode([]byte(`{"a":1}`), 0), true)
	f.Add([]byte{}, false)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal && len(b) >= envelopeHead { // give any content a valid checksum
			b = reseal(bytes.Clone(b))
		}
		e, doc, err := decodeEnvelope(b)
		if err != nil {
			return
		}
		again, doc2, err := decodeEnvelope(e.encode(doc, 0))
		if err != nil || !bytes.Equal(doc, doc2) || again.digest != e.digest || !bytes.Equal(again.extensions, e.extensions) {
			t.Fatalf("decode, encode, decode: %v", err)
		}
	})
}

func reseal(b []byte) []byte {
	b[0], b[1] = envelopeMagic, envelopeVersion
	sum := crc32.Checksum(b[envelopeHead:], castagnoli)
	binary.BigEndian.PutUint32(b[2:], sum)
	return b
}
