package redisstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/redisstore"
)

// A kind is a way to connect to the server.
type kind struct {
	name    string
	connect func(tb testing.TB) redis.UniversalClient
}

var kinds = []kind{
	{"pool", func(tb testing.TB) redis.UniversalClient { return dial(tb, nil) }},
	{"deadlines", func(tb testing.TB) redis.UniversalClient {
		return dial(tb, func(o *redis.Options) { o.ContextTimeoutEnabled = true })
	}},
	{"one connection, RESP2", func(tb testing.TB) redis.UniversalClient {
		return dial(tb, func(o *redis.Options) { o.PoolSize, o.Protocol = 1, 2 })
	}},
	{"automatic pipeline", func(tb testing.TB) redis.UniversalClient {
		return pipeline(tb, (*redis.Client).AutoPipeline)
	}},
	{"asynchronous pipeline", func(tb testing.TB) redis.UniversalClient {
		return pipeline(tb, (*redis.Client).AsyncAutoPipeline)
	}},
	{"cluster", func(tb testing.TB) redis.UniversalClient {
		o, err := redis.ParseClusterURL(strings.Replace(testserver.DSN(tb, testserver.RedisCluster), "cluster=true&", "", 1))
		return closed(tb, redis.NewClusterClient, o, err)
	}},
	{"sentinel", func(tb testing.TB) redis.UniversalClient {
		o, err := redis.ParseFailoverURL(testserver.DSN(tb, testserver.RedisSentinel))
		return closed(tb, redis.NewFailoverClient, o, err)
	}},
}

// closed returns a client that is closed after the test.
func closed[O any, C redis.UniversalClient](tb testing.TB, create func(*O) C, o *O, err error) redis.UniversalClient {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	c := create(o)
	tb.Cleanup(func() { c.Close() })
	return c
}

// each runs a test on every kind of client.
func each(t *testing.T, test func(*testing.T, kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

// dial returns a client of the test's server.
func dial(tb testing.TB, change func(*redis.Options)) *redis.Client {
	tb.Helper()
	o, err := redis.ParseURL(testserver.DSN(tb, testserver.Redis))
	if err != nil {
		tb.Fatal(err)
	}
	if change != nil {
		change(o)
	}
	c := redis.NewClient(o)
	tb.Cleanup(func() { c.Close() })
	return c
}

func pipeline(tb testing.TB, face func(*redis.Client) (*redis.AutoPipeliner, error)) redis.UniversalClient {
	tb.Helper()
	c, err := face(dial(tb, nil))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// prefix returns a prefix that no other test has, and deletes the keys with it after the test.
func prefix(tb testing.TB) string {
	tb.Helper()
	p, c := testserver.Name()+":", dial(tb, nil)
	tb.Cleanup(func() {
		for keys := c.Scan(context.Background(), 0, p+"*", 1000).Iterator(); keys.Next(context.Background()); {
			c.Del(context.Background(), keys.Val())
		}
	})
	return p
}

func open(tb testing.TB, c redis.UniversalClient, prefix string) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(c, redisstore.Config{Prefix: prefix})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	if err := s.Check(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return s
}
