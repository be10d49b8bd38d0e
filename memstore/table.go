package memstore

import (
	"hash/maphash"

	"github.com/expanse-go/session"
)

// A table maps IDs to slots. It is a hash table of slot numbers with linear probing. Its
// size is a power of two, and it is at most three quarters full, so it takes 5 to 11 bytes
// for each record. A map[session.ID]uint32 would take 24 to 48 bytes, because it would
// store every ID a second time.
type table struct {
	refs []uint32 // slot number + 1; 0: empty
	n    int
}

const minTable = 8

// find returns the slot of an ID, and its position in the table.
func (s *shard) find(h uint64, id session.ID) (at int, ref uint32, ok bool) {
	refs := s.ids.refs
	if len(refs) == 0 {
		return 0, none, false
	}
	mask := len(refs) - 1
	for at = int(h) & mask; refs[at] != 0; at = (at + 1) & mask {
		ref = refs[at] - 1
		if s.slot(ref).id == id {
			return at, ref, true
		}
	}
	return 0, none, false
}

// insert adds a slot whose ID is not in the table.
func (s *shard) insert(h uint64, ref uint32) {
	t := &s.ids
	if 4*(t.n+1) > 3*len(t.refs) {
		old := t.refs
		t.refs = make([]uint32, max(minTable, 2*len(old)))
		for _, v := range old {
			if v != 0 {
				t.put(s.home(v-1), v)
			}
		}
	}
	t.put(h, ref+1)
	t.n++
}

func (t *table) put(h uint64, v uint32) {
	mask := len(t.refs) - 1
	at := int(h) & mask
	for t.refs[at] != 0 {
		at = (at + 1) & mask
	}
	t.refs[at] = v
}

// erase removes the entry at a position, and moves back the entries that were displaced by
// it, so that no search stops at the gap too early.
func (s *shard) erase(at int) {
	t := &s.ids
	mask := len(t.refs) - 1
	for next := (at + 1) & mask; t.refs[next] != 0; next = (next + 1) & mask {
		home := int(s.home(t.refs[next]-1)) & mask
		if (next-home)&mask >= (next-at)&mask {
			t.refs[at] = t.refs[next]
			at = next
		}
	}
	t.refs[at] = 0
	t.n--
}

// home returns the hash of the ID in a slot, which is where its probing starts.
func (s *shard) home(ref uint32) uint64 {
	return maphash.Bytes(s.store.seed, s.slot(ref).id[:])
}
