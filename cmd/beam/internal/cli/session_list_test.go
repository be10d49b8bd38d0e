package cli

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// many is a store with a number of sessions that exist only while they are listed. Each has an
// owner of its own and 500 bytes of data.
type many struct {
	session.Store

	sessions int
	one      session.Record // the pattern of all
	live     uint64         // the most bytes that were in use during the list
}

func newMany(t *testing.T, sessions int) *many {
	t.Helper()
	store := memstore.New(memstore.Config{})
	m, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Login("user")
	s.Set("text", strings.Repeat("x", 500))
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r, err := store.Load(t.Context(), s.ID())
	if err != nil {
		t.Fatal(err)
	}
	return &many{Store: memstore.New(memstore.Config{}), sessions: sessions, one: r}
}

// List yields a session that was active i seconds ago after i others.
func (m *many) List(context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		for i := range m.sessions {
			r := m.one
			binary.BigEndian.PutUint64(r.ID[8:], uint64(i))
			r.Owner = fmt.Sprintf("user%d", i)
			r.LastActivity = r.LastActivity.Add(-time.Duration(i) * time.Second)
			r.Data = append([]byte(nil), m.one.Data...)
			if !yield(r, nil) {
				return
			}
			if i%(m.sessions/8) == 0 {
				m.live = max(m.live, liveBytes())
			}
		}
	}
}

func liveBytes() uint64 {
	var s runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// A list and a count of a million sessions need no more memory than their limit requires.
func TestMemoryDoesNotGrowWithTheSessions(t *testing.T) {
	store := newMany(t, 1_000_000)
	manager, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close(t.Context())
	for _, tt := range []struct {
		name  string
		limit int
		json  bool
		bound uint64
	}{
		{"the latest 1000", 1000, false, 2 << 20},
		{"all, as a table", 0, false, 2 << 20},
		{"all, as JSON", 0, true, 2 << 20},
	} {
		a := &app{stdout: stream{Writer: io.Discard}, stderr: stream{Writer: io.Discard}}
		store.live = 0
		before := liveBytes()
		if err := a.list(t.Context(), manager, filter{}, tt.limit, a.newListing(tt.json)); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := int64(store.live) - int64(before); got > int64(tt.bound) {
			t.Errorf("%s: %d bytes in use, want at most %d", tt.name, got, tt.bound)
		}
	}

	a, s := &app{}, stats{}
	before := liveBytes()
	store.live = 0
	if err := a.count(t.Context(), store, filter{}, &s); err != nil {
		t.Fatal(err)
	}
	// Twice as many hashes as are counted exactly, in a slice that grows by a quarter.
	if got, bound := int64(store.live)-int64(before), int64(4*8*exactOwners); got > bound {
		t.Errorf("stats: %d bytes in use, want at most %d", got, bound)
	}
	if s.Live != store.sessions || s.OwnersExact || s.Owners < store.sessions*98/100 || s.Owners > store.sessions*102/100 {
		t.Errorf("stats = %+v, want %d sessions of about as many owners", s, store.sessions)
	}
}

// All sessions of several blocks are listed once, as one JSON value and as one table; with a
// limit, the most recently active.
func TestListWritesBlocks(t *testing.T) {
	store := newMany(t, 2*listingBlock+1)
	manager, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close(t.Context())
	list := func(limit int, asJSON bool) (stdout, stderr string) {
		var out, errs strings.Builder
		a := &app{stdout: stream{Writer: &out}, stderr: stream{Writer: &errs}}
		if err := a.list(t.Context(), manager, filter{}, limit, a.newListing(asJSON)); err != nil {
			t.Fatal(err)
		}
		return out.String(), errs.String()
	}
	for _, tt := range []struct{ limit, want int }{{0, store.sessions}, {store.sessions, store.sessions}, {3, 3}} {
		text, warning := list(tt.limit, true)
		var reports []sessionReport
		if err := json.Unmarshal([]byte(text), &reports); err != nil {
			t.Fatalf("limit %d: %v", tt.limit, err)
		}
		if len(reports) != tt.want || reports[2].Owner != "user2" {
			t.Errorf("limit %d: got %d sessions, the third of %s; want %d, of user2", tt.limit, len(reports), reports[2].Owner, tt.want)
		}
		if whole, _ := encode(reports); text != whole {
			t.Errorf("limit %d: the blocks do not join", tt.limit)
		}
		if cut := strings.Contains(warning, "the 3 most recently active of 2001 sessions"); cut != (tt.limit == 3) {
			t.Errorf("limit %d: warning %q", tt.limit, warning)
		}
		text, _ = list(tt.limit, false)
		if lines, headers := strings.Count(text, "\n"), strings.Count(text, "LAST ACTIVITY"); lines != tt.want+1 || headers != 1 {
			t.Errorf("limit %d: %d lines with %d headers, want %d with 1", tt.limit, lines, headers, tt.want+1)
		}
	}
}

func TestInstant(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"90m":                       now.Add(-90 * time.Minute),
		"7d":                        now.AddDate(0, 0, -7),
		"2026-01-02":                time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		"2026-01-02T03:04:05Z":      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		"2026-01-02T03:04:05+01:00": time.Date(2026, 1, 2, 2, 4, 5, 0, time.UTC),
		"":                          {}, "-2h": {}, "yesterday": {}, "-1d": {}, "1.5d": {}, "2026-13-01": {}, "70000d": {},
	} {
		got, ok := instant(in, now, -1)
		if ok == want.IsZero() || ok && !got.Equal(want) {
			t.Errorf("instant(%q) = %v, %t, want %v", in, got, ok, want)
		}
	}
	if got, _ := instant("2h", now, 1); !got.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("instant in the future = %v", got)
	}
}
