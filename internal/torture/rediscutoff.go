package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/redisstore"
)

// cutOff cuts the connection between a primary and its replica under load, kills the primary a
// while later, and promotes the replica. What the primary has acknowledged since then is lost,
// unless min-replicas-to-write makes it refuse writes. That begins up to three seconds later: an
// answer of the replica counts for almost two, and the server looks once a second.
func (t *trial) cutOff(ctx context.Context, minReplicas int) (summary string, err error) {
	err = withRedis(ctx, 2, func(servers []*server.Server) (err error) {
		primary, replica := servers[0], servers[1]
		link, err := newProxy(strings.TrimPrefix(primary.Address, "redis://"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, link.close()) }()
		host, port, err := net.SplitHostPort(link.address())
		if err != nil {
			return err
		}
		_, err1 := ask(ctx, primary, "config", "set", "repl-diskless-sync-delay", 0)
		_, err2 := ask(ctx, replica, "replicaof", host, port)
		if err := errors.Join(err1, err2, until(ctx, replica, "master_link_status:up", "info", "replication")); err != nil {
			return err
		}
		_, err1 = ask(ctx, primary, "config", "set", "min-replicas-max-lag", 1)
		_, err2 = ask(ctx, primary, "config", "set", "min-replicas-to-write", minReplicas)
		if err := errors.Join(err1, err2, until(ctx, primary, "state=online", "info", "replication")); err != nil {
			return err
		}
		var current atomic.Pointer[server.Server]
		current.Store(primary)
		c := redis.NewClient(&redis.Options{ContextTimeoutEnabled: true, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", strings.TrimPrefix(current.Load().Address, "redis://"))
		}})
		s, err := redisstore.New(c, redisstore.Config{Prefix: "torture:"})
		if err != nil {
			return err
		}
		var l *load
		acknowledged := 0
		summary, err = t.loadStore(ctx, openStore{Store: s, redis: c}, nil, time.Now, func(running *load, _ openStore) error {
			l = running
			l.mayLose = true
			wait(ctx, t.each/3)
			link.set(blackHole)
			before := l.answered()
			wait(ctx, 2*t.each)
			acknowledged = l.answered() - before
			primary.End(syscall.SIGKILL)
			link.drop()
			current.Store(replica)
			_, err := ask(ctx, replica, "replicaof", "no", "one")
			wait(ctx, t.each/3)
			return err
		})
		if err == nil {
			summary = fmt.Sprintf("%d responses 200 in the %v without a replica; %v; %s", acknowledged, 2*t.each, l.lost, summary)
		}
		return errors.Join(err, s.Close(), c.Close())
	})
	return summary, err
}

// answered returns how many requests got a 200.
func (l *load) answered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statuses[http.StatusOK]
}
