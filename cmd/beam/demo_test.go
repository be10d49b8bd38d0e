package main

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A signal shuts the demo down gracefully, with exit code 0.
func TestDemoEndsOnASignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			startDemo(t, "--store", "memory", "--dir", t.TempDir()).end(t, signal)
		})
	}
}

// A runningDemo is a demo that has shown its first page.
type runningDemo struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

func startDemo(t *testing.T, flags ...string) *runningDemo {
	t.Helper()
	d := &runningDemo{exec.Command("beam", append([]string{"demo", "--addr", "127.0.0.1:0"}, flags...)...), new(bytes.Buffer)}
	d.cmd.Dir, d.cmd.Stderr = t.TempDir(), d.stderr
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out, url := bufio.NewScanner(stdout), ""
	for url == "" && out.Scan() {
		if rest, ok := strings.CutPrefix(out.Text(), "Serving on "); ok {
			url, _, _ = strings.Cut(rest, " ")
		}
	}
	resp, err := http.Get(url)
	if err != nil {
		t.Fatalf("%v; stderr: %s", err, d.stderr.String())
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("GET %s: %s", url, resp.Status)
	}
	return d
}

func (d *runningDemo) end(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("%v; stderr: %s", err, d.stderr.String())
	}
}
