package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/stores"
)

// Every workload runs with every peer that needs no server, and every response is a 200.
func TestMeasure(t *testing.T) {
	var progress bytes.Buffer
	cells, err := bench.Measure(bench.Plan{
		Stores: stores.All(t.TempDir(), "modernc")[:6], Workloads: bench.Workloads,
		Passes: 2, Time: time.Millisecond, Progress: &progress,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cells {
		median, low, high := c.Ratio()
		if len(c.Samples) != 2 || low <= 0 || median < low || high < median {
			t.Errorf("%s %s %s: got ratios %v, %v, %v of %d samples", c.Store, c.Workload, c.Peer, low, median, high, len(c.Samples))
		}
		if c.Peer == "raw" && (low != 1 || high != 1) {
			t.Errorf("%s %s: raw is %v to %v times raw", c.Store, c.Workload, low, high)
		}
	}
	r := bench.Results{Cells: cells, Anomalies: []bench.Anomaly{{Store: "memory", Peer: "scs", Keys: 2, Counter: 1, Revived: true}}}
	if !strings.Contains(r.Markdown(), " | 1, revives |\n") {
		t.Error("a row shows the speed of a peer without what it loses")
	}
	for _, s := range []string{"memory", "SQLite FULL"} {
		if !strings.Contains(r.Markdown(), "| **"+s+"** | raw |") || !strings.Contains(r.Summary(), "| "+s+" | **") {
			t.Errorf("no row for %s", s)
		}
	}
}

// Both drivers of SQLite run and appear in the table.
func TestDrivers(t *testing.T) {
	cells, err := bench.Measure(bench.Plan{
		Stores: stores.Drivers(t.TempDir()), Workloads: bench.Workloads[1:], Passes: 1, Time: time.Millisecond, Progress: io.Discard,
	})
	if err != nil {
		t.Fatal(err)
	}
	text := bench.Results{Drivers: cells}.Markdown()
	for _, row := range []string{"| SQLite NORMAL | raw |", "| SQLite NORMAL | session, modernc |", "| SQLite FULL | raw, mattn |", "| SQLite FULL | session, mattn |"} {
		if !strings.Contains(text, row) {
			t.Errorf("no row %q", row)
		}
	}
}

// All peers answer requests that arrive at a rate, and the table compares them with raw.
func TestNetwork(t *testing.T) {
	memory := stores.Memory()
	all, err := bench.MeasureNetwork(bench.NetworkPlan{
		Store: "memory", Peers: memory.Peers[:3], RoundTrip: time.Millisecond, Workloads: bench.Workloads,
		Passes: 2, Time: 2 * time.Millisecond, Progress: func(string) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * 2 * 2; len(all) != want {
		t.Errorf("got %d rows, want %d: three peers, two workloads, two rates", len(all), want)
	}
	for _, n := range all {
		for _, p := range n.Passes {
			if p.Failed > 0 || p.Times[0] <= 0 || p.Times[1] < p.Times[0] || p.Times[2] < p.Times[1] {
				t.Errorf("%s: got %+v", n.Key(), p)
			}
		}
		if len(n.Passes) != 2 || n.Rate == 0 {
			t.Errorf("%s: got %d passes at %d requests/s, want 2", n.Key(), len(n.Passes), n.Rate)
		}
	}
}

// The table shows medians of the passes, and which goals are missed.
func TestNetworkTable(t *testing.T) {
	row := func(peer string, saturated bool, times ...time.Duration) bench.Network {
		n := bench.Network{Store: "s", Peer: peer, RoundTrip: time.Millisecond, Workload: "W1", Saturated: saturated, Rate: 500}
		for _, d := range times {
			n.Passes = append(n.Passes, bench.NetworkPass{Times: [3]time.Duration{d, 2 * d, 3 * d}, Failed: 1})
		}
		return n
	}
	ms := time.Millisecond
	text := bench.Results{Network: []bench.Network{
		row("raw", false, 10*ms, 20*ms, 90*ms), row("session", false, 11*ms, 20*ms, 900*ms), row("scs", false, 20*ms, 40*ms, 90*ms),
		row("raw", true, 10*ms), row("session, pgxstore", true, 11*ms),
	}}.NetworkTable()
	for _, want := range []string{
		"| s | 1ms | W1 | below | 500 | raw | 20ms | 40ms | 60ms | 3 |\n",
		"| s | 1ms | W1 | below | 500 | session | **1.10** | 1.10 | **1.10** | 3 |\n",
		"| s | 1ms | W1 | below | 500 | scs | 2.00 | 2.00 | 2.00 | 3 |\n",
		"| s | 1ms | W1 | in | 500 | session, pgxstore | 1.10 MISSED | 1.10 | 1.10 MISSED | 1 |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no row %q in\n%s", want, text)
		}
	}
}

// This library keeps all overlapping writes. The peer loses some, which shows that the
// harness detects a loss.
func TestAnomalies(t *testing.T) {
	s := stores.Memory()
	for _, p := range s.Peers[1:3] {
		a, err := bench.Anomalies(s.Name, p)
		if err != nil {
			t.Fatal(err)
		}
		perfect := a.Keys == 50 && a.Counter == 50 && !a.Revived
		if perfect != (p.Name == "session") {
			t.Errorf("%s: got %+v", p.Name, a)
		}
	}
}

// README.md must show the measured results.
func TestReadmeIsWritten(t *testing.T) {
	r, err := bench.ReadResults("results.json")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(readme) != r.Markdown() {
		t.Error("README.md does not match results.json; run: go run ./benchmarks/cmd/bench -parts none -write")
	}
	if len(r.Races) != 4 || !strings.Contains(string(readme), "| session | 500 | 500 | 0 | 0 | effective in 10 of 10 rounds |") {
		t.Errorf("races = %+v, want four, and no lost write of this library", r.Races)
	}
}

func TestCurve(t *testing.T) {
	c := bench.Curve{Name: "n", Title: "Growth", X: []int{1, 10, 100}, Label: "things", Lines: []bench.CurveLine{
		{Peer: "raw", Nanos: []float64{100, 200, 400}},
		{Peer: "session", Nanos: []float64{300, 600, 9000}},
	}}
	svg := c.SVG()
	// Three decades, from 100ns to 100µs cut at 10µs: the first point of raw is at the
	// bottom left, the last x at the right.
	for _, want := range []string{`points="80.0,350.0 `, `>100ns</text>`, `>10µs</text>`, `>things</text>`} {
		if !strings.Contains(svg, want) {
			t.Errorf("the chart lacks %q:\n%s", want, svg)
		}
	}
	if n := strings.Count(svg, "<polyline"); n != 2 {
		t.Errorf("got %d lines, want 2", n)
	}
}

func TestReplace(t *testing.T) {
	old := []*bench.Cell{{Store: "a", Peer: "old"}, {Store: "b", Peer: "old"}}
	got := bench.Replace(old, []*bench.Cell{{Store: "b", Peer: "new"}})
	if len(got) != 2 || got[0].Store != "a" || got[1].Peer != "new" {
		t.Errorf("got %v, want the old a and the new b", got)
	}
}

func TestMerge(t *testing.T) {
	old := []bench.Scale{{Store: "a", Rows: 1, Load: 1}, {Store: "a", Rows: 2, Load: 2}}
	fresh := []bench.Scale{{Store: "b", Rows: 1, Load: 3}, {Store: "a", Rows: 1, Load: 4}}
	got := bench.Merge(old, fresh, func(s bench.Scale) string { return fmt.Sprint(s.Store, s.Rows) })
	want := []bench.Scale{{Store: "a", Rows: 1, Load: 4}, {Store: "a", Rows: 2, Load: 2}, {Store: "b", Rows: 1, Load: 3}}
	if !slices.Equal(got, want) || old[0].Load != 1 {
		t.Errorf("got %v, want %v", got, want)
	}
}
