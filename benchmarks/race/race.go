// Package race runs "beam race" on the programs in its subdirectories. Each serves the same
// four pages with a different library.
package race

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	bench "github.com/expanse-go/session/benchmarks"
)

// Programs lists the subdirectories, which have the names of the libraries.
var Programs = []string{"session", "scs", "gorilla", "fiber"}

// Run builds beam and the programs into dir, and tests one program after the other.
func Run(ctx context.Context, dir string) ([]bench.Race, error) {
	const module = "github.com/expanse-go/session/"
	args := []string{"build", "-o", dir + string(filepath.Separator), module + "cmd/beam"}
	for _, p := range Programs {
		args = append(args, module+"benchmarks/race/"+p)
	}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	var all []bench.Race
	for _, p := range Programs {
		r, err := one(ctx, dir, p)
		if err != nil {
			return all, fmt.Errorf("%s: %w", p, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func one(ctx context.Context, dir, program string) (r bench.Race, err error) {
	url, stop, err := start(ctx, dir, program)
	if err != nil {
		return r, err
	}
	defer stop()
	beam := exec.CommandContext(ctx, filepath.Join(dir, "beam"), append(bench.RaceArgs(url), "--json")...)
	var stderr strings.Builder
	beam.Stderr = &stderr
	found, err := beam.Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: beam found a lost write or an undone logout
		return r, fmt.Errorf("%w: %s", err, stderr.String())
	}
	var report struct {
		Sent, Kept, Refused, Lost int
		Logout                    struct{ Rounds, Undone int }
	}
	if err := json.Unmarshal(found, &report); err != nil {
		return r, fmt.Errorf("%w: %s", err, stderr.String())
	}
	return bench.Race{
		Program: program, Sent: report.Sent, Kept: report.Kept, Refused: report.Refused, Lost: report.Lost,
		Rounds: report.Logout.Rounds, Undone: report.Logout.Undone,
	}, nil
}

// start starts a program on a free port; stop kills it.
func start(ctx context.Context, dir, program string) (url string, stop func(), err error) {
	server := exec.CommandContext(ctx, filepath.Join(dir, program), "-addr", "127.0.0.1:0")
	server.Env = append(server.Environ(), "TMPDIR="+dir) // for session files
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := server.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _, _ = server.Process.Kill(), server.Wait() }
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, ok := strings.Cut(strings.TrimSpace(line), "serving on ")
	if !ok {
		stop()
		return "", nil, fmt.Errorf("no address in the output %q: %w", line, err)
	}
	return url, stop, nil
}
