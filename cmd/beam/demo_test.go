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
			var stderr bytes.Buffer
			demo := exec.Command("beam", "demo", "--addr", "127.0.0.1:0", "--store", "memory", "--dir", t.TempDir())
			demo.Dir, demo.Stderr = t.TempDir(), &stderr
			stdout, err := demo.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := demo.Start(); err != nil {
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
				t.Fatalf("%v; stderr: %s", err, stderr.String())
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("GET %s: %s", url, resp.Status)
			}
			if err := demo.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := demo.Wait(); err != nil {
				t.Errorf("%v; stderr: %s", err, stderr.String())
			}
		})
	}
}
