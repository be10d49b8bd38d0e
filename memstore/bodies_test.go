package memstore

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/expanse-go/session"
)

// TestClasses has every length fit its block, and no block be longer than it must.
func TestClasses(t *testing.T) {
	seen := map[int]int{}
	for length := 1; length <= maxSmall; length++ {
		pile, block := class(length)
		step := fineStep
		if block > fineBlock {
			step = coarseStep
		}
		if slack := block - refSize - length; slack < 0 || slack >= step {
			t.Fatalf("a body of %d bytes got a block of %d", length, block)
		}
		if was, ok := seen[pile]; ok && was != block {
			t.Fatalf("pile %d has blocks of %d and of %d bytes", pile, was, block)
		}
		seen[pile] = block
	}
	if _, block := class(maxSmall); block > maxBlock {
		t.Errorf("the longest block has %d bytes, want at most %d", block, maxBlock)
	}
}

// TestBodies creates, changes and deletes records of all lengths in a few shards,
// and compares each with what was written.
func TestBodies(t *testing.T) {
	s := New(Config{})
	rng := rand.New(rand.NewPCG(1, 2))
	want := map[session.ID]session.Record{}
	data := func() []byte {
		n := rng.IntN(700)
		if rng.IntN(4) == 0 {
			n = rng.IntN(3 * maxBlock)
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
		}
	}
	for _, id := range ids {
		if err := s.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	for i := range s.shards {
		for j, p := range s.shards[i].piles {
			if p.n != 0 || len(p.pages) > 1 {
				t.Errorf("an empty pile %d keeps %d blocks in %d pages, want one page in reserve", j, p.n, len(p.pages))
			}
		}
		if n := len(s.shards[i].long); n != 0 {
			t.Errorf("an empty shard keeps %d long bodies", n)
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

// TestPagesFollowTheSessions has nine tenths of the sessions go, in no order, and
// their memory with them.
func TestPagesFollowTheSessions(t *testing.T) {
	const n, size = 20 * shardCount, 1000
	s := New(Config{})
	fill(t, s, n, size)
	for i := range n {
		if i%10 != 0 {
			if err := s.Delete(t.Context(), numbered(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	pages := 0
	for i := range s.shards {
		for _, p := range s.shards[i].piles {
			pages += len(p.pages)
		}
	}
	if most := n/10*size/pageSize + 2*shardCount; pages > most {
		t.Errorf("%d sessions keep %d pages, want at most %d", n/10, pages, most)
	}
}
