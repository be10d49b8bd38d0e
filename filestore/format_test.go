package filestore

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"testing/quick"
	"time"

	"github.com/expanse-go/session"
)

func sample() session.Record {
	return session.Record{
		ID: session.ID{0x7f, 1, 2, 3}, Owner: "ada",
		Client:       session.Client{Address: "192.0.2.1", UserAgent: "Mozilla/5.0"},
		CreatedAt:    time.Date(2030, 1, 1, 0, 0, 0, 1, time.UTC),
		LastActivity: time.Date(2030, 1, 1, 1, 0, 0, 2, time.UTC),
		ExpiresAt:    time.Date(2030, 1, 1, 3, 0, 0, 3, time.UTC),
		Data:         []byte("an envelope"),
	}
}

// decode decodes the content of a file with the given hint.
func decode(content []byte, hint int) (session.Record, error) {
	from := bytes.NewReader(content)
	h, rest, err := readHead(from, hint)
	if err != nil {
		return session.Record{}, err
	}
	data, err := readData(from, &h, rest)
	if err != nil {
		return session.Record{}, err
	}
	return h.record(data), nil
}

// TestFormat checks that decode reverses encode, for any record and any hint.
func TestFormat(t *testing.T) {
	roundTrip := func(id session.ID, version uint64, seconds [3]int32, nanos [3]uint32, owner, address, agent string, data []byte, hint uint8) bool {
		at := func(i int) time.Time { return time.Unix(int64(seconds[i]), int64(nanos[i]%1e9)).UTC() }
		want := session.Record{
			ID: id, Version: version, Owner: owner, Client: session.Client{Address: address, UserAgent: agent},
			CreatedAt: at(0), LastActivity: at(1), ExpiresAt: at(2), Data: data,
		}
		content, err := encode(&want, version)
		if err != nil {
			return false
		}
		got, err := decode(content, int(hint))
		return err == nil && bytes.Equal(got.Data, data) && reflect.DeepEqual(without(got), without(want))
	}
	if err := quick.Check(roundTrip, nil); err != nil {
		t.Error(err)
	}
}

func without(r session.Record) session.Record {
	r.Data = nil
	return r
}

func TestZeroTimes(t *testing.T) {
	content, err := encode(&session.Record{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(content, 0)
	if err != nil || !got.CreatedAt.IsZero() || !got.ExpiresAt.IsZero() {
		t.Errorf("got %+v, %v; want zero times", got, err)
	}
}

// TestDamageIsDetected flips each bit of a file, truncates it at each length, and appends
// to it. Every result must be corrupt.
func TestDamageIsDetected(t *testing.T) {
	r := sample()
	whole, err := encode(&r, 7)
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(content []byte, what string, at int) {
		t.Helper()
		for _, hint := range []int{0, len(whole) + 1} {
			if got, err := decode(content, hint); !errors.Is(err, session.ErrCorrupt) {
				t.Fatalf("%s %d gives %+v, %v; want ErrCorrupt", what, at, got, err)
			}
		}
	}
	for bit := range 8 * len(whole) {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		refuse(damaged, "flipped bit", bit)
	}
	for n := range whole {
		refuse(whole[:n], "cut to", n)
		refuse(append(bytes.Clone(whole[:n]), make([]byte, len(whole)-n)...), "zeroed from", n)
	}
	refuse(append(bytes.Clone(whole), 0), "grown by", 1)
	refuse(append(bytes.Clone(whole), whole...), "doubled", 0)
}

func TestTooLongForTheFormat(t *testing.T) {
	r := sample()
	r.Client.UserAgent = string(make([]byte, 1<<16))
	if _, err := encode(&r, 1); err == nil {
		t.Error("encode of a user agent of 65,536 bytes succeeds, want an error")
	}
}

// FuzzDecode decodes arbitrary content. The decoder must not panic, must return no error
// except ErrCorrupt, and must accept only what encode writes.
func FuzzDecode(f *testing.F) {
	r := sample()
	whole, err := encode(&r, 7)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, 0)
	f.Add(whole[:fixedHead], 4096)
	f.Add([]byte(magic), 1)
	f.Add([]byte{}, 1)
	f.Fuzz(func(t *testing.T, content []byte, hint int) {
		r, err := decode(content, hint%(1<<17))
		if err != nil {
			if !errors.Is(err, session.ErrCorrupt) {
				t.Fatalf("error %v, want ErrCorrupt", err)
			}
			return
		}
		again, err := encode(&r, r.Version)
		if err != nil || !bytes.Equal(again, content) {
			t.Fatalf("%x decodes, but encodes to %x, %v", content, again, err)
		}
	})
}
