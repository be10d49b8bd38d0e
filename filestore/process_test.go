//go:build unix

package filestore

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/respawn"
)

// The tests in this file start the test binary again as child processes, which run count
// or churn.
func TestMain(m *testing.M) {
	job, args := respawn.Job()
	if job == "" {
		os.Exit(m.Run())
	}
	if err := runJob(job, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runJob(job string, args []byte) error {
	var dir string
	if err := json.Unmarshal(args, &dir); err != nil {
		return err
	}
	s, err := Open(dir, Config{DangerouslyNoSync: true})
	if err != nil {
		return err
	}
	if job == "count" {
		return count(s)
	}
	return churn(s)
}

const (
	counters      = 4 // processes
	countsOfEach  = 100
	countingTries = 10_000
)

// count increments the number in one record countsOfEach times.
func count(s *Store) error {
	ctx := context.Background()
	for range countsOfEach {
		if err := increment(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func increment(ctx context.Context, s *Store) error {
	for range countingTries {
		r, err := s.Load(ctx, sample().ID)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return err
		}
		r.Data = []byte(strconv.Itoa(n + 1))
		if err = s.Update(ctx, r); !errors.Is(err, session.ErrConflict) {
			return err
		}
	}
	return errors.New("every update had a conflict")
}

// TestConcurrentProcesses lets several processes increment the number in one record.
func TestConcurrentProcesses(t *testing.T) {
	s, dir := open(t)
	r := sample()
	r.Data = []byte("0")
	create(t, s, r)
	var children []*exec.Cmd
	for range counters {
		cmd, _, _, err := respawn.Start("count", dir)
		if err != nil {
			t.Fatal(err)
		}
		children = append(children, cmd)
	}
	for i, cmd := range children {
		if err := cmd.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	got, err := s.Load(t.Context(), r.ID)
	if want := counters * countsOfEach; err != nil || string(got.Data) != strconv.Itoa(want) || got.Version != uint64(want)+1 {
		t.Errorf("counted to %s in version %d, %v; want %d", got.Data, got.Version, err, want)
	}
}

// churn writes records until it is killed, and prints a dot after each write.
func churn(s *Store) error {
	ctx := context.Background()
	for {
		id := session.ID{byte(rand.IntN(3)), byte(rand.IntN(4))}
		r, err := s.Load(ctx, id)
		owner := []string{"", "ada", "bob"}[rand.IntN(3)]
		switch {
		case errors.Is(err, session.ErrNotFound):
			err = s.Create(ctx, churned(id, owner, 1))
		case err != nil:
			return err
		case rand.IntN(5) == 0:
			err = s.Delete(ctx, id)
		case rand.IntN(4) == 0:
			err = s.Touch(ctx, id, r.LastActivity.Add(time.Second), r.ExpiresAt.Add(time.Second))
		default:
			next := churned(id, owner, r.Version+1)
			next.Version = r.Version
			err = s.Update(ctx, next)
		}
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write([]byte{'.'}); err != nil {
			return err
		}
	}
}

// churned returns the record of a version. Its data depends on the other fields.
func churned(id session.ID, owner string, version uint64) session.Record {
	r := sample()
	r.ID, r.Owner, r.Version = id, owner, version
	r.Data = bytes.Repeat(fmt.Appendf(nil, "%x %s %d|", id[:2], owner, version), 1000)
	return r
}

// TestKilledWriters kills a writing process again and again. Afterwards every record must
// be intact, every lock free, and every listing of an owner complete.
func TestKilledWriters(t *testing.T) {
	s, dir := open(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		killed(t, dir, 1+rng.IntN(60))
		checkWhole(t, s, dir)
	}
	for _, name := range files(t, filepath.Join(dir, "records")) {
		if strings.HasSuffix(name, ".tmp") {
			age(t, filepath.Join(dir, "records", name), 2*session.PruneSlack)
		}
	}
	if _, err := s.Prune(t.Context(), time.Unix(0, 0), 1); err != nil {
		t.Fatal(err)
	}
	for _, name := range files(t, filepath.Join(dir, "records")) {
		if _, ok := recordID(filepath.Base(name)); !ok {
			t.Errorf("%s is still there after Prune", name)
		}
	}
}

// killed starts a process that runs churn, and kills it after the given number of writes.
func killed(t *testing.T, dir string, writes int) {
	t.Helper()
	cmd, _, out, err := respawn.Start("churn", dir)
	if err != nil {
		t.Fatal(err)
	}
	_, readErr := io.CopyN(io.Discard, bufio.NewReader(out), int64(writes))
	if err := cmd.Process.Kill(); err != nil && readErr == nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if readErr != nil {
		t.Fatal("the child exited by itself")
	}
}

func checkWhole(t *testing.T, s *Store, dir string) {
	t.Helper()
	owned := map[string]int{}
	for _, name := range files(t, filepath.Join(dir, "records")) {
		id, ok := recordID(filepath.Base(name))
		if !ok {
			continue
		}
		r, err := s.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if want := churned(id, r.Owner, r.Version); !bytes.Equal(r.Data, want.Data) {
			t.Fatalf("record %v of version %d contains %q…", id, r.Version, r.Data[:20])
		}
		if err := s.Touch(t.Context(), id, r.LastActivity.Add(time.Second), r.ExpiresAt); err != nil {
			t.Fatal(err)
		}
		owned[r.Owner]++
	}
	for owner, want := range owned {
		if got := len(ids(t, s, owner)); got != want {
			t.Fatalf("listing %q yields %d records, want %d", owner, got, want)
		}
	}
}
