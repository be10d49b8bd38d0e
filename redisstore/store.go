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

	// CacheFor makes Load return a session that this store has loaded, and not written since, up
	// to this long ago: at most a minute. Zero, the default, means that every load asks the server.
	//
	// What other processes do is then noticed up to CacheFor later: a session that they have
	// ended can be used for that long, and one that they have written is the older one. A
	// visitor's next request must therefore reach the same process (a single process, or a load
	// balancer with sticky sessions); otherwise, a new token seems to be invalid, and a flash
	// message missing. A session that this store has ended is never returned.
	//
	// The cache takes up to 64 MiB.
	CacheFor time.Duration
}

// A Store keeps sessions in Redis. It implements [session.Store], [session.Toucher],
// [session.Pruner], [session.Lister], [session.OwnerLister], [session.OwnerDeleter],
// [session.Importer], [session.Stater] and [session.Broadcaster]. It is safe for concurrent use,
// and several processes may use the same keys.
type Store struct {
	client redis.UniversalClient
	base   redis.UniversalClient // knows the nodes
	async  *redis.AutoPipeliner  // client, if it has the asynchronous face
	queue  *queue                // nil unless client is a *redis.Client
	prefix string
	closed atomic.Bool

	cache *cache // nil without Config.CacheFor

	deadlines bool // the client ends commands at the deadline of their context

	closeClient func() error // nil if the client is not the store's own
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
// accident does not show the password of its server.
func (*Store) Format(f fmt.State, _ rune) { io.WriteString(f, "redisstore.Store") }

// New returns a store that uses client: a *redis.Client, also one from NewFailoverClient, a
// *redis.ClusterClient, or an *redis.AutoPipeliner of one of them. The caller must close client
// after the store. New does not access the server; call [Store.Check] before serving.
//
// It fails for a nil client, invalid settings (each a [*session.ConfigError]), and clients with which
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
	switch c := client.(type) {
	case *redis.AutoPipeliner:
		if !c.IsBlocking() {
			s.async = c
		}
	case *redis.Client:
		s.deadlines = c.Options().ContextTimeoutEnabled
		s.queue = newQueue(s, c)
	case *redis.ClusterClient:
		s.deadlines = c.Options().ContextTimeoutEnabled
	}
	errs := []error{checkPrefix(s.prefix)}
	if cfg.CacheFor < 0 || cfg.CacheFor > longestCache {
		errs = append(errs, &session.ConfigError{Field: "CacheFor", Value: cfg.CacheFor, Reason: "use at most a minute; 0 means no cache"})
	} else if cfg.CacheFor > 0 {
		s.cache = &cache{keep: cfg.CacheFor}
	}
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

// Load implements [session.Store] with one GET, or none with [Config].CacheFor.
func (s *Store) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if s.cache == nil {
		return s.load(ctx, id)
	}
	if err := s.usable(ctx); err != nil {
		return session.Record{}, s.failed(ctx, "load", id, err)
	}
	return s.cache.load(ctx, id, s.load)
}

func (s *Store) load(ctx context.Context, id session.ID) (session.Record, error) {
	get := redis.NewStringCmd(ctx, "get", s.key(id))
	err := s.do(ctx, get)
	if errors.Is(err, redis.Nil) {
		return session.Record{}, session.ErrNotFound
	}
	var r session.Record
	if err == nil {
		b, _ := get.Bytes() // the error is do's
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
	defer s.cache.drop(r.ID)
	return s.answer(ctx, "create", r.ID, s.create(ctx, &r, 1))
}

// Import implements [session.Importer]. It is Create with the version of r.
func (s *Store) Import(ctx context.Context, r session.Record) error {
	defer s.cache.drop(r.ID)
	return s.answer(ctx, "import", r.ID, s.create(ctx, &r, r.Version))
}

func (s *Store) create(ctx context.Context, r *session.Record, version uint64) error {
	if err := check(r); err != nil {
		return err
	}
	value := make([]byte, entrySize, entrySize+size(r))
	if r.Owner != "" {
		e, err := s.enter(ctx, r.Owner, r.ID, r.ExpiresAt)
		if err != nil {
			return err
		}
		copy(value, e[:])
	}
	value = appendRest(value, r, version, rand.Uint64())
	key := s.key(r.ID)
	err := s.do(ctx, redis.NewStatusCmd(ctx, "set", key, value, "nx", "pxat", deletion(r.ExpiresAt)))
	if !errors.Is(err, redis.Nil) {
		return err
	}
	// The client may have sent the SET twice, because the first answer was lost.
	there := redis.NewStringCmd(ctx, "getrange", key, versionAt, activityAt-1)
	if err := s.do(ctx, there); err != nil {
		return err
	}
	if there.Val() != string(value[versionAt:activityAt]) {
		return session.ErrConflict
	}
	return nil
}

// Update implements [session.Store] with one script, which compares the version. A change of
// the owner takes up to three more commands, for the indexes of the owners.
func (s *Store) Update(ctx context.Context, r session.Record) error {
	defer s.cache.drop(r.ID)
	return s.answer(ctx, "update", r.ID, s.update(ctx, &r))
}

func (s *Store) update(ctx context.Context, r *session.Record) error {
	if err := check(r); err != nil {
		return err
	}
	value := appendRest(make([]byte, 0, size(r)), r, r.Version+1, rand.Uint64())
	key, at := s.key(r.ID), deletion(r.ExpiresAt)
	version := binary.BigEndian.AppendUint64(nil, r.Version)
	answer, err := s.run(ctx, updateScript, key, version, value, at, "")
	if err == nil && answer == unlisted {
		var e entry
		if e, err = s.enter(ctx, r.Owner, r.ID, r.ExpiresAt); err == nil {
			answer, err = s.run(ctx, updateScript, key, version, value, at, e[:])
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
	s.leave(ctx, r.ID, answer)
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
	defer s.cache.drop(id)
	answer, err := s.run(ctx, deleteScript, s.key(id), "any", "")
	if err != nil {
		return s.failed(ctx, "delete", id, err)
	}
	s.leave(ctx, id, answer)
	return nil
}

// Touch implements [session.Toucher] with one script, which writes sixteen bytes and moves the
// key's time of deletion. It takes three more commands, about once a day, for a session whose
// owner's index does not cover the new expiry.
func (s *Store) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	defer s.cache.drop(id)
	return s.answer(ctx, "touch", id, s.touch(ctx, id, lastActivity, expires))
}

func (s *Store) touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	key, at := s.key(id), deletion(expires)
	active, until := appendInstant(nil, lastActivity), appendInstant(nil, expires)
	owner, entered := "", []byte(nil)
	for {
		answer, err := s.run(ctx, touchScript, key, active, until, at, entered, owner)
		if err != nil {
			return err
		}
		needs, ok := answer.([]any)
		if !ok {
			s.leave(ctx, id, answer)
			return nil
		}
		// The session needs an entry. If its owner changes meanwhile, it needs another one.
		owner, _ = needs[0].(string)
		e, err := s.enter(ctx, owner, id, expires)
		if err != nil {
			return err
		}
		entered = e[:]
	}
}
