package natsstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
)

// DefaultBucket is the name of the bucket if [Config].Bucket is empty.
const DefaultBucket = "sessions"

// A Config names the bucket. The zero value is the bucket "sessions".
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Bucket is the name of the KeyValue bucket: letters, digits, "_" and "-". It must
	// exist, and contain nothing but the sessions of this store. Defaults to
	// [DefaultBucket].
	Bucket string
}

// A Store keeps sessions in a KeyValue bucket of NATS JetStream. It implements
// [session.Store], [session.Toucher], [session.Pruner], [session.Lister],
// [session.OwnerLister], [session.OwnerDeleter], [session.Importer], [session.Stater] and
// [session.Broadcaster]. It is safe for concurrent use, and several processes may use the same
// bucket.
type Store struct {
	js     jetstream.JetStream
	bucket string
	api    string // prefix of requests to JetStream
	put    string // prefix of the subjects to publish to

	subjects string // prefix of the subjects of the bucket

	own *nats.Conn // nil if the connection is the caller's
}

var (
	_ session.Store        = (*Store)(nil)
	_ session.Toucher      = (*Store)(nil)
	_ session.Pruner       = (*Store)(nil)
	_ session.Lister       = (*Store)(nil)
	_ session.OwnerLister  = (*Store)(nil)
	_ session.OwnerDeleter = (*Store)(nil)
	_ session.Importer     = (*Store)(nil)
	_ session.Stater       = (*Store)(nil)
	_ session.Broadcaster  = (*Store)(nil)
)

// Format writes the name of the type, whatever the verb is, so that a store that is logged by
// accident does not show the password of its connection.
func (*Store) Format(f fmt.State, _ rune) { io.WriteString(f, "natsstore.Store") }

// New returns a store that uses the connection of js, which the caller closes after the
// last use of the store. New does not access the server; call [Store.Check] before
// serving.
//
// It fails if js is nil, and with a [*session.ConfigError] if the name of the bucket is not
// valid.
func New(js jetstream.JetStream, cfg Config) (*Store, error) {
	if js == nil {
		return nil, errors.New("session: natsstore.New needs a JetStream context; make one with jetstream.New")
	}
	bucket := cfg.Bucket
	if bucket == "" {
		bucket = DefaultBucket
	}
	if strings.Trim(bucket, "_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil, &session.ConfigError{Field: "Bucket", Value: bucket, Reason: "use letters, digits, _ and - only"}
	}
	s := &Store{js: js, bucket: bucket, api: jetstream.DefaultAPIPrefix, subjects: "$KV." + bucket + "."}
	s.put = s.subjects
	switch opts := js.Options(); {
	case opts.APIPrefix != "":
		s.api = strings.TrimSuffix(opts.APIPrefix, ".") + "."
	case opts.Domain != "":
		s.api = "$JS." + opts.Domain + ".API."
	}
	if s.api != jetstream.DefaultAPIPrefix {
		s.put = s.api + s.subjects // as the KeyValue clients do
	}
	return s, nil
}

// Load implements [session.Store] with one request to the leader of the bucket.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	var cur current
	err := s.retry(ctx, func(ctx context.Context) (err error) {
		cur, err = s.current(ctx, id)
		return err
	})
	switch {
	case err != nil:
		return session.Record{}, s.failed("load", id, err)
	case !cur.here:
		return session.Record{}, session.ErrNotFound
	}
	return cur.Record, nil
}

// Create implements [session.Store]. It takes one round trip, and another one for the index
// if the record has an owner.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	r.Version = 1
	return s.failed("create", r.ID, s.create(ctx, r))
}

// Import implements [session.Importer]. It is Create with the version of r.
func (s *Store) Import(ctx context.Context, r session.Record) error {
	return s.failed("import", r.ID, s.create(ctx, r))
}

func (s *Store) create(ctx context.Context, r session.Record) error {
	return s.change(ctx, r.ID, absent, func(cur current) (*stored, error) {
		if cur.here {
			return nil, session.ErrConflict
		}
		return &stored{Record: r}, nil
	})
}

// Update implements [session.Store]. It takes two round trips: one reads the stored version
// and the sequence number of its message, and the other replaces exactly that message.
// A third one adds a record of a new owner to the index.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	return s.failed("update", r.ID, s.change(ctx, r.ID, unknown, func(cur current) (*stored, error) {
		switch {
		case !cur.here:
			return nil, session.ErrNotFound
		case cur.Version != r.Version:
			return nil, session.ErrConflict
		}
		next := r
		next.Version++
		return &stored{Record: next}, nil
	}))
}

// Delete implements [session.Store]. It leaves a marker that the server removes after a few
// minutes, so that whoever watches the bucket notices the end of the session.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	_, err := s.remove(ctx, id, nil)
	return s.failed("delete", id, err)
}

// Touch implements [session.Toucher]. It reads the record and writes all of it, which takes
// as long as an update, because NATS cannot change the lifetime of a message.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	return s.failed("touch", id, s.change(ctx, id, unknown, func(cur current) (*stored, error) {
		if !cur.here || !lastActivity.After(cur.LastActivity) && !expires.After(cur.ExpiresAt) {
			return nil, nil
		}
		// The write keeps its stamp, so that an Update whose answer was lost still finds it.
		next := cur.stored
		if lastActivity.After(next.LastActivity) {
			next.LastActivity = lastActivity
		}
		if expires.After(next.ExpiresAt) {
			next.ExpiresAt = expires
		}
		return &next, nil
	}))
}

// Prune implements [session.Pruner]. The server removes expired records by itself, so Prune
// returns 0 at once if before is at least [session.PruneSlack] ago, as it is when a manager
// prunes. For a later instant, it reads all records.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 || !forget(before).After(time.Now()) {
		return 0, nil
	}
	expired := func(r session.Record) bool { return r.ExpiresAt.Before(before) }
	n := 0
	for r, err := range s.List(ctx) {
		if err != nil {
			return n, err
		}
		if !expired(r) {
			continue
		}
		removed, err := s.remove(ctx, r.ID, expired)
		if err != nil {
			return n, s.failed("prune", r.ID, err)
		}
		if removed {
			n++
		}
		if n == limit {
			break
		}
	}
	return n, nil
}

// List implements [session.Lister]. It asks the leader for the keys, up to 100,000 at once,
// and loads each record by itself.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		keys, total, err := s.page(ctx, "id.>", 0)
		if len(keys) == total {
			s.load(ctx, keys, err)(yield)
			return
		}
		// The next page would begin at an offset, and miss a key if one before it is removed
		// in the meantime. Each of these parts has a single page, up to 25 million sessions.
		for part := range 256 {
			keys, err := s.keys(ctx, fmt.Sprintf("id.%02x.*", part))
			for r, err := range s.load(ctx, keys, err) {
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// ListOwner implements [session.OwnerLister] by the index of owners: one request for the
// keys, and one load for each session. For the owner "" it reads all records.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		all := s.List(ctx)
		if owner != "" {
			keys, err := s.keys(ctx, "owner."+hash(owner)+".>")
			all = s.load(ctx, keys, err)
		}
		for r, err := range all {
			if err == nil && r.Owner != owner {
				continue // the index may name sessions that it should not
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// DeleteOwned implements [session.OwnerDeleter]. Each record takes two round trips.
func (s *Store) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (int, error) {
	n := 0
	for _, id := range ids {
		removed, err := s.remove(ctx, id, func(r session.Record) bool { return r.Owner == owner })
		if err != nil {
			return n, s.failed("delete of an owner", id, err)
		}
		if removed {
			n++
		}
	}
	return n, nil
}

// load yields the records that the keys belong to, or the error with which listing the keys
// failed.
func (s *Store) load(ctx context.Context, keys []string, err error) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		if err != nil {
			yield(session.Record{}, s.failed("list", session.ID{}, err))
			return
		}
		done := make(map[session.ID]bool, len(keys))
		for _, key := range keys {
			id, ok := idOf(key)
			if !ok || done[id] {
				continue
			}
			done[id] = true
			r, err := s.Load(ctx, id)
			if errors.Is(err, session.ErrNotFound) {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}
