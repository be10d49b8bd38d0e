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
	"github.com/expanse-go/session/sessionpage"
)

const demoHelp = `Serves a small application over plain HTTP, on this computer only. It keeps its sessions in a SQLite
database of its own, in your cache folder, so that they survive a restart. To use another kind of
store in that folder, use --store. With --store redis, it uses the server of this computer, or that
of REDIS_CONNECTIONS__MAIN__URL, under the prefix beam-demo:. Otherwise, the demo ignores
config/session.toml and the environment, because it signs anyone in without a password. To make it
use the store of the current folder anyway, with a cookie of its own and with owners that begin with
"demo:", use --` + useConfigured + `.`

// useConfigured is the flag that lets the demo use the store of an application.
const useConfigured = "dangerously-use-configured-store"

// shutdownTimeout limits how long a shutdown waits for requests in progress.
const shutdownTimeout = 5 * time.Second

// demo opens the port before the store, so that it creates no database if the port is in
// use.
func (a *app) demo(ctx context.Context, cmd *cli.Command) error {
	addr, err := loopback(cmd, cmd.String("addr"))
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		return fmt.Errorf("port %s is in use by another program; choose another with --addr 127.0.0.1:PORT, or let the system choose with port 0", port)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", addr, err)
	}
	defer listener.Close()

	var counters sessionpage.Counters
	c, err := a.demoConfiguration(ctx, cmd, &counters)
	if err != nil {
		return err
	}
	manager, err := c.Open(ctx)
	if err != nil {
		return err
	}
	a.printf("Store: %s\n", describe(c))
	handler := demo.New(manager, demo.Options{
		Store: describe(c), Forgets: forgets(c),
		Admin:    !cmd.Bool(useConfigured), // that store has the sessions of an application
		Counters: &counters,
	})
	return a.serve(ctx, cmd, listener, handler, manager)
}

// serve shuts down the server before the manager, so that the last requests can still
// commit.
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
		a.warn("some requests were aborted: %v", stopped)
	}
	if closed := m.Close(end); closed != nil && err == nil {
		err = closed
	}
	return err
}

// loopback rejects other addresses than those of localhost, because the demo uses plain HTTP,
// lets everyone sign in under any name, and answers for no other host.
func loopback(cmd *cli.Command, addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", wrong(cmd, "--addr %q is not of the form 127.0.0.1:8000", addr)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip != netip.MustParseAddr("127.0.0.1") && ip != netip.IPv6Loopback() {
		return "", wrong(cmd, "--addr %q is not an address of localhost: the demo has no passwords and no TLS, "+
			"so it listens on this computer only; use 127.0.0.1:%s", addr, port)
	}
	return net.JoinHostPort(host, port), nil
}

// openBrowser opens url in the default browser, without waiting.
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
