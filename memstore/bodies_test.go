package memstore

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/expanse-go/session"
)

// TestBodies creates, changes and deletes records of all lengths in two shards, and
// compares each record with what was written.
func TestBodies(t *testing.T) {
	s := New(Config{})
	rng := rand.New(rand.NewPCG(1, 2))
	want := map[session.ID]session.Record{}
	data := func() []byte {
		n := rng.IntN(700)
		if rng.IntN(4) == 0 {
			n = rng.IntN(3 * maxEntry)
		}
		return bytes.Repeat([]byte{byte(rng.IntN(256))}, n)
	}
	var ids []session.ID
	for i := 0; len(ids) < 500; i++ {
		if sh, _ := s.shard(numbered(i)); sh == &s.shards[0] || sh == &s.shards[1] {
			ids = append(ids, numbered(i))
		}
	}
	for step := range 20_000 {
		id := ids[rng.IntN(len(ids))]
		old, there := want[id]
		r := session.Record{ID: id, Version: old.Version, Owner: []string{"", "ada", "bob"}[rng.IntN(3)], ExpiresAt: at(1), Data: data()}
		var err error
		switch {
		case !there:
			err = s.Create(t.Context(), r)
		case rng.IntN(3) == 0:
			err = s.Delete(t.Context(), id)
			delete(want, id)
		default:
			err = s.Update(t.Context(), r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, still := want[id]; still || !there {
			r.Version++
			want[id] = r
		}
		if step%1000 == 0 {
			compareBodies(t, s, want)
			checkLog(t, &s.shards[0])
			checkLog(t, &s.shards[1])
		}
	}
	for _, id := range ids {
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for i := range s.shards {
		if l := &s.shards[i].log; l.live != 0 || l.written > 2*compactFrom {
			t.Errorf("an empty log has %d of %d bytes alive, in %d pages", l.live, l.written, len(l.pages))
		}
	}
}

func compareBodies(t *testing.T, s *Store, want map[session.ID]session.Record) {
	t.Helper()
	for id, w := range want {
		r, err := s.Load(t.Context(), id)
		if err != nil || r.Version != w.Version || r.Owner != w.Owner || !bytes.Equal(r.Data, w.Data) {
			t.Fatalf("%v: got %v, version %d of %q with %d bytes; want version %d of %q with %d bytes",
				id, err, r.Version, r.Owner, len(r.Data), w.Version, w.Owner, len(w.Data))
		}
	}
}

// checkLog checks the counters of a log, and that few of its bytes are dead.
func checkLog(t *testing.T, s *shard) {
	t.Helper()
	live, written, held := 0, 0, 0
	for _, p := range s.log.pages {
		live, written = live+p.live, written+len(p.data)
		if p.data != nil {
			held++
		}
	}
	if l := &s.log; l.live != live || l.written != written || l.held != held {
		t.Errorf("counted %d of %d bytes in %d pages; there are %d of %d in %d", l.live, l.written, l.held, live, written, held)
	}
	if dead, most := written-live, max(written/4, compactFrom)+5*maxEntry; dead > most {
		t.Errorf("%d bytes of %d are dead, want at most %d", dead, written, most)
	}
}

// TestCompaction deletes nine tenths of the sessions, and then writes half of the others
// again and again. The log must release its memory.
func TestCompaction(t *testing.T) {
	const n, size = 100 * shardCount, 1000
	s := New(Config{})
	fill(t, s, n, size)
	for i := range n {
		if i%10 != 0 {
			if err := s.Delete(t.Context(), numbered(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for round := range uint64(20) {
		for i := 0; i < n; i += 20 {
			r := session.Record{ID: numbered(i), Version: round + 1, Data: make([]byte, size), ExpiresAt: at(1)}
			if err := s.Update(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		for i := range s.shards {
			checkLog(t, &s.shards[i])
		}
	}
}

// TestOneOldEntry keeps one record in the oldest page while others are created and
// deleted.
func TestOneOldEntry(t *testing.T) {
	s := New(Config{})
	create(t, s, rec('a', "", 1))
	home, _ := s.shard(session.ID{'a'})
	for i, met := 0, 0; met < 2000; i++ {
		if sh, _ := s.shard(numbered(i)); sh != home {
			continue
		}
		met++
		r := sized(rec('b', "", 1), 3000)
		r.ID = numbered(i)
		create(t, s, r)
		if err := s.Delete(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(home.log.pages); n > 20 {
		t.Errorf("two records take %d pages", n)
	}
	if got := names(t, s); got != "a" {
		t.Errorf("the store has %q, want a", got)
	}
}

// TestViewedBytes keeps the result of View while its session and all others change.
func TestViewedBytes(t *testing.T) {
	s := New(Config{})
	fill(t, s, 1000, 500)
	r := sized(rec('a', "ada", 1), 500)
	for i := range r.Data {
		r.Data[i] = byte(i)
	}
	create(t, s, r)
	viewed, err := s.View(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	for round := range uint64(30) {
		for i := range 1000 {
			u := session.Record{ID: numbered(i), Version: round + 1, Data: bytes.Repeat([]byte{0xFF}, 500), ExpiresAt: at(1)}
			if err := s.Update(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Update(t.Context(), session.Record{ID: r.ID, Version: round + 1, Data: []byte("x"), ExpiresAt: at(1)}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(viewed.Data, r.Data) || viewed.Owner != "ada" {
		t.Errorf("the viewed record has changed to %q of %q", viewed.Data, viewed.Owner)
	}
}
