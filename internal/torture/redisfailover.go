package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/redisstore"
)

// A group is a cluster, or servers behind Sentinel, that a fault is injected into.
type group struct {
	*server.RedisGroup

	cluster bool
}

// withGroup starts a group, and calls f.
func withGroup(ctx context.Context, cluster bool, f func(*group) error) (err error) {
	start := server.StartRedisSentinel
	if cluster {
		start = server.StartRedisCluster
	}
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g, err := start(ctx, server.FindRedisGroup(), filepath.Join(dir, "redis"), false)
	if err != nil {
		return err
	}
	defer g.Stop()
	return f(&group{g, cluster})
}

// failovers injects faults into groups of servers that act as one.
func (t *trial) failovers(ctx context.Context) error {
	switch t.kind {
	case "redis":
		return t.redisFailovers(ctx)
	case "mariadb":
		return t.galeraFailovers(ctx)
	case "postgres":
		return t.postgresFailovers(ctx)
	}
	return nil
}

// redisFailovers injects faults into groups of Redis servers. A cheap trial leaves out those that
// take longest: a paused primary, the failovers of Sentinel, and a replica that is cut off.
func (t *trial) redisFailovers(ctx context.Context) error {
	var errs []error
	run := t.runner(ctx, "failover", &errs)
	if server.FindRedisGroup() == "" {
		run("all", func(context.Context) (string, error) {
			return skipped(errors.New("redis-server or redis-cli is not installed"))
		})
		return errors.Join(errs...)
	}
	run("memory full, noeviction", t.memoryFull)
	run("memory full, allkeys-lru", t.evicted)
	run("killed and restarted without persistence", t.forgotten)
	errs = append(errs, withGroup(ctx, true, func(g *group) error {
		on := func(f func(context.Context, *group) (string, error)) func(context.Context) (string, error) {
			return func(ctx context.Context) (string, error) { return f(ctx, g) }
		}
		run("cluster: scripts lost", on(t.clusterScriptsLost))
		run("cluster: slots migrated", on(t.slotsMigrated))
		run("cluster: primary killed", on(t.primaryKilled))
		if !t.cheap {
			run("cluster: primary paused", on(t.primaryPaused))
		}
		return nil
	}))
	if !t.cheap {
		errs = append(errs, withGroup(ctx, false, func(g *group) error {
			run("Sentinel: primary killed", func(ctx context.Context) (string, error) { return t.primaryKilled(ctx, g) })
			run("Sentinel: primary paused", func(ctx context.Context) (string, error) { return t.primaryPaused(ctx, g) })
			return nil
		}))
		for _, least := range []int{0, 1} {
			run(fmt.Sprintf("primary killed after its replica was cut off, min-replicas-to-write %d", least),
				func(ctx context.Context) (string, error) { return t.cutOff(ctx, least) })
		}
	}
	return errors.Join(errs...)
}

// loadRedis runs a load on a store, with the address of a server or a group, until f returns.
// If mayLose is set, what the store has lost is counted, and is no failure.
func (t *trial) loadRedis(ctx context.Context, address string, mayLose bool, f func(*load) error) (lost losses, summary string, err error) {
	before := goroutines(ctx)
	s, err := redisstore.Open(ctx, address, "torture:")
	if err != nil {
		return lost, "", err
	}
	var l *load
	summary, err = t.loadStore(ctx, openStore{Store: s}, nil, time.Now, func(running *load, _ openStore) error {
		l = running
		l.mayLose = mayLose
		return f(l)
	})
	if err := errors.Join(err, s.Close()); err != nil {
		return lost, "", err
	}
	here := location{Kind: "memory"} // the server has no connections of a name to count
	return l.lost, fmt.Sprintf("%v; %s", l.lost, summary), here.checkLeaks(ctx, before)
}

// ask sends a command to one server, with a client of its own.
func ask(ctx context.Context, s *server.Server, args ...any) (string, error) {
	c := redis.NewClient(&redis.Options{Addr: strings.TrimPrefix(s.Address, "redis://"), ContextTimeoutEnabled: true})
	defer c.Close()
	return c.Do(ctx, args...).Text()
}

// until asks a server until the answer contains a text.
func until(ctx context.Context, s *server.Server, text string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		answer, err := ask(ctx, s, args...)
		if err == nil && strings.Contains(answer, text) {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%v of %s has no %q: %w: %s", args, s.Address, text, errors.Join(err, ctx.Err()), answer)
		}
		wait(ctx, 20*time.Millisecond)
	}
}

// pick returns a primary that has a replica.
func (g *group) pick(ctx context.Context) (*server.Server, error) {
	for _, s := range g.Nodes {
		info, err := ask(ctx, s, "info", "replication")
		if err != nil {
			return nil, err
		}
		if strings.Contains(info, "role:master") && strings.Contains(info, "state=online") {
			return s, nil
		}
	}
	return nil, errors.New("no primary has a replica")
}

// successor waits until a replica of a primary has taken its place.
func (g *group) successor(ctx context.Context, replicas []*server.Server) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		for _, s := range replicas {
			if info, err := ask(ctx, s, "info", "replication"); err == nil && strings.Contains(info, "role:master") {
				return nil
			}
		}
		wait(ctx, 10*time.Millisecond)
	}
	return errors.New("no replica became the primary within a minute")
}

// replicas returns the replicas of a primary.
func (g *group) replicas(ctx context.Context, primary *server.Server) (found []*server.Server, err error) {
	info, err := ask(ctx, primary, "info", "replication")
	for _, s := range g.Nodes {
		if _, port, _ := net.SplitHostPort(s.Address); strings.Contains(info, ",port="+port+",") {
			found = append(found, s)
		}
	}
	return found, err
}

// whole waits until a node that was the primary is a replica, and the group is complete.
func (g *group) whole(ctx context.Context, former *server.Server) error {
	if err := until(ctx, former, "master_link_status:up", "info", "replication"); err != nil {
		return err
	}
	if g.cluster {
		return g.AwaitCluster(ctx)
	}
	return g.AwaitSentinel(ctx)
}

// primaryKilled kills a primary under load. When a replica has taken its place, it comes back.
func (t *trial) primaryKilled(ctx context.Context, g *group) (string, error) {
	return t.replaced(ctx, g,
		func(s *server.Server) error { s.End(syscall.SIGKILL); return nil },
		func(s *server.Server) error { return s.Start(ctx) })
}

// primaryPaused stops a primary, as a machine that hangs does, until a replica has taken its
// place. Then it goes on, with old data, and with commands that it has not answered.
func (t *trial) primaryPaused(ctx context.Context, g *group) (string, error) {
	return t.replaced(ctx, g, (*server.Server).Pause, (*server.Server).Resume)
}

func (t *trial) replaced(ctx context.Context, g *group, away, back func(*server.Server) error) (string, error) {
	var downtime time.Duration
	_, summary, err := t.loadRedis(ctx, g.Address, true, func(l *load) error {
		wait(ctx, t.each/3)
		primary, err := g.pick(ctx)
		if err != nil {
			return err
		}
		replicas, err := g.replicas(ctx, primary)
		if err != nil {
			return err
		}
		start := time.Now()
		if err := away(primary); err != nil {
			return err
		}
		err = g.successor(ctx, replicas)
		downtime = time.Since(start)
		wait(ctx, t.each/3)
		if err := errors.Join(err, back(primary)); err != nil {
			return err
		}
		if err := g.whole(ctx, primary); err != nil {
			return err
		}
		wait(ctx, t.each/3)
		return nil
	})
	return fmt.Sprintf("replaced after %v, %s", downtime.Round(time.Millisecond), summary), err
}

// clusterScriptsLost makes the nodes forget the scripts, again and again.
func (t *trial) clusterScriptsLost(ctx context.Context, g *group) (string, error) {
	const times = 50
	_, summary, err := t.loadRedis(ctx, g.Address, false, func(*load) error {
		for range times {
			for _, s := range g.Nodes {
				if _, err := ask(ctx, s, "script", "flush"); err != nil {
					return err
				}
			}
			wait(ctx, t.each/times)
		}
		return nil
	})
	return fmt.Sprintf("%d times; %s", times, summary), err
}

// slotsMigrated moves the slots of sessions in use from one node to another.
func (t *trial) slotsMigrated(ctx context.Context, g *group) (string, error) {
	moved, redirected := 0, 0
	_, summary, err := t.loadRedis(ctx, g.Address, false, func(*load) error {
		end := time.Now().Add(t.each)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(end) || redirected == 0 && time.Now().Before(deadline); {
			for i := range 3 { // the primaries
				n, err := migrate(ctx, g, g.Nodes[i], g.Nodes[(i+1)%3])
				if err != nil {
					return err
				}
				moved += n
			}
			var err error
			if redirected, err = redirects(ctx, g); err != nil {
				return err
			}
		}
		if redirected == 0 {
			return errors.New("no command met a slot that was moving")
		}
		return nil
	})
	return fmt.Sprintf("%d slots, %d redirections while they moved; %s", moved, redirected, summary), err
}

// migrate moves some slots that have keys, as redis-cli does.
func migrate(ctx context.Context, g *group, from, to *server.Server) (moved int, err error) {
	source := redis.NewClient(&redis.Options{Addr: from.Address})
	defer source.Close()
	target := redis.NewClient(&redis.Options{Addr: to.Address})
	defer target.Close()
	fromID, err1 := source.Do(ctx, "cluster", "myid").Text()
	toID, err2 := target.Do(ctx, "cluster", "myid").Text()
	keys, _, err3 := source.Scan(ctx, 0, "*", 20).Result()
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	host, port, err := net.SplitHostPort(to.Address)
	if err != nil {
		return 0, err
	}
	const pause = 2 * time.Millisecond // for requests that meet the slot in this state
	for _, key := range keys {
		slot, err := source.ClusterKeySlot(ctx, key).Result()
		if err != nil {
			return moved, err
		}
		inSlot, err := source.ClusterGetKeysInSlot(ctx, int(slot), 1000).Result()
		if err != nil {
			return moved, err
		}
		if len(inSlot) == 0 {
			continue // it has moved with another key
		}
		_, err1 := target.Do(ctx, "cluster", "setslot", slot, "importing", fromID).Text()
		_, err2 := source.Do(ctx, "cluster", "setslot", slot, "migrating", toID).Text()
		if err := errors.Join(err1, err2); err != nil {
			return moved, err
		}
		wait(ctx, pause)
		for len(inSlot) > 0 {
			args := []any{"migrate", host, port, "", 0, 5000, "keys"}
			for _, k := range inSlot {
				args = append(args, k)
			}
			if err := source.Do(ctx, args...).Err(); err != nil {
				return moved, err
			}
			wait(ctx, pause)
			if inSlot, err = source.ClusterGetKeysInSlot(ctx, int(slot), 1000).Result(); err != nil {
				return moved, err
			}
		}
		for _, s := range []*server.Server{to, from, g.Nodes[0], g.Nodes[1], g.Nodes[2]} {
			if _, err := ask(ctx, s, "cluster", "setslot", slot, "node", toID); err != nil {
				return moved, err
			}
		}
		moved++
	}
	return moved, nil
}

// redirects counts the commands that met a moving slot (ASK) at the primaries.
func redirects(ctx context.Context, g *group) (n int, err error) {
	for _, s := range g.Nodes[:3] {
		info, err := ask(ctx, s, "info", "errorstats")
		if err != nil {
			return 0, err
		}
		if _, count, ok := strings.Cut(info, "errorstat_ASK:count="); ok {
			count, _, _ = strings.Cut(count, "\r")
			asked, err := strconv.Atoi(count)
			if err != nil {
				return 0, err
			}
			n += asked
		}
	}
	return n, nil
}
