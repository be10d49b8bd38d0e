package natstest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/expanse-go/session/internal/respawn"
)

// Job is the job of a child process that is a server; see [Serve].
const Job = "nats-server"

// A Cluster is servers that replicate to each other. It is for one goroutine at a time.
type Cluster struct {
	nodes []*node
}

// A node is what a server needs to start again with its data.
type node struct {
	Name   string
	Dir    string
	Client int // port
	Peer   int // port
	Routes []string

	cmd *exec.Cmd
	in  io.Closer
}

// StartCluster starts n servers with their data in dir; one is a server without a cluster. It
// starts this program again as child processes, so main or TestMain must call [Serve] for [Job].
func StartCluster(ctx context.Context, dir string, n int) (*Cluster, error) {
	ports, err := freePorts(2 * n)
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	var routes []string
	for i := range n {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[n+i]))
	}
	for i := range n {
		name := fmt.Sprintf("n%d", i+1)
		c.nodes = append(c.nodes, &node{Name: name, Dir: filepath.Join(dir, name), Client: ports[i], Peer: ports[n+i], Routes: routes})
	}
	for i := range n {
		if err := c.Start(ctx, i); err != nil {
			c.Stop()
			return nil, err
		}
	}
	return c, nil
}

// freePorts returns loopback ports that nobody uses at the moment.
func freePorts(n int) (ports []int, err error) {
	var open []net.Listener // until all are found, so that none is found twice
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	for _, l := range open {
		err = errors.Join(err, l.Close())
	}
	return ports, err
}

// URL returns the addresses of all servers, separated by commas.
func (c *Cluster) URL() string {
	var all []string
	for i := range c.nodes {
		all = append(all, c.NodeURL(i))
	}
	return strings.Join(all, ",")
}

// NodeURL returns the address of a server.
func (c *Cluster) NodeURL(i int) string {
	return fmt.Sprintf("nats://127.0.0.1:%d", c.nodes[i].Client)
}

// Index returns the number of the server with the given name.
func (c *Cluster) Index(name string) (int, error) {
	for i, n := range c.nodes {
		if n.Name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("the cluster has no server %q", name)
}

// Process returns the process of a server.
func (c *Cluster) Process(i int) *os.Process { return c.nodes[i].cmd.Process }

// Kill kills a server (SIGKILL), and returns when it is gone.
func (c *Cluster) Kill(i int) {
	n := c.nodes[i]
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Kill() // it may have ended by itself
	_ = n.cmd.Wait()
	_ = n.in.Close()
	n.cmd = nil
}

// Start starts a server at its address, with its data, and returns when it accepts
// connections. It may not have joined the cluster by then.
func (c *Cluster) Start(ctx context.Context, i int) error {
	n := c.nodes[i]
	cmd, in, out, err := respawn.Start(Job, n)
	if err != nil {
		return err
	}
	n.cmd, n.in = cmd, in
	ready := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(out).ReadString('\n')
		ready <- err
	}()
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.Kill(i)
		return fmt.Errorf("NATS server %s: %w", n.Name, err)
	}
	return nil
}

// Stop kills all servers.
func (c *Cluster) Stop() {
	for i := range c.nodes {
		c.Kill(i)
	}
}

// Serve runs a server of a cluster in this process, until the end of its input.
func Serve(args []byte) error {
	var n node
	if err := json.Unmarshal(args, &n); err != nil {
		return err
	}
	var routes []*url.URL
	for _, r := range n.Routes {
		u, err := url.Parse(r)
		if err != nil {
			return err
		}
		routes = append(routes, u)
	}
	s, err := Start(n.Dir, func(o *server.Options) {
		o.ServerName, o.Port = n.Name, n.Client
		if len(routes) > 1 {
			o.Routes, o.Cluster = routes, server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: n.Peer}
		}
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	s.Shutdown()
	s.WaitForShutdown()
	return err
}
