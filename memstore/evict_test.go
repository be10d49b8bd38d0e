package memstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// epoch is the time of the tests.
var epoch = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// rec returns a record with a letter as its ID, with activity at the given second, that
// expires an hour later.
func rec(name byte, owner string, active int) session.Record {
	return session.Record{
		ID: session.ID{name}, Version: 1, Owner: owner,
		CreatedAt: epoch, LastActivity: at(active), ExpiresAt: at(active + 3600),
		Data: []byte{name},
	}
}

func fixedNow() time.Time { return epoch }

func create(t *testing.T, s *Store, records ...session.Record) {
	t.Helper()
	for _, r := range records {
		if err := s.Create(t.Context(), r); err != nil {
			t.Fatalf("Create %c: %v", r.ID[0], err)
		}
	}
}

// names returns the letters of the stored records.
func names(t *testing.T, s *Store) string {
	t.Helper()
	var b strings.Builder
	for c := byte('a'); c <= 'z'; c++ {
		switch _, err := s.Load(t.Context(), session.ID{c}); {
		case err == nil:
			b.WriteByte(c)
		case !errors.Is(err, session.ErrNotFound):
			t.Fatalf("Load %c: %v", c, err)
		}
	}
	if b.Len() != s.Len() {
		t.Fatalf("Len = %d, but the store has %q", s.Len(), b.String())
	}
	return b.String()
}

func TestEvictionOrder(t *testing.T) {
	ctx := context.Background()
	expired := func(r session.Record, ago int) session.Record {
		r.ExpiresAt = at(-ago)
		return r
	}
	for _, test := range []struct {
		name   string
		before []session.Record
		then   func(s *Store) error
		want   string
	}{
		{"the oldest anonymous", []session.Record{rec('a', "", 2), rec('b', "", 1), rec('c', "", 3)}, nil, "acx"},
		{"equal activity, first written", []session.Record{rec('c', "", 1), rec('a', "", 1), rec('b', "", 1)}, nil, "abx"},
		{"equal activity, written again", []session.Record{rec('c', "", 1), rec('a', "", 1), rec('b', "", 1)},
			func(s *Store) error { return s.Update(ctx, rec('c', "", 1)) }, "bcx"},
		{"touched last", []session.Record{rec('a', "", 1), rec('b', "", 2), rec('c', "", 3)},
			func(s *Store) error { return s.Touch(ctx, session.ID{'a'}, at(9), at(9999)) }, "acx"},
		{"a touch into the past moves nothing", []session.Record{rec('a', "", 1), rec('b', "", 2), rec('c', "", 3)},
			func(s *Store) error { return s.Touch(ctx, session.ID{'c'}, at(0), at(0)) }, "bcx"},
		{"an owned one is older", []session.Record{rec('a', "ada", 1), rec('b', "", 2), rec('c', "", 3)}, nil, "acx"},
		{"signed in", []session.Record{rec('a', "", 1), rec('b', "", 2), rec('c', "", 3)},
			func(s *Store) error { return s.Update(ctx, rec('a', "ada", 1)) }, "acx"},
		{"signed out", []session.Record{rec('a', "ada", 1), rec('b', "", 2), rec('c', "", 3)},
			func(s *Store) error { return s.Update(ctx, rec('a', "", 1)) }, "bcx"},
		{"an expired one goes first", []session.Record{rec('a', "", 1), rec('b', "", 2), expired(rec('c', "", 3), 0)}, nil, "abx"},
		{"an expired owned one goes first", []session.Record{rec('a', "", 1), expired(rec('b', "bob", 2), 1), rec('c', "", 3)}, nil, "acx"},
		{"the longest expired goes first", []session.Record{expired(rec('a', "", 1), 1), expired(rec('b', "", 2), 3), expired(rec('c', "", 3), 2)}, nil, "acx"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Config{MaxSessions: 3, Now: fixedNow})
			create(t, s, test.before...)
			if test.then != nil {
				if err := test.then(s); err != nil {
					t.Fatal(err)
				}
			}
			create(t, s, rec('x', "", 0)) // older than all others: the new record is never evicted
			if got := names(t, s); got != test.want {
				t.Errorf("after one more, the store has %q, want %q", got, test.want)
			}
		})
	}
}

func TestFullOfOwnedSessions(t *testing.T) {
	s := New(Config{MaxSessions: 3, Now: fixedNow})
	create(t, s, rec('a', "ada", 1), rec('b', "bob", 2), rec('c', "ada", 3))
	for _, owner := range []string{"", "cleo"} {
		err := s.Create(t.Context(), rec('x', owner, 9))
		if !errors.Is(err, session.ErrFull) {
			t.Errorf("Create for owner %q = %v, want ErrFull", owner, err)
		}
	}
	if err := s.Create(t.Context(), rec('b', "", 9)); !errors.Is(err, session.ErrConflict) {
		t.Errorf("Create of a taken ID = %v, want ErrConflict although the store is full", err)
	}
	if err := s.Update(t.Context(), rec('b', "bob", 9)); err != nil {
		t.Errorf("Update without growth in a full store: %v", err)
	}
	if got := names(t, s); got != "abc" {
		t.Errorf("the store has %q, want all owned ones", got)
	}
	if err := s.Delete(t.Context(), session.ID{'a'}); err != nil {
		t.Fatal(err)
	}
	create(t, s, rec('x', "", 9))
	if got := names(t, s); got != "bcx" {
		t.Errorf("after a Delete, the store has %q, want bcx", got)
	}
}

func TestConflictEvictsNothing(t *testing.T) {
	s := New(Config{MaxSessions: 3, Now: fixedNow})
	create(t, s, rec('a', "", 1), rec('b', "", 2), rec('c', "", 3))
	if err := s.Create(t.Context(), rec('c', "", 4)); !errors.Is(err, session.ErrConflict) {
		t.Errorf("Create = %v, want ErrConflict", err)
	}
	if got := names(t, s); got != "abc" {
		t.Errorf("the store has %q, want abc", got)
	}
}

func sized(r session.Record, n int) session.Record {
	r.Data = make([]byte, n)
	return r
}

func TestByteLimit(t *testing.T) {
	const budget = 3 * 1200 // enough for three records of 1000 bytes, but not for four
	for _, test := range []struct {
		name string
		do   func(s *Store) error
		want string
		err  error
	}{
		{"a small record fits", func(s *Store) error { return s.Create(t.Context(), sized(rec('x', "", 9), 10)) }, "abcx", nil},
		{"a new record evicts the oldest", func(s *Store) error { return s.Create(t.Context(), sized(rec('x', "", 9), 1000)) }, "bcx", nil},
		{"a large record evicts several", func(s *Store) error { return s.Create(t.Context(), sized(rec('x', "", 9), 2000)) }, "cx", nil},
		{"a record that cannot fit in addition to the owned ones evicts none", func(s *Store) error { return s.Create(t.Context(), sized(rec('x', "", 9), 3000)) }, "abc", session.ErrFull},
		{"growth evicts the oldest", func(s *Store) error { return s.Update(t.Context(), sized(rec('b', "", 9), 2000)) }, "bc", nil},
		{"growth of the oldest evicts another one", func(s *Store) error { return s.Update(t.Context(), sized(rec('a', "", 1), 2000)) }, "ac", nil},
		{"growth of an owned record evicts the oldest", func(s *Store) error { return s.Update(t.Context(), sized(rec('c', "cleo", 1), 2000)) }, "bc", nil},
		{"growth that cannot fit evicts none", func(s *Store) error { return s.Update(t.Context(), sized(rec('b', "", 9), 3000)) }, "abc", session.ErrFull},
		{"growth of a stale version evicts none", func(s *Store) error {
			r := sized(rec('b', "", 9), 2000)
			r.Version = 7
			return s.Update(t.Context(), r)
		}, "abc", session.ErrConflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := New(Config{MaxBytes: budget, Now: fixedNow})
			create(t, s, sized(rec('a', "", 1), 1000), sized(rec('b', "", 2), 1000), sized(rec('c', "cleo", 3), 1000))
			if err := test.do(s); !errors.Is(err, test.err) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if got := names(t, s); got != test.want {
				t.Errorf("the store has %q, want %q", got, test.want)
			}
			if got := s.quota.bytes.Load(); got > budget {
				t.Errorf("%d bytes in a store of %d", got, budget)
			}
		})
	}
}

func TestErrFullSaysWhatToDo(t *testing.T) {
	s := New(Config{MaxSessions: 1, Now: fixedNow})
	create(t, s, rec('a', "ada", 1))
	got := fmt.Sprint(s.Create(t.Context(), rec('b', "", 1)))
	if !strings.HasPrefix(got, "session: ") || !strings.Contains(got, "raise MaxSessions") {
		t.Errorf("error %q does not say what to do", got)
	}
}

func TestUnlimited(t *testing.T) {
	s := New(Config{MaxSessions: -1, MaxBytes: -1})
	create(t, s, sized(rec('a', "ada", 1), 10<<20), rec('b', "", 1))
	if got := names(t, s); got != "ab" {
		t.Errorf("the store has %q, want ab", got)
	}
}

func TestCountersReturnToZero(t *testing.T) {
	s := New(Config{Now: fixedNow})
	create(t, s, rec('a', "ada", 1), rec('b', "", 2), rec('c', "ada", 3))
	if err := s.Update(t.Context(), sized(rec('b', "ada", 2), 5000)); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), session.ID{'a'}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Prune(t.Context(), at(99999), 10); n != 2 || err != nil {
		t.Fatalf("Prune = %d, %v; want 2", n, err)
	}
	if q := &s.quota; q.sessions.Load() != 0 || q.bytes.Load() != 0 || q.owned.Load() != 0 {
		t.Errorf("an empty store counts %d sessions, %d bytes, %d of them owned", q.sessions.Load(), q.bytes.Load(), q.owned.Load())
	}
}
