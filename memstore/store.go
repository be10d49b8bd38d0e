// Package memstore keeps sessions in the memory of the process.
//
// Use it for tests, for development, and for a service of one process whose
// users may be signed out by a restart: it forgets everything when the process
// ends, and two processes do not see each other's sessions. Where that matters,
// use filestore or sqlstore; the code that uses the sessions stays the same.
//
// # Limits
//
// A store is bounded by a number of sessions and by bytes (see [Config]), so that
// a flood of visitors cannot exhaust the memory. A full store makes room for a
// new record by forgetting others:
//
//  1. expired ones, whoever owned them, the longest expired first;
//  2. then anonymous ones, the one with the least recent LastActivity first, and
//     of those with the same instant the one that was written first.
//
// Sessions that belong to somebody are never forgotten before they expire: when
// only such ones are left, Create and Update fail with [session.ErrFull], and no
// living session is forgotten in vain. The order is exact over the whole store; only calls
// that overlap in time may see it shifted by each other.
//
// # Costs
//
// A session takes about 90 bytes beside its own (data, owner and client), and
// when many have changed, up to a third more of all for what they were before. Load
// allocates its copies and nothing else, View nothing at all. Every operation locks
// one of 256 shards for about a microsecond; creating in a full store and pruning take
// the records to forget from heaps, so neither ever walks through the sessions that
// stay. The garbage collector has pages to mark instead of sessions. There are no
// goroutines, and nothing to close.
package memstore

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"strings"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// A Config bounds a [Store]. The zero value is ready for use.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// MaxSessions is how many records the store holds. Negative: unlimited.
	// Defaults to 1,000,000.
	MaxSessions int

	// MaxBytes is how much memory the records may take. A record counts with its
	// data, owner and client, and about 100 bytes for its place in the store.
	// Negative: unlimited. Defaults to 1 GiB.
	MaxBytes int64

	// Now is the clock that tells which records a full store may forget as
	// expired. Give it the clock of the manager. Defaults to [time.Now].
	Now func() time.Time
}

const (
	defaultMaxSessions = 1_000_000
	defaultMaxBytes    = 1 << 30
)

// A Store is a [session.Store] in memory. It is also a [session.Viewer],
// [session.Toucher], [session.Pruner], [session.Lister] and [session.OwnerLister]. Its methods may
// be called by many goroutines. They never wait for anything but a shard's lock,
// so only those that walk through many records look at their context.
type Store struct {
	seed  maphash.Seed
	now   func() time.Time
	quota quota

	// writes numbers the writes of anonymous records, to tell those with the same
	// LastActivity apart.
	writes atomic.Uint32

	// fronts repeats what stands first in the orders of each shard, outside of the
	// shards: 256 neighbours are read in the time of a few cache misses.
	fronts [orders][shardCount]atomic.Int64

	shards [shardCount]shard
}

var (
	_ session.Store       = (*Store)(nil)
	_ session.Viewer      = (*Store)(nil)
	_ session.Toucher     = (*Store)(nil)
	_ session.Pruner      = (*Store)(nil)
	_ session.Lister      = (*Store)(nil)
	_ session.OwnerLister = (*Store)(nil)
)

// New returns an empty store.
func New(cfg Config) *Store {
	s := &Store{
		seed: maphash.MakeSeed(),
		now:  cfg.Now,
		quota: quota{
			maxSessions: limit(int64(cfg.MaxSessions), defaultMaxSessions),
			maxBytes:    limit(cfg.MaxBytes, defaultMaxBytes),
		},
	}
	if s.now == nil {
		s.now = time.Now
	}
	for i := range s.shards {
		s.shards[i].init(s, i)
	}
	return s
}

// Len returns the number of records, expired ones included.
func (s *Store) Len() int { return int(s.quota.sessions.Load()) }

// shard returns the home of an ID and the hash to look it up there. The hash is
// seeded, so that nobody who chooses IDs can crowd one shard.
func (s *Store) shard(id session.ID) (*shard, uint64) {
	h := maphash.Bytes(s.seed, id[:])
	return &s.shards[h>>(64-shardBits)], h
}

// Load returns a copy of the record.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	r, err := s.View(ctx, id)
	r.Data = bytes.Clone(r.Data)
	r.Owner = strings.Clone(r.Owner)
	r.Client = session.Client{Address: strings.Clone(r.Client.Address), UserAgent: strings.Clone(r.Client.UserAgent)}
	return r, err
}

// View returns the record with the store's own Data and texts, which no write changes
// in place. It allocates nothing. Who keeps the record keeps up to 28 KiB alive with it.
func (s *Store) View(_ context.Context, id session.ID) (session.Record, error) {
	sh, h := s.shard(id)
	sh.mu.Lock()
	_, ref, ok := sh.find(h, id)
	if !ok {
		sh.mu.Unlock()
		return session.Record{}, session.ErrNotFound
	}
	found := *sh.slot(ref)
	body := sh.body(&found)
	sh.mu.Unlock()
	return found.record(body), nil
}

// Create stores a new record. Where the store is full, see the package comment.
func (s *Store) Create(_ context.Context, r session.Record) error {
	sh, h := s.shard(r.ID)
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	entry := pack(b, &r, 1)
	for {
		err := sh.create(h, &r, entry)
		if !errors.Is(err, errNoRoom) {
			return err
		}
		if err := s.evict(cost(len(entry)-entryHead), nil); err != nil {
			return err
		}
	}
}

// Update replaces a record. One that grows may need room as a new one does; it
// never makes room by forgetting itself.
func (s *Store) Update(_ context.Context, r session.Record) error {
	sh, h := s.shard(r.ID)
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	entry := pack(b, &r, r.Version+1)
	for {
		stays, err := sh.update(h, &r, entry)
		if !errors.Is(err, errNoRoom) {
			return err
		}
		if err := s.evict(stays, &r.ID); err != nil {
			return err
		}
	}
}

// Delete removes a record.
func (s *Store) Delete(_ context.Context, id session.ID) error {
	sh, h := s.shard(id)
	sh.mu.Lock()
	defer sh.unlock()
	if at, ref, ok := sh.find(h, id); ok {
		sh.remove(at, ref)
	}
	return nil
}

// Touch prolongs a record.
func (s *Store) Touch(_ context.Context, id session.ID, lastActivity, expires time.Time) error {
	sh, h := s.shard(id)
	sh.mu.Lock()
	defer sh.unlock()
	if _, ref, ok := sh.find(h, id); ok {
		sh.touch(ref, nanos(lastActivity), nanos(expires))
	}
	return nil
}
