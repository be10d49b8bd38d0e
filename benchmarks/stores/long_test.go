package stores

import (
	"os"
	"testing"
	"time"
)

// TestMain lets the tests start this program as a child process, as the command bench does.
func TestMain(m *testing.M) {
	if code, is := Child(); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func quiet(string) {}

// Prune fails unless the three replicas remove exactly the expired sessions, on every kind of
// store.
func TestPrune(t *testing.T) {
	all, err := Prune(t.TempDir(), "modernc", os.Getenv("SESSION_TEST_POSTGRES"), nil, 2000, 100*time.Millisecond, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if p.Before.Requests == 0 || p.During.Requests == 0 || p.Before.Failed+p.During.Failed != 0 || p.During.Max < p.During.Median {
			t.Errorf("got %+v", p)
		}
	}
}

// Processes fails if an increment is lost.
func TestProcesses(t *testing.T) {
	all, c, err := Processes("sqlite", t.TempDir(), "modernc", "", []int{1, 2}, 200*time.Millisecond, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 4 || len(c.Lines) != 2 || len(c.Lines[1].Nanos) != 2 {
		t.Errorf("got %+v and %+v", all, c)
	}
	for _, p := range all {
		if p.Requests == 0 || p.Nanos <= 0 || p.Updates <= 0 {
			t.Errorf("got %+v", p)
		}
	}
}

// Every workload is answered over real connections, on every store that can run here.
func TestLoopback(t *testing.T) {
	all, err := Loopback(t.TempDir(), "modernc", 2, 50*time.Millisecond, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 2*len(loopbackWorkloads) {
		t.Errorf("got %d measurements, want those of memory and SQLite at least", len(all))
	}
	for _, l := range all {
		if len(l.Rates) != 2 || len(l.CPU) != 2 || len(l.Ratios) != 2 || min(l.Rates[0], l.CPU[1], l.Ratios[0]) <= 0 {
			t.Errorf("got %+v", l)
		}
		if l.Store == "memory" && l.Ratios[1] != 1 {
			t.Errorf("%s: memory is %v times memory", l.Workload, l.Ratios[1])
		}
	}
}

func TestScale(t *testing.T) {
	all, err := Scale(t.TempDir(), "modernc", os.Getenv("SESSION_TEST_POSTGRES"), []int{5000}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if min(s.Fill, s.Load, s.Commit, s.ListOwner, s.PruneNone, s.PruneEach) <= 0 {
			t.Errorf("got %+v", s)
		}
	}
}

func TestCollect(t *testing.T) {
	for _, p := range memoryPeers {
		m, err := p.fill(1000, noSweep)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err := m.read(i); err != nil {
				t.Fatalf("%s: %d: %v", p.name, i, err)
			}
		}
	}
	s, err := sweepMemory(fillOurs, 1000, 90)
	if err != nil || s.Took <= 0 || s.Longest <= 0 {
		t.Errorf("got %+v, %v", s, err)
	}
}
