package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/tools/server"
)

// withRedis starts n servers of their own that keep nothing on disk, and calls f.
func withRedis(ctx context.Context, n int, f func([]*server.Server) error) (err error) {
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var servers []*server.Server
	defer func() {
		for _, s := range servers {
			s.Stop()
		}
	}()
	for i := range n {
		s, err := server.StartRedis(ctx, server.FindRedis(), filepath.Join(dir, strconv.Itoa(i)), false)
		if err != nil {
			return err
		}
		servers = append(servers, s)
	}
	return f(servers)
}

// memoryFull fills the memory of a server that evicts nothing. Writes must get a 503, and
// nothing may be lost.
func (t *trial) memoryFull(ctx context.Context) (summary string, err error) {
	err = withRedis(ctx, 1, func(servers []*server.Server) error {
		s := servers[0]
		_, summary, err = t.loadRedis(ctx, s.Address, false, func(l *load) error {
			wait(ctx, t.each/3)
			before := l.failures()
			if _, err := ask(ctx, s, "config", "set", "maxmemory", 1); err != nil {
				return err
			}
			_, full := write(ctx, l.manager, "", func(s *session.Session) { s.Set("a", 1) })
			for deadline := time.Now().Add(time.Minute); l.failures() == before && time.Now().Before(deadline); {
				wait(ctx, 10*time.Millisecond)
			}
			wait(ctx, t.each/3)
			failed := l.failures() - before
			if _, err := ask(ctx, s, "config", "set", "maxmemory", 0); err != nil {
				return err
			}
			if !errors.Is(full, session.ErrFull) || failed == 0 {
				return fmt.Errorf("a write to the full server: got error %w and %d responses 503, want ErrFull and some", full, failed)
			}
			wait(ctx, t.each/3)
			return nil
		})
		return err
	})
	return summary, err
}

// evicted fills the memory of a server that evicts. Sessions may disappear, but only as a whole.
func (t *trial) evicted(ctx context.Context) (summary string, err error) {
	err = withRedis(ctx, 1, func(servers []*server.Server) error {
		s := servers[0]
		keys := 0
		lost, sum, err := t.loadRedis(ctx, s.Address, true, func(*load) error {
			wait(ctx, t.each/3)
			used, err := field(ctx, s, "memory", "used_memory")
			if err == nil {
				_, err = ask(ctx, s, "config", "set", "maxmemory-policy", "allkeys-lru")
			}
			for deadline := time.Now().Add(time.Minute); err == nil && keys == 0 && time.Now().Before(deadline); used -= 16 << 10 {
				if _, err = ask(ctx, s, "config", "set", "maxmemory", used); err == nil {
					wait(ctx, t.each/3)
					keys, err = field(ctx, s, "stats", "evicted_keys")
				}
			}
			_, err1 := ask(ctx, s, "config", "set", "maxmemory", 0)
			return errors.Join(err, err1)
		})
		summary = fmt.Sprintf("%d keys evicted, %s", keys, sum)
		return errors.Join(err, lost.onlySessions(keys))
	})
	return summary, err
}

// forgotten kills and restarts a server that keeps nothing on disk.
func (t *trial) forgotten(ctx context.Context) (summary string, err error) {
	err = withRedis(ctx, 1, func(servers []*server.Server) error {
		lost, sum, err := t.loadRedis(ctx, servers[0].Address, true, func(*load) error {
			wait(ctx, t.each/2)
			servers[0].End(syscall.SIGKILL)
			err := servers[0].Start(ctx)
			wait(ctx, t.each/2)
			return err
		})
		summary = sum
		return errors.Join(err, lost.onlySessions(1))
	})
	return summary, err
}

// onlySessions fails if no session was lost though some keys were, or if anything else was.
func (n losses) onlySessions(keys int) error {
	if keys == 0 {
		return errors.New("the server lost no key")
	}
	if n.ends > 0 || n.writes > 0 {
		return fmt.Errorf("sessions may be missing, but no more: %v: %w", n, n.first)
	}
	return nil
}

// field returns a number of INFO.
func field(ctx context.Context, s *server.Server, section, name string) (int, error) {
	info, err := ask(ctx, s, "info", section)
	if err != nil {
		return 0, err
	}
	_, value, _ := strings.Cut(info, "\n"+name+":")
	value, _, _ = strings.Cut(value, "\r")
	return strconv.Atoi(value)
}
