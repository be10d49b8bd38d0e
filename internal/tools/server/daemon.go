package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 2 * time.Minute  // of a server on a busy machine
	stopTimeout  = 20 * time.Second // then it is killed
)

// A daemon is a server process of ours.
type daemon struct {
	cmd    *exec.Cmd
	log    *logBuffer
	exited chan struct{} // closed when the process has ended
}

// launch starts a server in a process group of its own, so that a Ctrl-C in the
// terminal reaches the tests but not the server below them.
func launch(as *syscall.Credential, dir, name string, args ...string) (*daemon, error) {
	d := &daemon{cmd: exec.Command(name, args...), log: new(logBuffer), exited: make(chan struct{})}
	d.cmd.Dir, d.cmd.Env = dir, serverEnv(dir)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = d.cmd.Wait() // how it ended is in its log
		close(d.exited)
	}()
	return d, nil
}

// await returns when ready says so. It never asks a port: another server could be
// the one that answers there.
func (d *daemon) await(ctx context.Context, ready func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-d.exited:
			return fmt.Errorf("it ended at once:\n%s", d.log)
		case <-ctx.Done():
			d.stop(syscall.SIGKILL)
			return fmt.Errorf("it did not become ready: %w:\n%s", context.Cause(ctx), d.log)
		case <-tick.C:
			if ready() {
				return nil
			}
		}
	}
}

// stop asks with a signal and returns when the process is gone.
func (d *daemon) stop(with syscall.Signal) {
	_ = d.cmd.Process.Signal(with)
	select {
	case <-d.exited:
	case <-time.After(stopTimeout):
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
}

// onFreePort calls start with ports until one works. A port that was free a moment
// ago can be taken when the server binds it, hence the tries.
func onFreePort(start func(port string) (*daemon, error)) (port string, d *daemon, err error) {
	for range 5 {
		if port, err = freePort(); err != nil {
			return "", nil, err
		}
		if d, err = start(port); err == nil {
			return port, d, nil
		}
	}
	return "", nil, err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// Dir makes a folder for the data and the sockets of servers, each in a folder of its
// own below it. The name of a Unix socket ends at 107 bytes, so a long TMPDIR (macOS,
// build systems) is not used; and other users must be able to walk through, because the
// servers do not run as root.
func Dir() (string, error) {
	parent := os.TempDir()
	if len(parent) > 60 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "session-servers-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

// prepare makes dir and runs the program that fills it with an empty database. If we
// are root, both happen as the system user name, who also runs the server: the
// servers refuse to run as root. The result is that user's credential, else nil.
func prepare(ctx context.Context, dir, name string, program string, args ...string) (*syscall.Credential, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	as, err := credential(name)
	if err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	c := exec.CommandContext(ctx, program, args...)
	c.Dir, c.Env = dir, serverEnv(dir)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if log, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w:\n%s", filepath.Base(program), err, log)
	}
	return as, nil
}

// serverEnv is our environment, but for the temporary folder: ours may be closed to
// the user who runs the server.
func serverEnv(dir string) []string { return append(os.Environ(), "TMPDIR="+dir) }

func credential(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}

// A logBuffer keeps what a server prints, to be read while it prints.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

var _ io.Writer = (*logBuffer)(nil)

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) contains(text string) bool { return strings.Contains(l.String(), text) }
