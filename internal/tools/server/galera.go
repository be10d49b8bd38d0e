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
)

// A Galera is a cluster of MariaDB servers on this machine that accept writes on every node.
type Galera struct {
	// Nodes are the servers. Their addresses are DSNs of go-sql-driver for root, without a
	// password, and the database session.
	Nodes []*Server
}

// galeraProvider is the library through which MariaDB replicates, where Debian puts it.
const galeraProvider = "/usr/lib/galera/libgalera_smm.so"

// FindGalera returns mariadbd, or "" if it, the library of Galera or rsync is missing.
func FindGalera() string {
	if _, err := os.Stat(galeraProvider); err != nil {
		return ""
	}
	if _, err := exec.LookPath("rsync"); err != nil {
		return ""
	}
	return FindMariaDB()
}

// Stop ends all nodes at once. Their data is of no use any more, so they leave without a word.
func (g *Galera) Stop() {
	for _, s := range g.Nodes {
		s.End(syscall.SIGKILL)
	}
}

// StartGalera starts a cluster of three nodes. One that does not answer for two seconds is
// excluded; one that is started again copies the data of another with rsync.
func StartGalera(ctx context.Context, mariadbd, dir string, fast bool) (g *Galera, err error) {
	const nodes = 3
	g = &Galera{}
	defer func() {
		if err != nil {
			g.Stop()
		}
	}()
	if err := os.Mkdir(dir, 0o755); err != nil {
		return g, err
	}
	var groups []string // the ports for the traffic between the nodes
	for range nodes {
		port, err := freePort()
		if err != nil {
			return g, err
		}
		groups = append(groups, port)
	}
	setup := filepath.Join(dir, "setup.sql")
	if err := os.WriteFile(setup, []byte("CREATE DATABASE IF NOT EXISTS session CHARACTER SET utf8mb4;\n"), 0o644); err != nil {
		return g, err
	}
	for i := range nodes {
		s, err := startGaleraNode(ctx, mariadbd, filepath.Join(dir, fmt.Sprint("node", i)), setup, groups, i, fast)
		if err != nil {
			return g, fmt.Errorf("node %d of the Galera cluster: %w", i, err)
		}
		g.Nodes = append(g.Nodes, s)
	}
	return g, nil
}

// startGaleraNode starts a node. The first one makes the system tables and begins the cluster; the
// others get everything from it.
func startGaleraNode(ctx context.Context, mariadbd, dir, setup string, groups []string, i int, fast bool) (*Server, error) {
	data := filepath.Join(dir, "data")
	program, args := "mkdir", []string{data}
	if i == 0 {
		program, args = "mariadb-install-db", []string{"--no-defaults", "--datadir=" + data,
			"--auth-root-authentication-method=normal", "--skip-name-resolve", "--skip-test-db"}
	}
	as, err := prepare(ctx, dir, "mysql", program, args...)
	if err != nil {
		return nil, err
	}
	begins := i == 0
	launch := func(ctx context.Context, port string) (*daemon, error) {
		// Other processes may take these two ports before the node does, hence new ones each time.
		ist, err1 := freePort()
		sst, err2 := freePort()
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		args := galeraArgs(dir, groups, i, port, ist, sst)
		if fast {
			args = append(args, "--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync")
		}
		if begins {
			args = append(args, "--wsrep-new-cluster", "--init-file="+setup)
		}
		d, err := launch(as, dir, mariadbd, args...)
		if err != nil {
			return nil, err
		}
		err = d.await(ctx, func() bool {
			return d.log.contains("mariadbd: ready for connections") && d.log.contains("Synchronized with group")
		})
		begins = begins && err != nil
		return d, err
	}
	return begin(ctx, "root@tcp(127.0.0.1:%s)/session", syscall.SIGTERM, launch)
}

func galeraArgs(dir string, groups []string, i int, port, ist, sst string) []string {
	provider := []string{
		"base_host=127.0.0.1", "base_port=" + groups[i], "gmcast.listen_addr=tcp://127.0.0.1:" + groups[i],
		"ist.recv_addr=127.0.0.1:" + ist, "gcache.size=32M", "pc.recovery=no",
		"evs.keepalive_period=PT0.5S", "evs.inactive_check_period=PT0.25S", "evs.suspect_timeout=PT2S", "evs.inactive_timeout=PT4S",
	}
	peers := make([]string, len(groups))
	for i, group := range groups {
		peers[i] = "127.0.0.1:" + group
	}
	return []string{"--no-defaults", "--datadir=" + filepath.Join(dir, "data"), "--bind-address=127.0.0.1", "--port=" + port,
		"--skip-networking=0", "--skip-name-resolve", "--socket=" + filepath.Join(dir, "socket"),
		"--pid-file=" + filepath.Join(dir, "pid"), "--max-connections=200",
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M",
		"--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		"--wsrep-on=ON", "--wsrep-provider=" + galeraProvider, "--wsrep-provider-options=" + strings.Join(provider, ";"),
		"--wsrep-cluster-name=session", "--wsrep-cluster-address=gcomm://" + strings.Join(peers, ","),
		"--wsrep-node-name=" + fmt.Sprint("node", i), "--wsrep-node-address=127.0.0.1",
		"--wsrep-sst-method=rsync", "--wsrep-sst-receive-address=127.0.0.1:" + sst,
	}
}
