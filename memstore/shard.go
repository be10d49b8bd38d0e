package memstore

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"

	"github.com/expanse-go/session"
)

const (
	shardBits  = 8
	shardCount = 1 << shardBits
	chunkSize  = 85 // slots: as many as fit into 4 KiB
)

// errNoRoom asks the caller to evict something, without a lock, and to try again.
var errNoRoom = errors.New("session: memory store needs room")

// A shard holds the records of a 256th of all IDs. Slots are addressed by number
// instead of by pointer, which halves the indexes and keeps them and the slots out
// of the collector's sight. Chunks never move, so growing copies no records; they are
// kept for later records when sessions go.
type shard struct {
	store  *Store
	fronts [orders]*atomic.Int64 // this shard's entries of Store.fronts

	mu sync.Mutex

	chunks []*[chunkSize]slot
	used   uint32 // slots that were ever in use
	free   uint32 // the first of the chain of free slots among them

	log bodies

	ids    table             // ID → slot
	orders [orders]order     // expiry of all; activity of the anonymous
	owners map[uint64]uint32 // hash of the owner → first slot of the chain
}

func (s *shard) init(store *Store, i int) {
	s.store = store
	s.free = none
	s.log.open = closed
	for by := range s.fronts {
		s.fronts[by] = &store.fronts[by][i]
		s.fronts[by].Store(math.MaxInt64)
	}
}

// unlock publishes the fronts of the orders. It ends what may have moved them.
func (s *shard) unlock() {
	for by := range s.orders {
		// Most writes move no front, and then leave the other processors' copies alone.
		if front := s.front(by); front != s.fronts[by].Load() {
			s.fronts[by].Store(front)
		}
	}
	s.mu.Unlock()
}

func (s *shard) slot(ref uint32) *slot {
	return &s.chunks[ref/chunkSize][ref%chunkSize]
}

// create stores r, whose body is packed already, under version 1.
func (s *shard) create(h uint64, r *session.Record, entry []byte) error {
	s.mu.Lock()
	defer s.unlock()
	if _, _, ok := s.find(h, r.ID); ok {
		return session.ErrConflict
	}
	if err := s.log.full(); err != nil {
		return err
	}
	if !s.store.quota.take(1, cost(len(entry)-entryHead)) {
		return errNoRoom
	}
	ref := s.alloc()
	*s.slot(ref) = slot{
		id:  r.ID,
		at:  [orders]int64{byExpiry: nanos(r.ExpiresAt), byActivity: nanos(r.LastActivity)},
		pos: [orders]uint32{none, none},
	}
	s.keep(ref, entry)
	s.insert(h, ref)
	s.push(byExpiry, ref)
	s.enrol(ref, r.Owner)
	return nil
}

// update replaces the record of r.ID and r.Version. With errNoRoom it also says
// how many bytes must fit beside the owned records: what eviction cannot take.
func (s *shard) update(h uint64, r *session.Record, entry []byte) (stays int64, err error) {
	s.mu.Lock()
	defer s.unlock()
	_, ref, ok := s.find(h, r.ID)
	if !ok {
		return 0, session.ErrNotFound
	}
	rec := s.slot(ref)
	if version, _ := binary.Uvarint(s.body(rec)); version != r.Version {
		return 0, session.ErrConflict
	}
	if err := s.log.full(); err != nil {
		return 0, err
	}
	needs := cost(len(entry) - entryHead)
	growth := needs - cost(s.size(rec))
	if !s.store.quota.take(0, growth) {
		if rec.anonymous() {
			return needs, errNoRoom
		}
		return growth, errNoRoom
	}
	s.dismiss(ref)
	rec.at = [orders]int64{byExpiry: nanos(r.ExpiresAt), byActivity: nanos(r.LastActivity)}
	s.lose(ref)
	s.keep(ref, entry)
	s.fix(byExpiry, ref)
	s.enrol(ref, r.Owner)
	return 0, nil
}

// touch moves the instants of a record forward.
func (s *shard) touch(ref uint32, lastActivity, expires int64) {
	rec := s.slot(ref)
	if expires > rec.at[byExpiry] {
		rec.at[byExpiry] = expires
		s.fix(byExpiry, ref)
	}
	if lastActivity > rec.at[byActivity] {
		rec.at[byActivity] = lastActivity
		if rec.anonymous() {
			rec.next = s.store.writes.Add(1)
			s.fix(byActivity, ref)
		}
	}
}

// remove forgets a record, which the table has at the given place.
func (s *shard) remove(at int, ref uint32) {
	rec := s.slot(ref)
	s.store.quota.take(-1, -cost(s.size(rec)))
	s.dismiss(ref)
	s.lose(ref)
	s.pull(byExpiry, ref)
	s.erase(at)
	*rec = slot{next: s.free, where: none}
	s.free = ref
}

// enrol puts a record where eviction or a listing finds it, dismiss takes it out
// again: an anonymous one into the order of activity, an owned one into the chain
// of its owner.
func (s *shard) enrol(ref uint32, owner string) {
	rec := s.slot(ref)
	if owner == "" {
		rec.next = s.store.writes.Add(1)
		s.push(byActivity, ref)
		return
	}
	s.store.quota.owned.Add(cost(s.size(rec)))
	if s.owners == nil {
		s.owners = make(map[uint64]uint32)
	}
	h := maphash.String(s.store.seed, owner)
	rec.where |= ownedBit
	rec.next, *rec.prev() = none, none
	if first, ok := s.owners[h]; ok {
		rec.next = first
		*s.slot(first).prev() = ref
	}
	s.owners[h] = ref
}

func (s *shard) dismiss(ref uint32) {
	rec := s.slot(ref)
	if rec.anonymous() {
		s.pull(byActivity, ref)
		return
	}
	s.store.quota.owned.Add(-cost(s.size(rec)))
	rec.where &^= ownedBit
	prev := *rec.prev()
	*rec.prev() = none
	if rec.next != none {
		*s.slot(rec.next).prev() = prev
	}
	if prev != none {
		s.slot(prev).next = rec.next
		return
	}
	// The first of a chain is what the owner leads to.
	old := unpack(s.body(rec))
	h := maphash.Bytes(s.store.seed, old.owner())
	if rec.next != none {
		s.owners[h] = rec.next
	} else {
		delete(s.owners, h)
	}
}

// alloc returns a slot that is not in use.
func (s *shard) alloc() uint32 {
	if ref := s.free; ref != none {
		s.free = s.slot(ref).next
		return ref
	}
	if s.used%chunkSize == 0 {
		s.chunks = append(s.chunks, new([chunkSize]slot))
	}
	s.used++
	return s.used - 1
}
