// Package server runs the servers that tests need beside them: on free loopback ports,
// with their data in a folder of the caller's. A server can be ended in ways that no
// server likes, and started again where it was.
package server

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// A Server is a server process of ours and its data. It is for one goroutine at a time.
type Server struct {
	// Address is how clients reach it, in the form that its driver for Go takes. A
	// later Start does not change it.
	Address string

	launch func(context.Context) (*daemon, error) // at the port of Address
	polite syscall.Signal                         // ends it without waiting for clients
	daemon *daemon
}

// begin starts a server for the first time, at a port that is free. The address has
// one %s, for the port.
func begin(ctx context.Context, address string, polite syscall.Signal, launch func(ctx context.Context, port string) (*daemon, error)) (*Server, error) {
	port, d, err := onFreePort(func(port string) (*daemon, error) { return launch(ctx, port) })
	if err != nil {
		return nil, err
	}
	return &Server{
		Address: fmt.Sprintf(address, port),
		launch:  func(ctx context.Context) (*daemon, error) { return launch(ctx, port) },
		polite:  polite,
		daemon:  d,
	}, nil
}

// Stop ends the server in its own way, at once. If it has ended, that does nothing.
func (s *Server) Stop() { s.daemon.stop(s.polite) }

// End sends the process a signal, and returns when it is gone. One that it cannot
// answer (kill -9) leaves the processes below it to end by themselves, soon but not at
// once.
func (s *Server) End(with syscall.Signal) { s.daemon.stop(with) }

// Start starts it again after Stop or End, with its data and at its address, and
// returns when it is ready. It tries more than once: what was left of a killed server
// may still hold the data.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		d, err := s.launch(ctx)
		if err == nil {
			s.daemon = d
			return nil
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return err
		}
	}
}

// Pause stops the process as a machine that hangs does: it keeps its connections and its data,
// and answers nothing until Resume.
func (s *Server) Pause() error { return s.daemon.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (s *Server) Resume() error { return s.daemon.cmd.Process.Signal(syscall.SIGCONT) }
