package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/tools/server"
	"github.com/expanse-go/session/sqlstore"
)

// syncWait is the wsrep_sync_wait that the documentation recommends: a node waits before reads,
// and before updates and deletes, for what other nodes have committed.
const syncWait = "3"

// galeraFailovers injects faults into a Galera cluster. A cheap trial leaves out the loss of the
// quorum.
func (t *trial) galeraFailovers(ctx context.Context) (err error) {
	var errs []error
	run := t.runner(ctx, "failover", &errs)
	program := server.FindGalera()
	if program == "" {
		run("Galera", func(context.Context) (string, error) {
			return skipped(errors.New("mariadbd, the library of Galera or rsync is not installed"))
		})
		return errors.Join(errs...)
	}
	dir, err := server.Dir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g, err := server.StartGalera(ctx, program, filepath.Join(dir, "galera"), false)
	if err != nil {
		return err
	}
	defer g.Stop()
	on := func(f func(context.Context, *server.Galera) (string, error)) func(context.Context) (string, error) {
		return func(ctx context.Context) (string, error) { return f(ctx, g) }
	}
	run("Galera: writes on every node", on(t.everyNode))
	run("Galera: reads after writes on another node", on(t.otherNode))
	run("Galera: node killed and replaced", on(t.nodeKilled))
	if !t.cheap {
		run("Galera: quorum lost", on(t.quorumLost))
	}
	return errors.Join(errs...)
}

// A node is a store that uses one node of a Galera cluster, or all of them.
type node struct {
	*sqlstore.Store

	db *sql.DB
}

func (n node) close() error { return errors.Join(n.Store.Close(), n.db.Close()) }

// openNode opens the store of a location. If there are other addresses, each connection leads to
// any of them that answers.
func openNode(ctx context.Context, loc location, syncWait string, cfg sqlstore.Config, addresses ...string) (n node, err error) {
	_ = mysql.SetLogger(&mysql.NopLogger{}) // it logs every broken connection
	c, err := mysql.ParseDSN(loc.DSN)
	if err != nil {
		return n, err
	}
	c.Params = map[string]string{"wsrep_sync_wait": syncWait}
	if len(addresses) > 0 {
		c.DialFunc = func(ctx context.Context, network, _ string) (conn net.Conn, err error) {
			for _, i := range rand.Perm(len(addresses)) {
				var d net.Dialer
				if conn, err = d.DialContext(ctx, network, addresses[i]); err == nil {
					break
				}
			}
			return conn, err
		}
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return n, err
	}
	n.db = sql.OpenDB(connector)
	n.db.SetMaxOpenConns(maxConns)
	n.db.SetMaxIdleConns(maxConns)
	if n.Store, err = sqlstore.New(n.db, sqlstore.MySQL, cfg); err == nil {
		err = n.Check(ctx)
	}
	if err != nil {
		return n, errors.Join(err, n.db.Close())
	}
	return n, nil
}

// openNodes creates a location in a cluster, and opens a store on each node and one on all of
// them. The second one prepares no statements, so that the server itself repeats what fails.
func (t *trial) openNodes(ctx context.Context, g *server.Galera, syncWait string) (all []node, loc location, err error) {
	if loc, err = newLocationAt(ctx, t.kind, t.dir, g.Nodes[0].Address); err != nil {
		return nil, loc, err
	}
	var addresses []string
	var at []location
	for _, s := range g.Nodes {
		c, err := mysql.ParseDSN(s.Address)
		if err != nil {
			return nil, loc, err
		}
		here, err := loc.withAddress(c.Addr)
		if err != nil {
			return nil, loc, err
		}
		addresses, at = append(addresses, c.Addr), append(at, here)
	}
	for i, here := range at {
		n, err := openNode(ctx, here, syncWait, sqlstore.Config{Unprepared: i == 1})
		if err != nil {
			return all, loc, err
		}
		all = append(all, n)
	}
	pooled, err := openNode(ctx, loc, syncWait, sqlstore.Config{}, addresses...)
	return append(all, pooled), at[len(at)-1], err
}

// loadNodes runs a load with a manager on each node and one on all of them, until f returns. It
// reads the result from a node that no experiment ends.
func (t *trial) loadNodes(ctx context.Context, g *server.Galera, f func(*load, *session.Manager) error) (summary string, err error) {
	before := goroutines(ctx)
	nodes, last, err := t.openNodes(ctx, g, syncWait)
	if err == nil {
		var others []session.Store
		for _, n := range nodes[1:] {
			others = append(others, n.Store)
		}
		var observer *session.Manager
		if observer, err = newManager(nodes[2].Store); err == nil {
			summary, err = t.loadStore(ctx, openStore{Store: nodes[0].Store, db: nodes[0].db, others: others}, observer, time.Now,
				func(l *load, _ openStore) error { return f(l, observer) })
		}
	}
	for _, n := range nodes {
		err = errors.Join(err, n.close())
	}
	if err != nil {
		return "", err
	}
	return summary, last.checkLeaks(ctx, before)
}

// everyNode writes the same sessions on every node at once. Nothing may be lost.
func (t *trial) everyNode(ctx context.Context, g *server.Galera) (string, error) {
	var failed int
	summary, err := t.loadNodes(ctx, g, func(*load, *session.Manager) error {
		// Until two nodes have changed a row at once; a busy machine may take longer.
		for deadline := time.Now().Add(30 * time.Second); ; {
			wait(ctx, t.each)
			n, err := conflicts(ctx, g)
			if failed = n; err != nil || n > 0 {
				return err
			}
			if time.Now().After(deadline) {
				return errors.New("no two nodes changed a row at once")
			}
		}
	})
	return fmt.Sprintf("%d transactions failed at their commit, %s", failed, summary), err
}

// conflicts returns how many transactions the nodes have aborted, because of another node's.
func conflicts(ctx context.Context, g *server.Galera) (n int, err error) {
	for _, s := range g.Nodes {
		for _, name := range []string{"wsrep_local_cert_failures", "wsrep_local_bf_aborts"} {
			text, err := status(ctx, s, name)
			if err != nil {
				return n, err
			}
			count, err := strconv.Atoi(text)
			if err != nil {
				return n, err
			}
			n += count
		}
	}
	return n, nil
}

// status returns a status variable of a node.
func status(ctx context.Context, s *server.Server, name string) (value string, err error) {
	db, err := sql.Open("mysql", s.Address)
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+name+"'").Scan(&name, &value)
	return value, err
}

// whole waits until every node of a cluster is ready and knows the two others.
func whole(ctx context.Context, g *server.Galera) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, s := range g.Nodes {
		for name, want := range map[string]string{"wsrep_cluster_size": "3", "wsrep_ready": "ON", "wsrep_local_state_comment": "Synced"} {
			for {
				got, err := status(ctx, s, name)
				if err == nil && got == want {
					break
				}
				if ctx.Err() != nil {
					return fmt.Errorf("%s of %s is %q, want %q: %w", name, s.Address, got, want, errors.Join(err, ctx.Err()))
				}
				wait(ctx, 50*time.Millisecond)
			}
		}
	}
	return nil
}

// nodeKilled kills a node under load. The others must go on, and the node must serve again when it
// has been replaced.
func (t *trial) nodeKilled(ctx context.Context, g *server.Galera) (string, error) {
	var downtime time.Duration
	summary, err := t.loadNodes(ctx, g, func(l *load, other *session.Manager) error {
		wait(ctx, t.each/3)
		start := time.Now()
		g.Nodes[0].End(syscall.SIGKILL)
		if err := serves(ctx, other, 30*time.Second); err != nil {
			return err
		}
		downtime = time.Since(start)
		wait(ctx, t.each/3)
		if err := g.Nodes[0].Start(ctx); err != nil {
			return err
		}
		if err := whole(ctx, g); err != nil {
			return err
		}
		wait(ctx, t.each/3)
		return nil
	})
	return fmt.Sprintf("the others served after %v, %s", downtime.Round(time.Millisecond), summary), err
}

// serves waits until a manager can store a session.
func serves(ctx context.Context, m *session.Manager, limit time.Duration) (err error) {
	for end := time.Now().Add(limit); time.Now().Before(end) && ctx.Err() == nil; wait(ctx, time.Millisecond) {
		limited, cancel := context.WithTimeout(ctx, storeTimeout)
		_, err = write(limited, m, "", func(s *session.Session) { s.Set("a", 1) })
		cancel()
		if err == nil {
			return nil
		}
	}
	return fmt.Errorf("nothing was stored within %v: %w", limit, errors.Join(err, ctx.Err()))
}

// quorumLost stops two of the three nodes, as machines that hang do. The third must refuse to
// serve, and after that all must go on.
func (t *trial) quorumLost(ctx context.Context, g *server.Galera) (string, error) {
	var refused error
	summary, err := t.loadNodes(ctx, g, func(l *load, other *session.Manager) error {
		wait(ctx, t.each/3)
		err := errors.Join(g.Nodes[0].Pause(), g.Nodes[1].Pause())
		for end := time.Now().Add(30 * time.Second); err == nil && !isNotReady(refused) && time.Now().Before(end); wait(ctx, 10*time.Millisecond) {
			_, refused = write(ctx, other, "", func(s *session.Session) { s.Set("a", 1) })
		}
		wait(ctx, t.each/3)
		if err := errors.Join(err, g.Nodes[0].Resume(), g.Nodes[1].Resume()); err != nil {
			return err
		}
		if !isNotReady(refused) {
			return fmt.Errorf("a node without a quorum: got error %w, want 1047", refused)
		}
		if err := whole(ctx, g); err != nil {
			return err
		}
		wait(ctx, t.each/3)
		return nil
	})
	return fmt.Sprintf("the rest refused (%v), %s", refused, summary), err
}

func isNotReady(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1047
}
