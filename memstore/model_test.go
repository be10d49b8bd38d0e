package memstore

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// A model is a simple implementation of the store: a list in order of writing, which
// every operation scans.
type model struct {
	now     time.Time
	records []session.Record // anonymous ones of equal activity: in order of writing
	maximum int
}

func (m *model) index(id session.ID) int {
	return slices.IndexFunc(m.records, func(r session.Record) bool { return r.ID == id })
}

func (m *model) create(r session.Record) error {
	if m.index(r.ID) >= 0 {
		return session.ErrConflict
	}
	if len(m.records) == m.maximum {
		victim := m.victim()
		if victim < 0 {
			return session.ErrFull
		}
		m.records = slices.Delete(m.records, victim, victim+1)
	}
	r.Version = 1
	m.records = append(m.records, r)
	return nil
}

func (m *model) victim() int {
	best := -1
	for i, r := range m.records {
		if !r.ExpiresAt.After(m.now) && (best < 0 || r.ExpiresAt.Before(m.records[best].ExpiresAt)) {
			best = i
		}
	}
	if best >= 0 {
		return best
	}
	for i, r := range m.records {
		if r.Owner == "" && (best < 0 || r.LastActivity.Before(m.records[best].LastActivity)) {
			best = i
		}
	}
	return best
}

func (m *model) update(r session.Record) error {
	i := m.index(r.ID)
	if i < 0 {
		return session.ErrNotFound
	}
	if m.records[i].Version != r.Version {
		return session.ErrConflict
	}
	r.Version++
	m.records = append(slices.Delete(m.records, i, i+1), r)
	return nil
}

func (m *model) touch(id session.ID, active, expires time.Time) {
	i := m.index(id)
	if i < 0 {
		return
	}
	r := m.records[i]
	if expires.After(r.ExpiresAt) {
		m.records[i].ExpiresAt = expires
	}
	if active.After(r.LastActivity) {
		r = m.records[i]
		r.LastActivity = active
		m.records = append(slices.Delete(m.records, i, i+1), r)
	}
}

func (m *model) remove(id session.ID) {
	if i := m.index(id); i >= 0 {
		m.records = slices.Delete(m.records, i, i+1)
	}
}

// TestAgainstModel applies the same random operations to a small store and to the model.
// All expiries differ, so that the choice of the model is the only correct one.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 7))
		m := &model{now: epoch, maximum: 1 + rng.IntN(12)}
		s := New(Config{MaxSessions: m.maximum, Now: func() time.Time { return m.now }})
		for step := range 300 {
			id := session.ID{byte(rng.IntN(20)), 1}
			expires := m.now.Add(time.Duration(rng.IntN(1000)-200)*time.Second + time.Duration(step))
			active := epoch.Add(time.Duration(rng.IntN(4)) * time.Second)
			r := session.Record{ID: id, Version: 1 + uint64(rng.IntN(2)), CreatedAt: epoch, LastActivity: active, ExpiresAt: expires, Data: []byte{byte(step)}}
			if rng.IntN(3) == 0 {
				r.Owner = []string{"ada", "bob"}[rng.IntN(2)]
			}
			var got, want error
			switch rng.IntN(8) {
			case 0, 1, 2, 3:
				got, want = s.Create(t.Context(), r), m.create(r)
			case 4, 5:
				got, want = s.Update(t.Context(), r), m.update(r)
			case 6:
				got = s.Touch(t.Context(), id, active, expires)
				m.touch(id, active, expires)
			case 7:
				got = s.Delete(t.Context(), id)
				m.remove(id)
			}
			m.now = m.now.Add(time.Duration(rng.IntN(20)) * time.Second)
			if !errors.Is(got, want) {
				t.Fatalf("seed %d, step %d: error %v, want %v", seed, step, got, want)
			}
			compare(t, s, m, seed, step)
		}
	}
}

func compare(t *testing.T, s *Store, m *model, seed uint64, step int) {
	t.Helper()
	if s.Len() != len(m.records) {
		t.Fatalf("seed %d, step %d: %d records, want %d", seed, step, s.Len(), len(m.records))
	}
	owned := map[string]int{}
	for _, want := range m.records {
		got, err := s.Load(t.Context(), want.ID)
		if err != nil || got.Version != want.Version || got.Owner != want.Owner || got.Data[0] != want.Data[0] ||
			!got.LastActivity.Equal(want.LastActivity) || !got.ExpiresAt.Equal(want.ExpiresAt) {
			t.Fatalf("seed %d, step %d: got %+v, %v\nwant %+v", seed, step, got, err, want)
		}
		owned[want.Owner]++
	}
	for _, owner := range []string{"", "ada", "bob"} {
		n := 0
		for r, err := range s.ListOwner(t.Context(), owner) {
			if err != nil || r.Owner != owner {
				t.Fatalf("seed %d, step %d: listing %q yields %+v, %v", seed, step, owner, r, err)
			}
			n++
		}
		if n != owned[owner] {
			t.Fatalf("seed %d, step %d: %q has %d sessions, want %d", seed, step, owner, n, owned[owner])
		}
	}
}

// TestShardStructures grows and shrinks one shard, and checks the invariants of its table
// and heaps after each step.
func TestShardStructures(t *testing.T) {
	s := New(Config{})
	sh := &s.shards[0]
	rng := rand.New(rand.NewPCG(1, 2))
	var live []session.Record
	for i := 0; len(live) < 200; i++ {
		r := session.Record{ID: numbered(i), LastActivity: at(rng.IntN(50)), ExpiresAt: at(rng.IntN(50))}
		if home, _ := s.shard(r.ID); home != sh {
			continue
		}
		create(t, s, r)
		live = append(live, r)
		checkShard(t, sh, live)
	}
	for len(live) > 0 {
		i := rng.IntN(len(live))
		if err := s.Delete(t.Context(), live[i].ID); err != nil {
			t.Fatal(err)
		}
		live = slices.Delete(live, i, i+1)
		checkShard(t, sh, live)
	}
	if len(sh.chunks) != 3 {
		t.Errorf("200 records took %d chunks, want 3", len(sh.chunks))
	}
}

func checkShard(t *testing.T, sh *shard, live []session.Record) {
	t.Helper()
	for _, r := range live {
		_, h := sh.store.shard(r.ID)
		if _, ref, ok := sh.find(h, r.ID); !ok || sh.slot(ref).id != r.ID {
			t.Fatalf("%d records: %v is not found", len(live), r.ID)
		}
	}
	if sh.ids.n != len(live) {
		t.Fatalf("the table counts %d, want %d", sh.ids.n, len(live))
	}
	for by, o := range sh.orders {
		if len(o) != len(live) {
			t.Fatalf("order %d has %d records, want %d", by, len(o), len(live))
		}
		for i, ref := range o {
			if sh.slot(ref).pos[by] != uint32(i) {
				t.Fatalf("order %d: the slot at position %d has position %d", by, i, sh.slot(ref).pos[by])
			}
			if i > 0 && sh.before(by, ref, o[(i-1)/2]) {
				t.Fatalf("order %d: the slot at position %d belongs before its parent", by, i)
			}
		}
		if front := sh.fronts[by].Load(); front != sh.front(by) {
			t.Fatalf("order %d: %d is published, %d is in front", by, front, sh.front(by))
		}
	}
}
