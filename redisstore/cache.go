package redisstore

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

const (
	// longestCache limits Config.CacheFor: for this long, a session that another process has
	// ended can still be used.
	longestCache = time.Minute

	// cacheShards divides the cache, so that loads do not wait for each other.
	cacheShards = 64

	// maxCached is how many bytes of sessions a shard holds at most: 64 MiB in all shards.
	maxCached = 1 << 20
)

// A cache holds sessions that this store has loaded. A write of this store drops the session when
// it is done, whatever its outcome. A load that began before that may still have the older value,
// so it is not kept: each shard counts what it drops, and a load compares the count.
type cache struct {
	keep   time.Duration
	shards [cacheShards]cacheShard
}

type cacheShard struct {
	mu      sync.Mutex
	records map[session.ID]cached
	bytes   int
	drops   uint64
}

type cached struct {
	record session.Record
	until  time.Time
}

func (c *cache) shard(id session.ID) *cacheShard { return &c.shards[id[0]%cacheShards] }

// load returns a record that is younger than keep, and otherwise that of f.
func (c *cache) load(ctx context.Context, id session.ID, f func(context.Context, session.ID) (session.Record, error)) (session.Record, error) {
	now, s := time.Now(), c.shard(id)
	r, drops, ok := s.find(id, now)
	if ok {
		r.Data = bytes.Clone(r.Data)
		return r, nil
	}
	r, err := f(ctx, id)
	if err == nil {
		kept := r
		kept.Data = bytes.Clone(r.Data)
		s.put(kept, now, now.Add(c.keep), drops)
	}
	return r, err
}

func (s *cacheShard) find(id session.ID, now time.Time) (r session.Record, drops uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.records[id]
	if ok && !now.Before(e.until) {
		s.remove(id)
		ok = false
	}
	return e.record, s.drops, ok
}

// put keeps a record, unless the shard has dropped one since it had the given count.
func (s *cacheShard) put(r session.Record, now, until time.Time, drops uint64) {
	size := recordSize(&r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drops != drops || size > maxCached {
		return
	}
	if s.records == nil {
		s.records = make(map[session.ID]cached)
	}
	s.remove(r.ID)
	if s.bytes+size > maxCached {
		for id, e := range s.records {
			if !now.Before(e.until) {
				s.remove(id)
			}
		}
	}
	for id := range s.records {
		if s.bytes+size <= maxCached {
			break
		}
		s.remove(id)
	}
	s.records[r.ID] = cached{r, until}
	s.bytes += size
}

func (s *cacheShard) remove(id session.ID) {
	if e, ok := s.records[id]; ok {
		s.bytes -= recordSize(&e.record)
		delete(s.records, id)
	}
}

// drop forgets a session, and makes loads in progress forget what they get.
func (c *cache) drop(id session.ID) {
	if c == nil {
		return
	}
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drops++
	s.remove(id)
}

// recordSize returns about how much memory a record takes.
func recordSize(r *session.Record) int {
	return 256 + len(r.Owner) + len(r.Client.Address) + len(r.Client.UserAgent) + len(r.Data)
}
