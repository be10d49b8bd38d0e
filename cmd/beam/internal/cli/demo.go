package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/cmd/beam/internal/demo"
)

const demoHelp = `Serves a small application on this computer only, over plain HTTP. Without a configuration it
keeps its sessions in a SQLite database in the user's cache folder, which it makes and migrates;
they survive a restart. With config/session.toml in the current folder it uses the store that is
configured there. SESSION_STORE=file or --store file switches to another one.`

// shutdownTimeout is how long requests under way may take once the demo is asked
// to end.
const shutdownTimeout = 5 * time.Second

// demo opens the port before the store: a port that is taken is told at once,
// without a database made for nothing.
func (a *app) demo(ctx context.Context, cmd *cli.Command) error {
	addr, err := loopback(cmd, cmd.String("addr"))
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		return fmt.Errorf("port %s is in use by another program; choose one with --addr 127.0.0.1:PORT, port 0 for any that is free", port)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	defer listener.Close()

	c, err := a.demoConfiguration(ctx, cmd)
	if err != nil {
		return err
	}
	manager, err := c.Open(ctx)
	if err != nil {
		return err
	}
	a.printf("Store: %s\n", describe(c))
	handler := demo.New(manager, demo.Options{Store: describe(c), Forgets: forgets(c)})
	return a.serve(ctx, cmd, listener, handler, manager)
}

// serve ends the server first and the manager after it, so that the last
// requests can still commit.
func (a *app) serve(ctx context.Context, cmd *cli.Command, l net.Listener, h http.Handler, m *session.Manager) error {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	if host := l.Addr().(*net.TCPAddr).IP.String(); host == "127.0.0.1" || host == "::1" {
		url = "http://localhost:" + port
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	a.printf("Serving on %s (stop with Ctrl+C)\n", url)
	if cmd.Bool("open") {
		if err := openBrowser(url); err != nil {
			a.warn("cannot open a browser: %v", err)
		}
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if stopped := server.Shutdown(end); stopped != nil {
		stopped = errors.Join(stopped, server.Close())
		a.warn("some requests were cut off: %v", stopped)
	}
	if closed := m.Close(end); closed != nil && err == nil {
		err = closed
	}
	return err
}

// loopback checks the address before anything listens: the demo speaks plain
// HTTP and lets everybody sign in under any name.
func loopback(cmd *cli.Command, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", wrong(cmd, "--addr %q is not of the form 127.0.0.1:8000", addr)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return "", wrong(cmd, "--addr %q is not a loopback address: the demo has no passwords and no TLS, "+
			"so it listens on this computer only; use 127.0.0.1:%s", addr, port)
	}
	return net.JoinHostPort(host, port), nil
}

// openBrowser starts what opens a page on this system, and does not wait for it.
func openBrowser(url string) error {
	var cmd *exec.Cmd
	switch runtime.GOOS {
	case "darwin":
		cmd = exec.Command("open", url)
	case "windows":
		cmd = exec.Command("rundll32", "url.dll,FileProtocolHandler", url)
	default:
		cmd = exec.Command("xdg-open", url)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
