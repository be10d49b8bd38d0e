package redisstore

import (
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

func full() session.Record {
	now := time.Now().UTC()
	return session.Record{
		ID: session.ID{1}, Version: math.MaxUint64, Owner: strings.Repeat("o", session.MaxOwner),
		Client:    session.Client{Address: "192.0.2.1", UserAgent: strings.Repeat("u", 500)},
		CreatedAt: now.Add(-time.Hour), LastActivity: now, ExpiresAt: now.Add(time.Hour), Data: []byte("data"),
	}
}

func valueOf(r session.Record) []byte {
	return appendRest(make([]byte, entrySize), &r, r.Version, 7)
}

func TestValue(t *testing.T) {
	for _, r := range []session.Record{full(), {ID: session.ID{1}, Data: []byte{}}} {
		got, err := decode(r.ID, valueOf(r))
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
}

// A value that was cut off is no session, and never a panic.
func TestShortValue(t *testing.T) {
	r := full()
	b := valueOf(r)
	for n := range len(b) - len(r.Data) {
		if got, err := decode(r.ID, b[:n]); err != session.ErrCorrupt || !reflect.DeepEqual(got, session.Record{}) {
			t.Fatalf("%d bytes: got %v, %v", n, got, err)
		}
	}
	b[entrySize]++
	if _, err := decode(r.ID, b); err != session.ErrCorrupt {
		t.Errorf("unknown format: got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(valueOf(full()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decode(session.ID{}, b); err == nil && len(r.Data) > len(b) {
			t.Errorf("got %d bytes from %d", len(r.Data), len(b))
		}
	})
}

// Instants keep their order as bytes.
func TestInstantsAreOrdered(t *testing.T) {
	last := ""
	for _, at := range []time.Time{
		{}, time.Unix(-1, 0), time.Unix(0, -1), time.Unix(0, 0), time.Unix(0, 1), time.Unix(1, 0),
		time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		text := string(appendInstant(nil, at))
		if text <= last && last != "" {
			t.Errorf("%v is not after the one before it", at)
		}
		last = text
		if n, err := strconv.ParseInt(deletion(at), 10, 64); err != nil || n < 1 || at.Year() < 2200 && n < at.Add(session.PruneSlack).UnixMilli() {
			t.Errorf("%v: Redis would delete it at %d (%v)", at, n, err)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for prefix, ok := range map[string]bool{
		"session:": true, "a-b_c.d/e:": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false,
		"{tag}:": false, "a*": false, "a?": false, "[a]": false, `a\`: false, "a b": false, "é": false, "a\n": false,
	} {
		if err := checkPrefix(prefix); (err == nil) != ok {
			t.Errorf("%q: got %v", prefix, err)
		}
	}
}
