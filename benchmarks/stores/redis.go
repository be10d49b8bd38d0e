package stores

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	"github.com/expanse-go/session/redisstore"
)

// Redis uses the server at a URL through a pool of go-redis.
func Redis(server string) bench.Store {
	return bench.Store{Name: "Redis", Peers: []bench.Peer{
		redisRaw(server),
		{Name: "session", Open: func() (bench.Server, error) {
			c, err := redisClient(server)
			if err != nil {
				return nil, err
			}
			return redisOurs(c, c.Close)
		}},
		{Name: "scs", Skips: lastWins, Open: func() (bench.Server, error) {
			c, err := redisClient(server)
			if err != nil {
				return nil, err
			}
			return peers.SCS(goredisstore.New(c), c.Close)
		}},
	}}
}

// RedisPipeline uses the same server through an AutoPipeliner, beside raw on a pool.
func RedisPipeline(server string) bench.Store {
	return bench.Store{Name: "Redis, AutoPipeline", Peers: []bench.Peer{
		redisRaw(server),
		{Name: "session", Open: func() (bench.Server, error) {
			c, err := redisClient(server)
			if err != nil {
				return nil, err
			}
			p, err := c.AutoPipeline()
			if err != nil {
				return nil, err
			}
			return redisOurs(p, func() error { return errors.Join(p.Close(), c.Close()) })
		}},
	}}
}

func redisOurs(c redis.UniversalClient, done func() error) (bench.Server, error) {
	store, err := redisstore.New(c, redisstore.Config{Prefix: fmt.Sprintf("bench%d:", time.Now().UnixNano())})
	if err == nil {
		err = store.Check(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return peers.Ours(store, done)
}

func redisRaw(server string) bench.Peer {
	return bench.Peer{Name: "raw", Open: func() (bench.Server, error) {
		c, err := redisClient(server)
		if err != nil {
			return nil, err
		}
		t := redisTable{c, redis.NewScript(rawScript)}
		if err := t.save.Load(context.Background(), c).Err(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return peers.Raw(t)
	}}
}

func redisClient(server string) (*redis.Client, error) {
	o, err := redis.ParseURL(server)
	if err != nil {
		return nil, err
	}
	o.PoolSize, o.ContextTimeoutEnabled = bench.Clients, true
	return redis.NewClient(o), nil
}

// rawScript is the least that a store can do which compares before it writes: one script, with
// a time of deletion.
const rawScript = `return redis.call('SET', KEYS[1], ARGV[1], 'PX', 86400000)`

type redisTable struct {
	c    *redis.Client
	save *redis.Script
}

func (t redisTable) Load(id [16]byte) ([]byte, error) {
	data, err := t.c.Get(context.Background(), "raw:"+string(id[:])).Bytes()
	if errors.Is(err, redis.Nil) {
		err = peers.ErrAbsent
	}
	return data, err
}

func (t redisTable) Save(id [16]byte, data []byte) error {
	return t.save.EvalSha(context.Background(), t.c, []string{"raw:" + string(id[:])}, data).Err()
}

func (t redisTable) Close() error { return t.c.Close() }
