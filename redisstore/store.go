package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// ErrClosed is returned by every method of a store after [Store.Close].
var ErrClosed = errors.New("session: the store is closed")

// A Config configures a store. The zero value is right for most programs.
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Prefix is what every key begins with: at most 64 letters, digits and the characters
	// ":._-/". Two applications on one server need prefixes of which neither begins with the
	// other. Defaults to [DefaultPrefix].
	Prefix string

	// Base is the client that an AutoPipeliner was made from. [Store.List], [Store.Prune],
	// [Store.Check] and [Store.Warnings] use it, because only a *redis.ClusterClient knows
	// every node of a cluster. It is needed for a cluster only; without it, List fails there.
	Base redis.UniversalClient
}

// A Store keeps sessions in Redis. It implements [session.Store], [session.Toucher],
// [session.Pruner], [session.Lister], [session.OwnerLister] and [session.OwnerDeleter]. It is
// safe for concurrent use, and several processes may use the same keys.
type Store struct {
	client redis.UniversalClient
	base   redis.UniversalClient // knows the nodes
	prefix string
	closed atomic.Bool

	closeClient func() error // nil if the client is not the store's own
}

var (
	_ session.Store        = (*Store)(nil)
	_ session.Toucher      = (*Store)(nil)
	_ session.Pruner       = (*Store)(nil)
	_ session.Lister       = (*Store)(nil)
	_ session.OwnerLister  = (*Store)(nil)
	_ session.OwnerDeleter = (*Store)(nil)
)

// Format writes the name of the type, whatever the verb is, so that a store that is logged by
// accident does not show the password of its server.
func (*Store) Format(f fmt.State, _ rune) { io.WriteString(f, "redisstore.Store") }

// New returns a store that uses client: a *redis.Client, also one from NewFailoverClient, a
// *redis.ClusterClient, or an *redis.AutoPipeliner of one of them. The caller must close client
// after the store. New does not access the server; call [Store.Check] before serving.
//
// It fails for a nil client, an invalid prefix (a [*session.ConfigError]), and clients with which
// a session that has ended could come back: a *redis.Ring, and clients that read from replicas or
// from a cache of their own. It reports all mistakes, joined.
func New(client redis.UniversalClient, cfg Config) (*Store, error) {
	if client == nil {
		return nil, errors.New("session: redisstore.New needs a client; make one with redis.NewClient")
	}
	s := &Store{client: client, base: cfg.Base, prefix: cfg.Prefix}
	if s.prefix == "" {
		s.prefix = DefaultPrefix
	}
	if s.base == nil {
		s.base = client
	}
	errs := []error{checkPrefix(s.prefix)}
	if reason := unsuitable(client); reason != "" {
		errs = append(errs, fmt.Errorf("session: redisstore.New cannot use this %T: %s", client, reason))
	}
	if reason := unsuitable(s.base); reason != "" && s.base != client {
		errs = append(errs, &session.ConfigError{Field: "Base", Value: fmt.Sprintf("%T", s.base), Reason: reason})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// unsuitable says why the store could not keep its promises with a client.
func unsuitable(client redis.UniversalClient) string {
	switch c := client.(type) {
	case *redis.Ring:
		return "a Ring spreads keys over servers that do not know of each other, so a session that has ended can come back when a server does; use one server, Sentinel or a cluster"
	case *redis.ClusterClient:
		if o := c.Options(); o.ReadOnly || o.RouteByLatency || o.RouteRandomly {
			return "it reads from replicas, which may still have a session that has ended; switch off ReadOnly, RouteByLatency and RouteRandomly"
		}
	case *redis.Client:
		if o := c.Options(); o.ClientSideCacheConfig != nil || o.ClientSideCache != nil {
			return "it has a cache of its own, which may still have a session that has ended; switch the cache off"
		}
	}
	return ""
}

// Close makes later calls fail with [ErrClosed]. If the store comes from [Open], Close also
// closes the client. Closing again does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) || s.closeClient == nil {
		return nil
	}
	return s.closeClient()
}

// Load implements [session.Store] with one GET.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	b, err := await(ctx, s, func(ctx context.Context) ([]byte, error) { return s.client.Get(ctx, s.key(id)).Bytes() })
	if errors.Is(err, redis.Nil) {
		return session.Record{}, session.ErrNotFound
	}
	var r session.Record
	if err == nil {
		r, err = decode(id, b)
	}
	if err != nil {
		return session.Record{}, s.failed(ctx, "load", id, err)
	}
	return r, nil
}

// Create implements [session.Store] with one SET that fails if the key exists. If the session
// has an owner, the owner's index comes first.
func (s *Store) Create(ctx context.Context, r session.Record) error {
	if err := check(&r); err != nil {
		return s.failed(ctx, "create", r.ID, err)
	}
	write := rand.Uint64()
	value := make([]byte, entrySize, entrySize+headSize+len(r.Owner)+len(r.Data)+600)
	value = appendRest(value, &r, 1, write)
	_, err := await(ctx, s, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.create(ctx, &r, value) })
	return s.answer(ctx, "create", r.ID, err)
}

func (s *Store) create(ctx context.Context, r *session.Record, value []byte) error {
	if r.Owner != "" {
		e, err := s.enter(ctx, s.client, r.Owner, r.ID, r.ExpiresAt)
		if err != nil {
			return err
		}
		copy(value, e[:])
	}
	key := s.key(r.ID)
	set := redis.NewStatusCmd(ctx, "set", key, value, "nx", "pxat", deletion(r.ExpiresAt))
	err := s.client.Process(ctx, set)
	if err == nil {
		err = set.Err()
	}
	if !errors.Is(err, redis.Nil) {
		return err
	}
	// The client may have sent the SET twice, because the first answer was lost.
	there, err := s.client.GetRange(ctx, key, versionAt, activityAt-1).Result()
	if err == nil && there != string(value[versionAt:activityAt]) {
		err = session.ErrConflict
	}
	return err
}

// Update implements [session.Store] with one script, which compares the version. A change of
// the owner takes up to two more commands, for the indexes of the owners.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	if err := check(&r); err != nil {
		return s.failed(ctx, "update", r.ID, err)
	}
	value := rest(&r, r.Version+1, rand.Uint64())
	_, err := await(ctx, s, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.update(ctx, &r, value) })
	return s.answer(ctx, "update", r.ID, err)
}

func (s *Store) update(ctx context.Context, r *session.Record, value []byte) error {
	key, version := s.key(r.ID), binary.BigEndian.AppendUint64(nil, r.Version)
	answer, err := run(ctx, s.client, updateScript, key, version, value, deletion(r.ExpiresAt), "")
	if err == nil && answer == unlisted {
		var e entry
		if e, err = s.enter(ctx, s.client, r.Owner, r.ID, r.ExpiresAt); err == nil {
			answer, err = run(ctx, s.client, updateScript, key, version, value, deletion(r.ExpiresAt), e[:])
		}
	}
	switch {
	case err != nil:
		return err
	case answer == absent:
		return session.ErrNotFound
	case answer == conflict:
		return session.ErrConflict
	}
	s.leave(ctx, s.client, r.ID, answer)
	return nil
}

// check refuses what a value cannot hold.
func check(r *session.Record) error {
	if len(r.Owner) > session.MaxOwner {
		return fmt.Errorf("the owner has %d bytes; at most %d are possible", len(r.Owner), session.MaxOwner)
	}
	return nil
}

// Delete implements [session.Store] with one script. If the session has an owner, a second
// command removes it from the owner's index.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	_, err := await(ctx, s, func(ctx context.Context) (struct{}, error) {
		answer, err := run(ctx, s.client, deleteScript, s.key(id), "any", "")
		if err == nil {
			s.leave(ctx, s.client, id, answer)
		}
		return struct{}{}, err
	})
	return s.answer(ctx, "delete", id, err)
}

// Touch implements [session.Toucher] with one script, which writes sixteen bytes and moves the
// key's time of deletion. It takes two more commands, about once a day, for a session whose
// owner's index does not cover the new expiry.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	_, err := await(ctx, s, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.touch(ctx, id, appendInstant(nil, lastActivity), expires)
	})
	return s.answer(ctx, "touch", id, err)
}

func (s *Store) touch(ctx context.Context, id session.ID, active []byte, expires time.Time) error {
	key, until, at := s.key(id), appendInstant(nil, expires), deletion(expires)
	owner, entered := "", []byte(nil)
	for ctx.Err() == nil {
		answer, err := run(ctx, s.client, touchScript, key, active, until, at, entered, owner)
		if err != nil {
			return err
		}
		needs, ok := answer.([]any)
		if !ok {
			s.leave(ctx, s.client, id, answer)
			return nil
		}
		// The session needs an entry. If its owner changes meanwhile, it needs another one.
		owner, _ = needs[0].(string)
		e, err := s.enter(ctx, s.client, owner, id, expires)
		if err != nil {
			return err
		}
		entered = e[:]
	}
	return ctx.Err()
}
