package memstore

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/quick"
	"time"

	"github.com/expanse-go/session"
)

// TestPack checks that unpack undoes pack, for any record.
func TestPack(t *testing.T) {
	roundTrip := func(created int64, version uint64, owner, address, agent string, data []byte) bool {
		r := session.Record{Owner: owner, Client: session.Client{Address: address, UserAgent: agent}, CreatedAt: time.Unix(0, created), Data: data}
		var b buffer
		got := (&slot{}).record(pack(&b, &r, version)[entryHead:])
		return got.CreatedAt.Equal(r.CreatedAt) && got.Version == version && got.Owner == owner &&
			got.Client == r.Client && bytes.Equal(got.Data, data)
	}
	if err := quick.Check(roundTrip, nil); err != nil {
		t.Error(err)
	}
}

func TestInstants(t *testing.T) {
	for _, want := range []time.Time{{}, epoch, time.Unix(0, 0).UTC(), time.Unix(0, -1).UTC(), epoch.Add(1)} {
		if got := instant(nanos(want)); !got.Equal(want) || got.Location() != want.Location() {
			t.Errorf("%v was decoded as %v", want, got)
		}
	}
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if got := nanos(far); got != maxInstant {
		t.Errorf("the year 9999 became %d, want the last instant", got)
	}
}

func TestAllocations(t *testing.T) {
	ctx := context.Background()
	s := New(Config{})
	r := sized(rec('a', "ada", 1), 500)
	create(t, s, r)
	if got := testing.AllocsPerRun(100, func() {
		if _, err := s.Load(ctx, r.ID); err != nil {
			t.Error(err)
		}
	}); got > 2 {
		t.Errorf("Load allocates %v times, want twice, for the copies of Data and of the owner", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		if _, err := s.View(ctx, r.ID); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("View allocates %v times, want never", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		if err := s.Update(ctx, r); err != nil {
			t.Error(err)
		}
		r.Version++
	}); got > 0 { // AllocsPerRun rounds down, and many records share a page
		t.Errorf("Update allocates %v times, want less than once", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		if err := s.Touch(ctx, r.ID, r.LastActivity, r.ExpiresAt); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("Touch allocates %v times, want never", got)
	}
}

// TestConcurrentWrites lets many goroutines write into a full store, and then checks the
// counters.
func TestConcurrentWrites(t *testing.T) {
	const workers, steps, maximum = 8, 2000, 50
	s := New(Config{MaxSessions: maximum, MaxBytes: 40_000, Now: fixedNow})
	var writers sync.WaitGroup
	for w := range workers {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for range steps {
				if err := randomOperation(t.Context(), s, rng); err != nil {
					t.Error(err)
					return
				}
				if n := s.Len(); n > maximum {
					t.Errorf("%d sessions in a store of %d", n, maximum)
					return
				}
			}
		})
	}
	writers.Wait()

	var sessions, bytes, owned int64
	for i := range s.shards {
		for _, ref := range s.shards[i].orders[byExpiry] {
			rec := s.shards[i].slot(ref)
			sessions++
			bytes += cost(s.shards[i].size(rec))
			if !rec.anonymous() {
				owned += cost(s.shards[i].size(rec))
			}
		}
	}
	if q := &s.quota; q.sessions.Load() != sessions || q.bytes.Load() != bytes || q.owned.Load() != owned {
		t.Errorf("counted %d sessions, %d bytes, %d owned; there are %d, %d, %d",
			q.sessions.Load(), q.bytes.Load(), q.owned.Load(), sessions, bytes, owned)
	}
}

// randomOperation runs a random operation, and returns unexpected errors.
func randomOperation(ctx context.Context, s *Store, rng *rand.Rand) error {
	r := sized(rec(byte('a'+rng.IntN(100)), "", rng.IntN(100)), rng.IntN(1000))
	if rng.IntN(4) == 0 {
		r.Owner = "ada"
		r.ExpiresAt = at(-rng.IntN(2))
	}
	var err error
	switch rng.IntN(6) {
	case 0, 1:
		err = s.Create(ctx, r)
	case 2:
		if old, e := s.Load(ctx, r.ID); e == nil {
			r.Version = old.Version
			err = s.Update(ctx, r)
		}
	case 3:
		err = s.Touch(ctx, r.ID, at(rng.IntN(200)), at(rng.IntN(200)))
	case 4:
		err = s.Delete(ctx, r.ID)
	case 5:
		_, err = s.Prune(ctx, at(-1), 3)
	}
	if errors.Is(err, session.ErrConflict) || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrFull) {
		return nil
	}
	return err
}

// TestListDuringWrites changes the store in every step of a listing. Records that exist
// all the time must be listed exactly once.
func TestListDuringWrites(t *testing.T) {
	s := New(Config{})
	const steady = 999 // a multiple of 3, so that only new records are deleted
	fill(t, s, steady, 10)
	seen := map[session.ID]int{}
	for next := steady; next < 3*steady; {
		clear(seen)
		for r, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			seen[r.ID]++
			create(t, s, session.Record{ID: numbered(next)})
			if err := s.Delete(t.Context(), numbered(next-next%3)); err != nil {
				t.Fatal(err)
			}
			if err := s.Update(t.Context(), r); err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Fatal(err)
			}
			next++
		}
		for i := range steady {
			if got := seen[numbered(i)]; got != 1 {
				t.Fatalf("record %d was listed %d times, want once", i, got)
			}
		}
	}
}

func TestCancelledContext(t *testing.T) {
	s := New(Config{})
	create(t, s, rec('a', "ada", 1), rec('b', "", 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.Prune(ctx, at(99999), 10); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("Prune = %d, %v; want 0 and the context's error", n, err)
	}
	for _, owner := range []string{"ada", ""} {
		n := 0
		for _, err := range s.ListOwner(ctx, owner) {
			if n++; !errors.Is(err, context.Canceled) {
				t.Errorf("ListOwner(%q) yields %v, want the context's error", owner, err)
			}
		}
		if n != 1 {
			t.Errorf("ListOwner(%q) yields %d times, want once", owner, n)
		}
	}
}

// TestOwnersOfOneHash puts two owners into one chain, as if they had equal hashes.
func TestOwnersOfOneHash(t *testing.T) {
	s := New(Config{})
	for i := range 3 * shardCount {
		create(t, s, session.Record{ID: numbered(i), Owner: []string{"ada", "bob"}[i%2], ExpiresAt: at(1)})
	}
	for i := range s.shards {
		sh := &s.shards[i]
		ada, ok := sh.owners[maphash.String(s.seed, "ada")]
		for ok && sh.slot(ada).next != none {
			ada = sh.slot(ada).next
		}
		if bob, both := sh.owners[maphash.String(s.seed, "bob")]; ok && both {
			sh.slot(ada).next = bob
		}
	}
	n := 0
	for r, err := range s.ListOwner(t.Context(), "ada") {
		if err != nil || r.Owner != "ada" {
			t.Fatalf("got %v of %q", err, r.Owner)
		}
		n++
	}
	if want := 3 * shardCount / 2; n != want {
		t.Errorf("listed %d, want %d", n, want)
	}
}

// TestManyInOneShard fills every shard with more than one batch.
func TestManyInOneShard(t *testing.T) {
	const n = 3 * batch * shardCount
	s := New(Config{})
	for i := range n {
		create(t, s, session.Record{ID: numbered(i), ExpiresAt: at(i)})
	}
	listed := 0
	for _, err := range s.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		listed++
	}
	if listed != n {
		t.Errorf("List yields %d records, want %d", listed, n)
	}
	for _, test := range []struct{ limit, want int }{{1, 1}, {5, 5}, {1000, 1000}, {n, n/2 - 1006}, {n, 0}} {
		if got, err := s.Prune(t.Context(), at(n/2), test.limit); got != test.want || err != nil {
			t.Errorf("Prune of %d = %d, %v; want %d", test.limit, got, err, test.want)
		}
	}
	if s.Len() != n-n/2 {
		t.Errorf("%d records are left, want %d", s.Len(), n-n/2)
	}
}
