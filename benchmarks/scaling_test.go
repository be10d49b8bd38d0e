package bench_test

import (
	"math"
	"os"
	"testing"
	"time"

	bench "github.com/expanse-go/session/benchmarks"
)

var (
	oneTraffic = bench.Traffic{
		Sessions: 1_000_000, Active: 0.1, Every: 10 * time.Second, Writes: 0.1, Touch: 100 * time.Second, Lifetime: 10_000 * time.Second,
	}
	oneNode   = bench.Node{Cores: 10, Memory: 1e10, Disk: 1e10, Log: 1e7, Network: 1e8, Use: 0.5}
	oneEngine = bench.Footprint{
		Engine: "PostgreSQL", Stored: 1000,
		Load:   bench.Cost{Trips: 1, Sent: 100, Received: 600},
		Update: bench.Cost{Trips: 1, Sent: 700, Received: 50, LogFirst: 1000, LogLater: 1000},
		Touch:  bench.Cost{Trips: 1, Sent: 150, Received: 50, LogFirst: 200, LogLater: 200},
		Create: bench.Cost{Trips: 1, Sent: 750, Received: 50, LogFirst: 1500, LogLater: 1500},
		Reads:  bench.Work{Client: []float64{20_000}, Server: []float64{10_000}},
		Writes: bench.Work{Client: []float64{60_000}, Server: []float64{50_000}},
	}
)

// 10,000 requests, 1000 updates, 1000 touches and 100 new sessions a second.
func TestPlan(t *testing.T) {
	d := oneEngine.Plan(oneTraffic, oneNode, 0)
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"requests", d.Requests, 10_000},
		{"updates", d.Writes, 1000},
		{"touches", d.Touches, 1000},
		{"creates", d.Create, 100},
		{"stored", d.Stored, 1e9},
		{"application cores", d.AppCores, 9000*20e-6 + 1000*60e-6 + 1100*40e-6},
		{"server cores", d.ServerCores, 9000*10e-6 + 1000*50e-6 + 1100*40e-6},
		{"log", d.Log, 1000*1000 + 1000*200 + 100*1500},
		{"network", d.Network, 10_000*700 + 1000*750 + 1000*200 + 100*800},
		{"trips", d.Trips, 12_100},
		{"filled", d.Filled, 1.35e6 / (1e7 * 0.5)},
	} {
		if math.Abs(c.got-c.want) > 1e-9*c.want {
			t.Errorf("%s = %v, want %v", c.what, c.got, c.want)
		}
	}
	if d.Saturates != "log" || d.Servers != 1 || d.Apps != 1 || !d.Shared {
		t.Errorf("got %+v, want one server, whose log fills first", d)
	}
}

// Each resource decides when the machine has least of it.
func TestPlanFindsWhatIsFullFirst(t *testing.T) {
	memory, redis := oneEngine, oneEngine
	memory.Engine, memory.Load.Trips = "memory", 0
	redis.Engine = "Redis" // one thread, and all sessions in memory
	for _, c := range []struct {
		want   string
		engine bench.Footprint
		node   func(*bench.Node)
		limit  float64
	}{
		{"processor", oneEngine, func(n *bench.Node) { n.Cores = 0.1 }, 0},
		{"log", oneEngine, func(n *bench.Node) { n.Log = 1e5 }, 0},
		{"network", oneEngine, func(n *bench.Node) { n.Network = 1e6 }, 0},
		{"disk", oneEngine, func(n *bench.Node) { n.Disk = 1e8 }, 0},
		{"memory", memory, func(n *bench.Node) { n.Memory = 1e8 }, 0},
		{"memory", oneEngine, func(n *bench.Node) { n.Memory = 1e8 }, 0}, // for the pages in use
		{"writer", oneEngine, func(*bench.Node) {}, 100},
		{"thread", redis, func(n *bench.Node) { n.Use = 0.1 }, 0},
		{"memory", redis, func(n *bench.Node) { n.Memory = 1e8 }, 0},
	} {
		n := oneNode
		c.node(&n)
		if d := c.engine.Plan(oneTraffic, n, c.limit); d.Saturates != c.want || d.Servers < 2 {
			t.Errorf("%s: got %s, %d servers", c.want, d.Saturates, d.Servers)
		}
	}
}

// A whole page goes to the log at its first write after a checkpoint. Rare writes are all
// first; of many writes, as many are first as there are pages.
func TestPlanCountsFirstWritesOfPages(t *testing.T) {
	e := oneEngine
	e.Update.LogFirst = 9000
	rare, many := oneTraffic, oneTraffic
	rare.Sessions, rare.Active = 1_000_000_000, 1e-6
	rare.Lifetime = 1e9 * time.Second
	if d := e.Plan(rare, oneNode, 0); math.Abs(d.Log/(d.Writes*9000+d.Touches*200+d.Create*1500)-1) > 0.01 {
		t.Errorf("rare writes: %v bytes of log a second for %v writes", d.Log, d.Writes)
	}
	many.Active, many.Every = 1, time.Second
	d := e.Plan(many, oneNode, 0)
	writes, pages := (d.Writes+d.Touches+d.Create)*300, d.Stored/8192
	want := d.Writes*(1000+8000*pages/writes) + d.Touches*200 + d.Create*1500
	if math.Abs(d.Log/want-1) > 0.01 {
		t.Errorf("many writes: %v bytes of log a second, want %v", d.Log, want)
	}
}

// One session more than the most does not fit.
func TestMost(t *testing.T) {
	d := oneEngine.Most(oneTraffic, oneNode, 0)
	tr := oneTraffic
	tr.Sessions = int(math.Round(d.Stored / oneEngine.Stored))
	if at := oneEngine.Plan(tr, oneNode, 0); at.Servers != 1 {
		t.Errorf("%d sessions need %d servers, want 1", tr.Sessions, at.Servers)
	}
	tr.Sessions++
	if at := oneEngine.Plan(tr, oneNode, 0); at.Servers != 2 {
		t.Errorf("%d sessions need %d servers, want 2", tr.Sessions, at.Servers)
	}
}

// docs/scaling.md must show what the constants give.
func TestScalingIsWritten(t *testing.T) {
	r, err := bench.ReadResults("results.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/scaling.md")
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.Scaling(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != want {
		t.Error("docs/scaling.md does not match results.json; run: go run ./benchmarks/cmd/bench -parts none -write")
	}
}

func TestScalingNeedsItsMarkers(t *testing.T) {
	for _, text := range []string{"", "<!-- scaling: nothing -->\n<!-- /scaling -->", "<!-- scaling: work -->\n"} {
		if got, err := (bench.Results{}).Scaling(text); err == nil {
			t.Errorf("Scaling(%q) = %q, want an error", text, got)
		}
	}
}
