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
	chunkSize  = 85 // the number of slots that fit into 4 KiB
)

// errNoRoom tells the caller to evict a record, without the lock, and to retry.
var errNoRoom = errors.New("session: the memory store is full")

// A shard holds the records of a 256th of all IDs. It refers to slots by number instead of
// by pointer, which halves the size of the indexes, and lets the garbage collector skip
// them and the slots. Chunks never move, so growing copies no records. They are reused
// after sessions are deleted.
type shard struct {
	store  *Store
	fronts [orders]*atomic.Int64 // this shard's entries of Store.fronts

	mu sync.Mutex

	chunks []*[chunkSize]slot
	used   uint32 // the number of slots that were ever in use
	free   uint32 // the head of the free list

	log bodyLog

	ids    table             // ID → slot
	orders [orders]order     // by expiry: all records; by activity: the anonymous ones
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

// unlock publishes the fronts of the orders, and unlocks the shard. Methods that may
// change the fronts use it instead of s.mu.Unlock.
func (s *shard) unlock() {
	for by := range s.orders {
		// Most writes do not change the front. Then do not store it, so that the cache
		// lines of other processors stay valid.
		if front := s.front(by); front != s.fronts[by].Load() {
			s.fronts[by].Store(front)
		}
	}
	s.mu.Unlock()
}

func (s *shard) slot(ref uint32) *slot {
	return &s.chunks[ref/chunkSize][ref%chunkSize]
}

// create stores a new record. The entry contains the body of r with its version.
func (s *shard) create(h uint64, r *session.Record, entry []byte) error {
	s.mu.Lock()
	defer s.unlock()
	if _, _, ok := s.find(h, r.ID); ok {
		return session.ErrConflict
	}
	if err := s.log.full(); err != nil {
		return err
	}
	if !s.store.quota.add(1, cost(len(entry)-entryHead)) {
		return errNoRoom
	}
	ref := s.alloc()
	*s.slot(ref) = slot{
		id:  r.ID,
		at:  [orders]int64{byExpiry: nanos(r.ExpiresAt), byActivity: nanos(r.LastActivity)},
		pos: [orders]uint32{none, none},
	}
	s.addBody(ref, entry)
	s.insert(h, ref)
	s.push(byExpiry, ref)
	s.index(ref, r.Owner)
	return nil
}

// update replaces the record with the ID and version of r. With errNoRoom it also returns
// the number of bytes that must fit in addition to the owned records, which are never
// evicted.
func (s *shard) update(h uint64, r *session.Record, entry []byte) (required int64, err error) {
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
	if !s.store.quota.add(0, growth) {
		if rec.anonymous() {
			return needs, errNoRoom
		}
		return growth, errNoRoom
	}
	s.unindex(ref)
	rec.at = [orders]int64{byExpiry: nanos(r.ExpiresAt), byActivity: nanos(r.LastActivity)}
	s.dropBody(ref)
	s.addBody(ref, entry)
	s.fix(byExpiry, ref)
	s.index(ref, r.Owner)
	return 0, nil
}

// touch moves the times of a record forward.
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

// remove removes a record, which is at the given position in the table.
func (s *shard) remove(at int, ref uint32) {
	rec := s.slot(ref)
	s.store.quota.add(-1, -cost(s.size(rec)))
	s.unindex(ref)
	s.dropBody(ref)
	s.pop(byExpiry, ref)
	s.erase(at)
	*rec = slot{next: s.free, where: none}
	s.free = ref
}

// index adds a record to the order of activity if it is anonymous, and to the chain of
// its owner otherwise. unindex removes it again.
func (s *shard) index(ref uint32, owner string) {
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

func (s *shard) unindex(ref uint32) {
	rec := s.slot(ref)
	if rec.anonymous() {
		s.pop(byActivity, ref)
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
	// The record was the first of the chain.
	old := unpack(s.body(rec))
	h := maphash.Bytes(s.store.seed, old.owner())
	if rec.next != none {
		s.owners[h] = rec.next
	} else {
		delete(s.owners, h)
	}
}

// alloc returns an unused slot.
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
