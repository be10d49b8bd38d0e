package stores

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/redis/go-redis/v9"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
)

// Redis uses the server at a URL through go-redis. This library has no store for Redis.
func Redis(server string) bench.Store {
	return bench.Store{Name: "Redis", Peers: []bench.Peer{
		{Name: "raw", Open: func() (bench.Server, error) {
			c, err := redisClient(server)
			if err != nil {
				return nil, err
			}
			return peers.Raw(redisTable{c})
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

func redisClient(server string) (*redis.Client, error) {
	o, err := redis.ParseURL(server)
	if err != nil {
		return nil, err
	}
	o.PoolSize = bench.Clients
	return redis.NewClient(o), nil
}

type redisTable struct{ c *redis.Client }

func (t redisTable) Load(id [16]byte) ([]byte, error) {
	data, err := t.c.Get(context.Background(), "raw:"+string(id[:])).Bytes()
	if errors.Is(err, redis.Nil) {
		err = peers.ErrAbsent
	}
	return data, err
}

func (t redisTable) Save(id [16]byte, data []byte) error {
	return t.c.Set(context.Background(), "raw:"+string(id[:]), data, 24*time.Hour).Err()
}

func (t redisTable) Close() error { return t.c.Close() }
