package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A RedisGroup is several Redis servers on this machine that act as one: a cluster, or a primary
// with replicas and sentinels.
type RedisGroup struct {
	// Address is the URL of the group, in the form that redisstore.Open takes.
	Address string

	Nodes     []*Server // of a cluster, the primaries come first; of Sentinel, the primary
	Sentinels []*Server
	cli       string
}

// FindRedisGroup returns the program redis-server, or "" if it or redis-cli is missing.
func FindRedisGroup() string {
	if _, err := exec.LookPath("redis-cli"); err != nil {
		return ""
	}
	return FindRedis()
}

// Stop ends all servers of the group.
func (g *RedisGroup) Stop() {
	for _, s := range append(g.Sentinels, g.Nodes...) {
		s.Stop()
	}
}

// Command sends a command to a server of the group and returns the answer.
func (g *RedisGroup) Command(ctx context.Context, s *Server, args ...string) (string, error) {
	_, port, _ := strings.Cut(s.Address, ":")
	c := exec.CommandContext(ctx, g.cli, append([]string{"-h", "127.0.0.1", "-p", port}, args...)...)
	out, err := c.CombinedOutput()
	answer := strings.TrimSpace(string(out))
	if err == nil && strings.HasPrefix(answer, "ERR") {
		err = errors.New(answer)
	}
	if err != nil {
		return "", fmt.Errorf("redis %s: %w: %s", strings.Join(args, " "), err, answer)
	}
	return answer, nil
}

// until repeats a check until it succeeds.
func until(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-pause.C:
		}
	}
}

// node starts a server of the group. It keeps nothing on disk but what it knows of the group.
func (g *RedisGroup) node(ctx context.Context, redis, dir string, settings ...string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		args := append([]string{
			"--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "no",
			"--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
		}, settings...)
		d, err := launch(nil, dir, redis, args...)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("Ready to accept connections") })
		return d, err
	}
	s, err := begin(ctx, "127.0.0.1:%s", syscall.SIGTERM, launch)
	if err == nil {
		g.Nodes = append(g.Nodes, s)
	}
	return s, err
}

// slots is how many slots a cluster has.
const slots = 16384

// StartRedisCluster starts a cluster of three primaries and a replica of each. A node that does
// not answer for two seconds is replaced by its replica.
func StartRedisCluster(ctx context.Context, redis, dir string, _ bool) (g *RedisGroup, err error) {
	const primaries, nodes = 3, 6
	g = &RedisGroup{cli: filepath.Join(filepath.Dir(redis), "redis-cli")}
	defer func() {
		if err != nil {
			g.Stop()
		}
	}()
	var buses []string
	for i := range nodes {
		bus, err := freePort()
		if err != nil {
			return g, err
		}
		buses = append(buses, bus)
		if _, err = g.node(ctx, redis, filepath.Join(dir, fmt.Sprint("node", i)), "--cluster-enabled", "yes",
			"--cluster-port", bus, "--cluster-node-timeout", "2000"); err != nil {
			return g, err
		}
	}
	for i, s := range g.Nodes {
		if _, err := g.Command(ctx, s, "CLUSTER", "SET-CONFIG-EPOCH", fmt.Sprint(i+1)); err != nil {
			return g, err
		}
		if i < primaries {
			first, last := i*slots/primaries, (i+1)*slots/primaries-1
			if _, err := g.Command(ctx, s, "CLUSTER", "ADDSLOTSRANGE", fmt.Sprint(first), fmt.Sprint(last)); err != nil {
				return g, err
			}
		}
		if i > 0 {
			_, port, _ := strings.Cut(s.Address, ":")
			if _, err := g.Command(ctx, g.Nodes[0], "CLUSTER", "MEET", "127.0.0.1", port, buses[i]); err != nil {
				return g, err
			}
		}
	}
	for i := primaries; i < nodes; i++ {
		of, err := g.Command(ctx, g.Nodes[i-primaries], "CLUSTER", "MYID")
		if err != nil {
			return g, err
		}
		// The replica learns of its primary by gossip.
		err = until(ctx, func() error {
			_, err := g.Command(ctx, g.Nodes[i], "CLUSTER", "REPLICATE", of)
			return err
		})
		if err != nil {
			return g, err
		}
	}
	g.Address = "redis://" + g.Nodes[0].Address + "?cluster=true"
	for _, s := range g.Nodes[1:] {
		g.Address += "&addr=" + s.Address
	}
	err = g.AwaitCluster(ctx)
	return g, err
}

// AwaitCluster waits until each running node knows a primary for each slot, and each replica
// has the data of its primary.
func (g *RedisGroup) AwaitCluster(ctx context.Context) error {
	return until(ctx, func() error {
		for _, s := range g.Nodes {
			state, err := g.Command(ctx, s, "CLUSTER", "INFO")
			if err == nil && !strings.Contains(state, "cluster_state:ok") {
				err = fmt.Errorf("the node %s says:\n%s", s.Address, state)
			}
			if err == nil {
				err = g.awaitReplica(ctx, s)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// awaitReplica returns an error if a server is a replica without the data of its primary.
func (g *RedisGroup) awaitReplica(ctx context.Context, s *Server) error {
	info, err := g.Command(ctx, s, "INFO", "replication")
	if err == nil && strings.Contains(info, "role:slave") && !strings.Contains(info, "master_link_status:up") {
		err = fmt.Errorf("the replica %s says:\n%s", s.Address, info)
	}
	return err
}

// SentinelName is what the sentinels of StartRedisSentinel call their primary.
const SentinelName = "session"

// StartRedisSentinel starts a primary, two replicas and three sentinels. The sentinels replace a
// primary that has not answered for two seconds.
func StartRedisSentinel(ctx context.Context, redis, dir string, _ bool) (g *RedisGroup, err error) {
	const servers, sentinels = 3, 3
	g = &RedisGroup{cli: filepath.Join(filepath.Dir(redis), "redis-cli")}
	defer func() {
		if err != nil {
			g.Stop()
		}
	}()
	var primary string
	for i := range servers {
		var of []string
		if i > 0 {
			of = []string{"--replicaof", "127.0.0.1 " + primary}
		}
		s, err := g.node(ctx, redis, filepath.Join(dir, fmt.Sprint("server", i)), of...)
		if err != nil {
			return g, err
		}
		if i == 0 {
			_, primary, _ = strings.Cut(s.Address, ":")
		}
	}
	for i := range sentinels {
		s, err := startSentinel(ctx, redis, filepath.Join(dir, fmt.Sprint("sentinel", i)), primary)
		if err != nil {
			return g, err
		}
		g.Sentinels = append(g.Sentinels, s)
	}
	g.Address = "redis://" + g.Sentinels[0].Address + "?master_name=" + SentinelName
	for _, s := range g.Sentinels[1:] {
		g.Address += "&addr=" + s.Address
	}
	err = g.AwaitSentinel(ctx)
	return g, err
}

func startSentinel(ctx context.Context, redis, dir, primary string) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "sentinel.conf") // a sentinel rewrites it
	text := fmt.Sprintf(`sentinel monitor %[1]s 127.0.0.1 %[2]s 2
sentinel down-after-milliseconds %[1]s 2000
sentinel failover-timeout %[1]s 6000
`, SentinelName, primary)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	launch := func(ctx context.Context, port string) (*daemon, error) {
		d, err := launch(nil, dir, redis, file, "--sentinel", "--port", port, "--bind", "127.0.0.1", "--dir", dir)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool { return d.log.contains("+monitor") })
		return d, err
	}
	return begin(ctx, "127.0.0.1:%s", syscall.SIGTERM, launch)
}

// AwaitSentinel waits until the sentinels know each other and the replicas, and each replica
// has the data of its primary.
func (g *RedisGroup) AwaitSentinel(ctx context.Context) error {
	return until(ctx, func() error {
		for _, s := range g.Sentinels {
			state, err := g.Command(ctx, s, "INFO", "sentinel")
			if err == nil && !strings.Contains(state, fmt.Sprintf("status=ok,address=%s,slaves=%d,sentinels=%d", g.primary(ctx), len(g.Nodes)-1, len(g.Sentinels))) {
				err = fmt.Errorf("the sentinel %s says:\n%s", s.Address, state)
			}
			if err != nil {
				return err
			}
		}
		for _, s := range g.Nodes {
			if err := g.awaitReplica(ctx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// primary returns the address of the server that the first sentinel takes for the primary.
func (g *RedisGroup) primary(ctx context.Context) string {
	answer, err := g.Command(ctx, g.Sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelName)
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(answer), ":")
}
