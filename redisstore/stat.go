package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// statAtOnce is how many records one pipeline of Stat asks about: few enough that the answers
// take less than a megabyte.
const statAtOnce = 1 << 12

// Stat implements [session.Stater]. It reads the first 58 bytes of each session, in pipelines of
// 4,096.
func (s *Store) Stat(ctx context.Context, ids []session.ID) (all []session.Status, err error) {
	for some := range slices.Chunk(ids, statAtOnce) {
		found, err := s.stat(ctx, slices.Clone(some)) // after the end of ctx, the pipeline goes on
		if err != nil {
			return nil, s.failed(ctx, "stat", session.ID{}, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (s *Store) stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	return await(ctx, s, func(ctx context.Context) (all []session.Status, err error) {
		heads := make([]*redis.StringCmd, len(ids))
		_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, id := range ids {
				heads[i] = p.GetRange(ctx, s.key(id), 0, headSize-1)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for i, head := range heads {
			b, err := head.Bytes()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, err
			}
			if len(b) < headSize || b[entrySize] != format {
				continue // there is no session
			}
			all = append(all, session.Status{
				ID:           ids[i],
				Version:      binary.BigEndian.Uint64(b[versionAt:]),
				LastActivity: instant(b[activityAt:]),
				ExpiresAt:    instant(b[expiresAt:]),
			})
		}
		return all, nil
	})
}
