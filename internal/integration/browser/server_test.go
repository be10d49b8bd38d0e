package browser

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

const anyPort = "127.0.0.1:0"

// A server is a running "beam demo".
type server struct {
	url  string // "http://localhost:49152", without a slash at the end
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has exited
	out  *output
}

// startServer runs the demo in a folder, on the given address and with additional
// arguments, and waits until it prints the address. The server is stopped at the end of
// the test.
func startServer(t *testing.T, dir, addr string, args ...string) *server {
	t.Helper()
	need(t)
	s := &server{done: make(chan struct{}), out: &output{}}
	s.cmd = exec.Command(beam, append([]string{"demo", "--addr", addr, "--dir", dir}, args...)...)
	s.cmd.Dir = dir
	s.cmd.Env = plainEnv()
	r, w := io.Pipe()
	s.cmd.Stdout, s.cmd.Stderr = w, w
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go s.out.read(r, found)
	go func() {
		s.cmd.Wait()
		w.Close()
		close(s.done)
	}()
	t.Cleanup(func() { s.stop(t) })

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	select {
	case s.url = <-found:
	case <-s.done:
		t.Fatalf("beam demo ended at once:\n%s", s.out)
	case <-ctx.Done():
		t.Fatalf("beam demo printed no address:\n%s", s.out)
	}
	return s
}

// stop interrupts the program, as Ctrl-C does, and waits until it exits.
func (s *server) stop(t *testing.T) {
	t.Helper()
	select {
	case <-s.done:
		return
	default:
	}
	s.cmd.Process.Signal(os.Interrupt)
	overdue := time.AfterFunc(2*time.Minute, func() {
		t.Errorf("beam demo did not end within two minutes of an interrupt:\n%s", s.out)
		s.cmd.Process.Kill()
	})
	<-s.done
	overdue.Stop()
}

// addr returns the address of the server, so that a test can start another one there.
func (s *server) addr() string {
	_, port, _ := strings.Cut(strings.TrimPrefix(s.url, "http://"), ":")
	return "127.0.0.1:" + port
}

// plainEnv returns the environment without settings for sessions and databases, because
// the tests cover the defaults.
func plainEnv() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SESSION_") && !strings.HasPrefix(v, "DB_") {
			env = append(env, v)
		}
	}
	return env
}

// An output keeps what a program prints, for the messages of failed tests.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

var address = regexp.MustCompile(`http://(?:localhost|127\.0\.0\.1):\d+`)

func (o *output) read(r io.Reader, found chan<- string) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		o.mu.Lock()
		o.text.WriteString(lines.Text() + "\n")
		o.mu.Unlock()
		if url := address.FindString(lines.Text()); url != "" {
			select {
			case found <- url:
			default:
			}
		}
	}
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
