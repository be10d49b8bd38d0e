package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/redisstore"
)

func init() { logging.Disable() } // go-redis prints every broken connection

// client returns a client of the location's server.
func (loc *location) client() (*redis.Client, error) {
	o, err := redis.ParseURL(loc.DSN)
	if err != nil {
		return nil, err
	}
	o.PoolSize, o.ContextTimeoutEnabled = maxConns, true
	return redis.NewClient(o), nil
}

func (loc *location) openRedis() (openStore, error) {
	c, err := loc.client()
	if err != nil {
		return openStore{}, err
	}
	s, err := redisstore.New(c, redisstore.Config{Prefix: loc.Schema + ":"})
	if err != nil {
		return openStore{}, errors.Join(err, c.Close())
	}
	return openStore{Store: s, redis: c}, nil
}

// withClient calls f with a client that has no name, so that it is none of the location's.
func (loc *location) withClient(f func(*redis.Client) error) error {
	o, err := redis.ParseURL(loc.DSN)
	if err != nil {
		return err
	}
	o.ClientName = ""
	c := redis.NewClient(o)
	return errors.Join(f(c), c.Close())
}

// deleteKeys deletes all keys of the location.
func (loc *location) deleteKeys(ctx context.Context) error {
	return loc.withClient(func(c *redis.Client) error {
		keys := c.Scan(ctx, 0, loc.Schema+":*", 1000).Iterator()
		for keys.Next(ctx) {
			if err := c.Del(ctx, keys.Val()).Err(); err != nil {
				return err
			}
		}
		return keys.Err()
	})
}

// redisConnections returns the IDs of the server's connections to this location.
func (loc *location) redisConnections(ctx context.Context) (ids []string, err error) {
	err = loc.withClient(func(c *redis.Client) error {
		list, err := c.ClientList(ctx).Result()
		for line := range strings.Lines(list) {
			if strings.Contains(line, " name="+loc.Schema+" ") {
				id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
				ids = append(ids, id)
			}
		}
		return err
	})
	return ids, err
}

// terminateRedis makes the server close all connections to this location.
func (loc *location) terminateRedis(ctx context.Context) error {
	ids, err := loc.redisConnections(ctx)
	if err != nil {
		return err
	}
	return loc.withClient(func(c *redis.Client) error {
		for _, id := range ids {
			// This fails if the connection has already ended.
			_ = c.ClientKillByFilter(ctx, "ID", id).Err()
		}
		return nil
	})
}

// scriptsLost makes the server forget the store's scripts, again and again.
func (t *trial) scriptsLost(ctx context.Context) (summary string, err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	flushes := 0
	summary, err = t.loadLocation(ctx, loc, time.Now, func(*load, openStore) error {
		return loc.withClient(func(c *redis.Client) error {
			for ; flushes < 50; flushes++ {
				if err := c.ScriptFlush(ctx).Err(); err != nil {
					return err
				}
				wait(ctx, t.each/50)
			}
			return nil
		})
	})
	return fmt.Sprintf("%d times; %s", flushes, summary), err
}

// setReplica makes the server a read-only replica of a server that does not exist, or a
// primary again. It keeps its data.
func setReplica(ctx context.Context, s *server.Server, on bool) error {
	o, err := redis.ParseURL(s.Address)
	if err != nil {
		return err
	}
	c := redis.NewClient(o)
	if on {
		err = c.Do(ctx, "REPLICAOF", "127.0.0.1", "1").Err()
	} else {
		err = c.Do(ctx, "REPLICAOF", "NO", "ONE").Err()
	}
	return errors.Join(err, c.Close())
}
