// Package redisrecords reads the sessions that another library keeps in Redis, one key each.
package redisrecords

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
)

// New returns the records whose keys begin with a prefix, such as "scs:session:" or "session_". It
// uses GET, PTTL and SCAN only, and also works with a cluster.
func New(client redis.UniversalClient, prefix string) sessionmigrate.Records {
	return &records{client, prefix}
}

type records struct {
	client redis.UniversalClient
	prefix string
}

// Load returns the record of a key without its prefix.
func (s *records) Load(ctx context.Context, key string) (sessionmigrate.Record, error) {
	r, ok, err := s.get(ctx, []string{s.prefix + key})
	switch {
	case err != nil:
		return sessionmigrate.Record{}, err
	case !ok[0]:
		return sessionmigrate.Record{}, session.ErrNotFound
	}
	return r[0], nil
}

// get reads several keys at once.
func (s *records) get(ctx context.Context, keys []string) ([]sessionmigrate.Record, []bool, error) {
	values, left := make([]*redis.StringCmd, len(keys)), make([]*redis.DurationCmd, len(keys))
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, k := range keys {
			values[i], left[i] = p.Get(ctx, k), p.PTTL(ctx, k)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, nil, err
	}
	found, ok, now := make([]sessionmigrate.Record, len(keys)), make([]bool, len(keys)), time.Now()
	for i, k := range keys {
		data, err := values[i].Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		ttl, terr := left[i].Result()
		if err = errors.Join(err, terr); err != nil {
			return nil, nil, err
		}
		found[i], ok[i] = sessionmigrate.Record{Key: strings.TrimPrefix(k, s.prefix), Data: data}, true
		if ttl > 0 { // -1: it never expires
			found[i].ExpiresAt = now.Add(ttl)
		}
	}
	return found, ok, nil
}

// List yields the records. A key that is added or removed meanwhile may be missing.
func (s *records) List(ctx context.Context) iter.Seq2[sessionmigrate.Record, error] {
	return func(yield func(sessionmigrate.Record, error) bool) {
		nodes, err := s.nodes(ctx)
		if err != nil {
			yield(sessionmigrate.Record{}, err)
			return
		}
		for _, node := range nodes {
			if !s.scan(ctx, node, yield) {
				return
			}
		}
	}
}

// nodes returns the servers that have keys.
func (s *records) nodes(ctx context.Context) (nodes []redis.Cmdable, err error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return []redis.Cmdable{s.client}, nil
	}
	found := make(chan redis.Cmdable)
	done := make(chan error, 1)
	go func() {
		done <- cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
			found <- c
			return nil
		})
		close(found)
	}()
	for c := range found {
		nodes = append(nodes, c)
	}
	return nodes, <-done
}

var escaped = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

func (s *records) scan(ctx context.Context, node redis.Cmdable, yield func(sessionmigrate.Record, error) bool) bool {
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		keys, next, err := node.Scan(ctx, cursor, escaped.Replace(s.prefix)+"*", 500).Result()
		if err != nil {
			yield(sessionmigrate.Record{}, err)
			return false
		}
		cursor = next
		if len(keys) == 0 {
			continue
		}
		found, ok, err := s.get(ctx, keys)
		if err != nil {
			yield(sessionmigrate.Record{}, err)
			return false
		}
		for i, r := range found {
			if ok[i] && !yield(r, nil) {
				return false
			}
		}
	}
	return true
}
