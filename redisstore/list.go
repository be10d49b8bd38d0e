package redisstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

const (
	// pageSize is how many records List holds in memory at once: at most 64 MiB with the
	// manager's default limit of one MiB for a session.
	pageSize = 64

	// scanCount is how many keys the server looks at in one step of SCAN or ZSCAN: few enough
	// that other clients do not wait.
	scanCount = 512
)

// List implements [session.Lister] with SCAN on each primary, which goes through all keys of
// the database, not only those of the store. It is meant for administration. It holds the IDs
// that it has yielded in memory, because SCAN may return a key twice. It skips values that are
// no sessions.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.records(ctx, s.scan(ctx), func(*session.Record) bool { return true })
}

// ListOwner implements [session.OwnerLister] with the owner's index, and compares the owner of
// each session that it finds. For the owner "", which has no index, it filters List.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	ids := s.scan(ctx)
	if owner != "" {
		ids = s.scanOwner(ctx, owner)
	}
	return s.records(ctx, ids, func(r *session.Record) bool { return r.Owner == owner })
}

// records loads the sessions with the IDs page by page, and yields each once.
func (s *Store) records(ctx context.Context, ids iter.Seq2[session.ID, error], wanted func(*session.Record) bool) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		seen := make(map[session.ID]bool)
		page := make([]session.ID, 0, pageSize)
		flush := func() bool {
			rs, err := s.loadAll(ctx, page)
			page = page[:0]
			if err != nil {
				yield(session.Record{}, s.failed(ctx, "list", session.ID{}, err))
				return false
			}
			for _, r := range rs {
				if wanted(&r) && !yield(r, nil) {
					return false
				}
			}
			return true
		}
		for id, err := range ids {
			if err != nil {
				yield(session.Record{}, s.failed(ctx, "list", session.ID{}, err))
				return
			}
			if seen[id] {
				continue
			}
			seen[id] = true
			if page = append(page, id); len(page) == pageSize && !flush() {
				return
			}
		}
		if len(page) > 0 {
			flush()
		}
	}
}

// loadAll loads the sessions that exist, in one pipeline for each node.
func (s *Store) loadAll(ctx context.Context, ids []session.ID) ([]session.Record, error) {
	ids = slices.Clone(ids) // after the end of ctx, the pipeline goes on
	return await(ctx, s, func(ctx context.Context) (rs []session.Record, err error) {
		loads := make([]*redis.StringCmd, len(ids))
		_, err = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, id := range ids {
				loads[i] = p.Get(ctx, s.key(id))
			}
			return nil
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		for i, load := range loads {
			b, err := load.Bytes()
			if err == nil {
				r, err := decode(ids[i], b)
				if err == nil {
					rs = append(rs, r)
				}
				continue // a value that does not decode lets nobody in
			}
			if !errors.Is(err, redis.Nil) {
				return nil, err
			}
		}
		return rs, nil
	})
}

// scan yields the IDs of all sessions, some perhaps twice.
func (s *Store) scan(ctx context.Context) iter.Seq2[session.ID, error] {
	return func(yield func(session.ID, error) bool) {
		nodes, err := s.nodes(ctx)
		if err != nil {
			yield(session.ID{}, err)
			return
		}
		for _, node := range nodes {
			more := steps(ctx, s, func(ctx context.Context, cursor uint64) *redis.ScanCmd {
				return node.ScanType(ctx, cursor, s.prefix+"*", scanCount, "string")
			}, func(keys []string, err error) bool {
				for _, key := range keys {
					if id, ok := s.idOf(key); ok && !yield(id, nil) {
						return false
					}
				}
				return err == nil || yield(session.ID{}, err)
			})
			if !more {
				return
			}
		}
	}
}

// scanOwner yields the IDs in the index of an owner, some perhaps twice.
func (s *Store) scanOwner(ctx context.Context, owner string) iter.Seq2[session.ID, error] {
	return func(yield func(session.ID, error) bool) {
		steps(ctx, s, func(ctx context.Context, cursor uint64) *redis.ScanCmd {
			return s.client.ZScan(ctx, s.ownerKey(owner), cursor, "", scanCount)
		}, func(pairs []string, err error) bool {
			for i := 0; i < len(pairs); i += 2 { // members and scores
				if m := pairs[i]; len(m) == len(session.ID{})+tagSize && !yield(session.ID([]byte(m[:len(session.ID{})])), nil) {
					return false
				}
			}
			return err == nil || yield(session.ID{}, err)
		})
	}
}

// steps calls found with the result of each step of a scan. It returns false after an error,
// and if found has returned false.
func steps(ctx context.Context, s *Store, step func(context.Context, uint64) *redis.ScanCmd, found func([]string, error) bool) bool {
	type page struct {
		keys   []string
		cursor uint64
	}
	var cursor uint64
	for {
		p, err := await(ctx, s, func(ctx context.Context) (page, error) {
			keys, next, err := step(ctx, cursor).Result()
			return page{keys, next}, err
		})
		if !found(p.keys, err) || err != nil {
			return false
		}
		if cursor = p.cursor; cursor == 0 {
			return true
		}
	}
}

// nodes returns a client for each server that has sessions.
func (s *Store) nodes(ctx context.Context) ([]redis.Cmdable, error) {
	cluster, ok := s.base.(interface {
		ForEachMaster(context.Context, func(context.Context, *redis.Client) error) error
	})
	if !ok {
		if _, ok := s.base.(*redis.Client); !ok && s.clustered(ctx) {
			return nil, fmt.Errorf("session: a %T of a cluster does not know its nodes; set redisstore.Config.Base to the *redis.ClusterClient that it was made from", s.base)
		}
		return []redis.Cmdable{s.base}, nil
	}
	return await(ctx, s, func(ctx context.Context) ([]redis.Cmdable, error) {
		var mu sync.Mutex
		var nodes []redis.Cmdable
		err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, c)
			return nil
		})
		return nodes, err
	})
}

// clustered reports whether the server is a node of a cluster, as far as it says.
func (s *Store) clustered(ctx context.Context) bool {
	info, err := s.info(ctx, s.base, "cluster")
	return err == nil && info["cluster_enabled"] == "1"
}

// Prune implements [session.Pruner]. Redis deletes each session by itself, [session.PruneSlack]
// after its expiry. The manager asks for no more than that, and Prune then does nothing. For a
// later instant, it goes through all sessions like List.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 || !before.Add(session.PruneSlack).After(time.Now()) {
		return 0, nil
	}
	total := 0
	ids := make([]session.ID, 0, pageSize)
	instant := appendInstant(nil, before)
	for id, err := range s.scan(ctx) {
		if err != nil {
			return total, s.failed(ctx, "prune", session.ID{}, err)
		}
		if ids = append(ids, id); len(ids) < min(pageSize, limit-total) {
			continue
		}
		n, err := s.deleteAll(ctx, ids, "expired", instant)
		if total += n; err != nil {
			return total, s.failed(ctx, "prune", session.ID{}, err)
		}
		if total == limit {
			return total, nil
		}
		ids = ids[:0]
	}
	n, err := s.deleteAll(ctx, ids, "expired", instant)
	if total += n; err != nil {
		return total, s.failed(ctx, "prune", session.ID{}, err)
	}
	return total, nil
}

// DeleteOwned implements [session.OwnerDeleter] with one script for each session, 64 of them in
// a pipeline. If the client has to send a script again because its answer was lost, the count
// may be too small.
func (s *Store) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (int, error) {
	total := 0
	for some := range slices.Chunk(ids, pageSize) {
		n, err := s.deleteAll(ctx, some, "owner", owner)
		if total += n; err != nil {
			return total, s.failed(ctx, "delete of an owner", session.ID{}, err)
		}
	}
	return total, nil
}

// deleteAll deletes the sessions that satisfy a condition of the script, and returns how many.
func (s *Store) deleteAll(ctx context.Context, ids []session.ID, condition string, value any) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	ids = slices.Clone(ids) // after the end of ctx, the pipeline goes on
	defer func() {
		for _, id := range ids {
			s.cache.drop(id)
		}
	}()
	return await(ctx, s, func(ctx context.Context) (n int, err error) {
		answers, err := s.runAll(ctx, deleteScript, ids, condition, value)
		if err != nil {
			return 0, err
		}
		_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, answer := range answers {
				if answer == absent {
					continue
				}
				n++
				if key, m, ok := s.left(ids[i], answer); ok {
					p.ZRem(ctx, key, m)
				}
			}
			return nil
		}) // what an index has too much does no harm
		return n, nil
	})
}

// runAll runs a script for each session in a pipeline, like run.
func (s *Store) runAll(ctx context.Context, script *script, ids []session.ID, args ...any) ([]any, error) {
	pipe := func(which []int, call func(redis.Pipeliner, session.ID) *redis.Cmd) map[int]*redis.Cmd {
		cmds := make(map[int]*redis.Cmd, len(which))
		_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its error
			for _, i := range which {
				cmds[i] = call(p, ids[i])
			}
			return nil
		})
		return cmds
	}
	all := make([]int, len(ids))
	for i := range ids {
		all[i] = i
	}
	cmds := pipe(all, func(p redis.Pipeliner, id session.ID) *redis.Cmd {
		return p.EvalSha(ctx, script.digest, []string{s.key(id)}, args...)
	})
	unknown := slices.DeleteFunc(all, func(i int) bool { return !unknownScript(cmds[i].Err()) })
	if len(unknown) > 0 {
		for i, cmd := range pipe(unknown, func(p redis.Pipeliner, id session.ID) *redis.Cmd {
			return p.Eval(ctx, script.text, []string{s.key(id)}, args...)
		}) {
			cmds[i] = cmd
		}
	}
	answers := make([]any, len(ids))
	var errs error
	for i := range ids {
		var err error
		if answers[i], err = cmds[i].Result(); err != nil && errs == nil {
			errs = err
		}
	}
	return answers, errs
}
