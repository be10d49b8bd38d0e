package gorilla

import (
	"context"
	"iter"
	"net/http"

	"github.com/expanse-go/session/sessionmigrate"
)

// RedisPrefix is the default prefix of the keys of redistore.
const RedisPrefix = "session_"

// Redis returns the source of the sessions of boj/redistore. Pass the records of package
// redisrecords, with [RedisPrefix].
func Redis(records sessionmigrate.Records, cfg Config) (sessionmigrate.Lister, error) {
	d, err := cfg.reader()
	if err != nil {
		return nil, err
	}
	return &stored{d, records}, nil
}

type stored struct {
	*reader
	records sessionmigrate.Records
}

func (s *stored) Key(r *http.Request) (sessionmigrate.Key, bool) { return s.keyOf(r) }

func (s *stored) Load(ctx context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	r, err := s.records.Load(ctx, idOf(k))
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	return s.of(k, r)
}

func (s *stored) of(k sessionmigrate.Key, r sessionmigrate.Record) (sessionmigrate.Old, error) {
	old, err := s.old(k, r.Data)
	old.ExpiresAt = r.ExpiresAt
	return old, err
}

// List yields the sessions whose keys have the prefix.
func (s *stored) List(ctx context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		for r, err := range s.records.List(ctx) {
			if err != nil {
				yield(sessionmigrate.Old{}, err)
				return
			}
			if valid(r.Key) && !yield(s.of(s.key(r.Key), r)) {
				return
			}
		}
	}
}
