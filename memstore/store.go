// Package memstore keeps sessions in the memory of the process.
//
// Use it for tests, for development, and for a service that runs in a single process and
// whose users may be signed out by a restart. All sessions are lost when the process
// ends, and processes do not see each other's sessions. If that matters, use filestore or
// sqlstore; the code that uses the sessions stays the same.
//
// # Limits
//
// A store limits the number of sessions and their memory (see [Config]), so that a flood
// of visitors cannot exhaust the memory. A full store evicts records to make room for a
// new one, in this order:
//
//  1. Expired records, with or without an owner. The record that expired first goes first.
//  2. Anonymous records. The one with the oldest LastActivity goes first. Among records
//     with the same LastActivity, the one that was written first goes first.
//
// A session that has an owner is never evicted before it expires. If evicting all other
// records would not make enough room, Create and Update fail with [session.ErrFull], and
// no anonymous session that is still valid is evicted. The order holds for the whole
// store; only concurrent calls may affect the order of each other's evictions.
//
// # Costs
//
// A session takes about 90 bytes in addition to its data, owner and client. After many
// changes, old versions can add up to a third of the total. Load allocates only the copies
// that it returns, and View allocates nothing. Every operation locks one of 256 shards for
// about a microsecond. Eviction and pruning take records from heaps, so neither scans the
// sessions that stay. The garbage collector marks pages instead of sessions. The store
// runs no goroutines, and needs no Close.
package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// A Config contains the limits of a [Store]. The zero value is ready for use.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// MaxSessions is the maximum number of records. Negative means unlimited. It defaults
	// to 1,000,000.
	MaxSessions int

	// MaxBytes is the maximum memory of all records, in bytes. A record counts with its
	// data, owner and client, plus an overhead of about 100 bytes. Negative means
	// unlimited. It defaults to 1 GiB.
	MaxBytes int64

	// Now is the clock that decides which records a full store may evict as expired. Use
	// the clock of the manager. It defaults to [time.Now].
	Now func() time.Time
}

const (
	defaultMaxSessions = 1_000_000
	defaultMaxBytes    = 1 << 30
)

// A Store is a [session.Store] in memory. It also implements [session.Viewer],
// [session.Toucher], [session.Pruner], [session.Lister], [session.OwnerLister],
// [session.OwnerDeleter], [session.Importer] and [session.Stater]. Its methods are safe for
// concurrent use. They wait for nothing but the lock of a shard, so only methods that process
// many records check their context.
type Store struct {
	seed  maphash.Seed
	now   func() time.Time
	quota quota

	// writes numbers the writes of anonymous records, to order records with the same
	// LastActivity.
	writes atomic.Uint32

	// fronts has a copy of the first instant in each order of each shard. It is outside of
	// the shards, because 256 adjacent values can be read with a few cache misses.
	fronts [orders][shardCount]atomic.Int64

	shards [shardCount]shard
}

var (
	_ session.Store        = (*Store)(nil)
	_ session.Viewer       = (*Store)(nil)
	_ session.Toucher      = (*Store)(nil)
	_ session.Pruner       = (*Store)(nil)
	_ session.Lister       = (*Store)(nil)
	_ session.OwnerLister  = (*Store)(nil)
	_ session.OwnerDeleter = (*Store)(nil)
	_ session.Importer     = (*Store)(nil)
	_ session.Stater       = (*Store)(nil)
)

// Format writes the name of the type for every verb, so that a store that is logged by
// accident does not show its sessions.
func (*Store) Format(f fmt.State, _ rune) { io.WriteString(f, "memstore.Store") }

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

// shard returns the shard of an ID, and the hash to look it up there. The hash is seeded,
// so that an attacker who can choose IDs cannot put them all into one shard.
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

// View implements [session.Viewer]. The record shares its Data and strings with the store,
// which never changes them in place. View allocates nothing. A caller that retains the
// record keeps up to 28 KiB of memory alive.
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

// Create stores a new record. If the store is full, it evicts others; see the package
// documentation.
func (s *Store) Create(_ context.Context, r session.Record) error { return s.create(r, 1) }

// Import implements [session.Importer]. A full store evicts others, as for Create.
func (s *Store) Import(_ context.Context, r session.Record) error { return s.create(r, r.Version) }

func (s *Store) create(r session.Record, version uint64) error {
	sh, h := s.shard(r.ID)
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	entry := pack(b, &r, version)
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

// Update replaces a record. If the record grows, a full store evicts others, as for a new
// record, but never the record itself.
func (s *Store) Update(_ context.Context, r session.Record) error {
	sh, h := s.shard(r.ID)
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	entry := pack(b, &r, r.Version+1)
	for {
		required, err := sh.update(h, &r, entry)
		if !errors.Is(err, errNoRoom) {
			return err
		}
		if err := s.evict(required, &r.ID); err != nil {
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

// Touch implements [session.Toucher].
func (s *Store) Touch(_ context.Context, id session.ID, lastActivity, expires time.Time) error {
	sh, h := s.shard(id)
	sh.mu.Lock()
	defer sh.unlock()
	if _, ref, ok := sh.find(h, id); ok {
		sh.touch(ref, nanos(lastActivity), nanos(expires))
	}
	return nil
}
