package natsstore

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

func sample() stored {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	return stored{
		Record: session.Record{
			ID: session.ID{1, 2, 15: 16}, Version: 7, Owner: "ana\r\n名", Client: session.Client{Address: "192.0.2.1", UserAgent: "curl/8"},
			CreatedAt: at, LastActivity: at.Add(1), ExpiresAt: at.Add(time.Hour), Data: []byte("{}\x00\xff"),
		},
		stamp: 1, entry: 1<<64 - 1, until: -1,
	}
}

func TestMessageRoundTrip(t *testing.T) {
	zero := stored{Record: session.Record{CreatedAt: time.Time{}.UTC(), Data: []byte{}}}
	for _, want := range []stored{sample(), zero} {
		b, err := encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(want.ID, b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

// A message that is not a record, or of a later format, is an error. Nothing panics.
func TestDecodeRefuses(t *testing.T) {
	r := sample()
	whole, err := encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) - len(r.Data) {
		if _, err := decode(r.ID, whole[:n]); !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("%d bytes: got %v, want ErrCorrupt", n, err)
		}
	}
	whole[0]++
	if _, err := decode(r.ID, whole); !errors.Is(err, session.ErrCorrupt) || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestEncodeRefusesLongText(t *testing.T) {
	r := sample()
	r.Client.UserAgent = strings.Repeat("x", 1<<16)
	if _, err := encode(&r); !errors.Is(err, session.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestKeysHoldTheID(t *testing.T) {
	id := sample().ID
	for _, key := range []string{recordKey(id), entryKey("ana.*>", id, 5)} {
		got, ok := idOf(key)
		if !ok || got != id {
			t.Errorf("%s: got %s, %t", key, got, ok)
		}
		if strings.ContainsAny(key, "*> ") {
			t.Errorf("%s has wildcards", key)
		}
	}
	for _, key := range []string{"", "id", "id.01.xyz", "other"} {
		if id, ok := idOf(key); ok {
			t.Errorf("%s: got %s", key, id)
		}
	}
}

// The server counts the lifetime of a message in whole seconds, and takes none below one.
func TestLifetimeIsNeverTooShort(t *testing.T) {
	for _, in := range []time.Duration{-time.Hour, 0, time.Millisecond, time.Second, 90 * time.Minute} {
		before := time.Now()
		got := lifetime(before.Add(in))
		if got < time.Second || got%time.Second != 0 || got < in-time.Since(before) || got > max(in, 0)+time.Second {
			t.Errorf("%v: got %v", in, got)
		}
	}
	if got := lifetime(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); got > maxLifetime+time.Second {
		t.Errorf("far future: got %v", got)
	}
}
