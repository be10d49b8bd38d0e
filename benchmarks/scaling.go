package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Traffic is what an application demands of its sessions.
type Traffic struct {
	Sessions int           // in the store
	Active   float64       // share of the sessions that are in use at a time
	Every    time.Duration // between two requests of a session in use
	Writes   float64       // share of the requests that set a key
	Touch    time.Duration // Config.TouchEvery
	Lifetime time.Duration // of a session, after which it is replaced by a new one
}

// Ordinary is the traffic of docs/scaling.md.
var Ordinary = Traffic{
	Sessions: 10_000_000, Active: 0.01, Every: 10 * time.Second, Writes: 0.1,
	Touch: 6 * time.Minute, Lifetime: 14 * 24 * time.Hour,
}

// A Node is the capacity of one machine.
type Node struct {
	Cores   float64
	Memory  float64 // bytes
	Disk    float64 // bytes
	Log     float64 // bytes a second that the disk syncs
	Network float64 // bytes a second
	Use     float64 // share of the capacity to plan with; the rest is for peaks and failures
}

// Usual16 is the machine of docs/scaling.md.
var Usual16 = Node{Cores: 16, Memory: 64e9, Disk: 2e12, Log: 200e6, Network: 1.25e9, Use: 0.6}

// checkpointEvery is the default of PostgreSQL. It is the time after which the first write of
// a page puts the whole page into the log again.
const checkpointEvery = 5 * time.Minute

// pageSize is the default of each engine, in bytes.
var pageSize = map[string]float64{"SQLite FULL": 4096, "PostgreSQL": 8192, "MariaDB": 16384}

// threads is how many cores a server can use, if it can't use all of a machine: Redis runs one
// command at a time.
var threads = map[string]float64{"Redis": 1}

// A Demand is what a traffic takes of an engine, in a second unless it says otherwise.
type Demand struct {
	Engine                            string
	Requests, Writes, Touches, Create float64
	Stored                            float64 // bytes
	AppCores, ServerCores             float64
	Log, Network                      float64 // bytes
	Trips                             float64

	Apps, Servers int     // nodes
	Saturates     string  // the resource that decides Servers
	Filled        float64 // share of what is planned with of that resource of one node
	Shared        bool    // several machines can use one server
}

// Rates returns requests, writes, touches and new sessions a second.
func (t Traffic) Rates() (requests, writes, touches, creates float64) {
	active := float64(t.Sessions) * t.Active
	requests = active / t.Every.Seconds()
	writes = requests * t.Writes
	touches = min(requests-writes, active/t.Touch.Seconds())
	return requests, writes, touches, float64(t.Sessions) / t.Lifetime.Seconds()
}

// Plan computes what a traffic takes of an engine, and how many nodes that is. limit is how
// many writes a second the engine can commit one after the other, 0 if it commits in parallel.
func (f Footprint) Plan(t Traffic, n Node, limit float64) Demand {
	d := Demand{Engine: f.Engine, Stored: f.Stored * float64(t.Sessions), Shared: f.Load.Trips > 0}
	d.Requests, d.Writes, d.Touches, d.Create = t.Rates()
	stored := d.Writes + d.Touches + d.Create // calls that write
	// A touch and a create are taken to cost the processor as much as an update.
	cores := func(reads, writes []float64) float64 {
		read, write := median(reads), median(writes)
		return ((d.Requests-d.Writes)*read + d.Writes*write + (d.Touches+d.Create)*max(0, write-read)) / 1e9
	}
	d.AppCores, d.ServerCores = cores(f.Reads.Client, f.Writes.Client), cores(f.Reads.Server, f.Writes.Server)
	pages := 0.0
	if size := pageSize[f.Engine]; size > 0 {
		pages = d.Stored / size
	}
	first := firstWrites(stored*checkpointEvery.Seconds(), pages)
	for _, c := range []struct {
		cost Cost
		rate float64
	}{{f.Load, d.Requests}, {f.Update, d.Writes}, {f.Touch, d.Touches}, {f.Create, d.Create}} {
		d.Log += c.rate * (first*c.cost.LogFirst + (1-first)*c.cost.LogLater)
		d.Network += c.rate * (c.cost.Sent + c.cost.Received)
		d.Trips += c.rate * c.cost.Trips
	}
	serverCores := d.ServerCores
	if !d.Shared {
		serverCores = d.AppCores
	}
	memory, disk := d.Stored, 0.0
	if pages > 0 {
		memory, disk = d.Stored*inUse(float64(t.Sessions)*t.Active, pages), d.Stored
	}
	for _, r := range []struct {
		name         string
		need, offers float64
	}{
		{"processor", serverCores, n.Cores},
		{"thread", serverCores, threads[f.Engine]},
		{"log", d.Log, n.Log},
		{"network", d.Network, n.Network},
		{"writer", stored, limit},
		{"memory", memory, n.Memory},
		{"disk", disk, n.Disk},
	} {
		if r.offers == 0 {
			continue
		}
		if part := r.need / (r.offers * n.Use); part > d.Filled {
			d.Filled, d.Saturates = part, r.name
		}
	}
	d.Servers = max(1, int(math.Ceil(d.Filled)))
	d.Apps = max(1, int(math.Ceil(d.AppCores/(n.Cores*n.Use))))
	return d
}

// inUse returns the share of the pages that the sessions in use need: a page of the table and
// one of the index for each, spread evenly over all pages, which other sessions share.
func inUse(active, pages float64) float64 { return 1 - math.Exp(-2*active/pages) }

// firstWrites returns the share of the writes between two checkpoints that are the first of
// their page, if they are spread evenly over the pages.
func firstWrites(writes, pages float64) float64 {
	if writes == 0 || pages == 0 {
		return 0
	}
	return pages * (1 - math.Exp(-writes/pages)) / writes
}

// Most returns how many sessions with this traffic one node carries.
func (f Footprint) Most(t Traffic, n Node, limit float64) Demand {
	low, high := 0, 1
	at := func(sessions int) Demand {
		t.Sessions = sessions
		return f.Plan(t, n, limit)
	}
	for at(high).Filled <= 1 {
		low, high = high, 2*high
	}
	for high-low > 1 {
		if middle := (low + high) / 2; at(middle).Filled <= 1 {
			low = middle
		} else {
			high = middle
		}
	}
	return at(low)
}

// modeled are the engines for which limits are computed. The file store is left out: how the
// file system behaves with millions of files has not been measured.
var modeled = []string{"memory", "SQLite FULL", "PostgreSQL", "MariaDB", "Redis"}

// Modeled returns the footprints of these engines, and how many writes a second each can
// commit one after the other.
func (r Results) Modeled() (all []Footprint, limits []float64) {
	for _, name := range modeled {
		i := slices.IndexFunc(r.Footprints, func(f Footprint) bool { return f.Engine == name })
		if i < 0 {
			continue
		}
		limit := 0.0
		if name == "SQLite FULL" {
			limit = r.writer()
		}
		all, limits = append(all, r.Footprints[i]), append(limits, limit)
	}
	return all, limits
}

// writer returns the writes a second that 64 clients have reached on SQLite.
func (r Results) writer() float64 {
	for _, c := range r.Curves {
		for _, l := range c.Lines {
			if c.Name == "clients-sqlite" && l.Peer == ours {
				return 1e9 / l.Nanos[len(l.Nanos)-1]
			}
		}
	}
	return 0
}

// PlanTable renders the demand of a traffic on each engine.
func (r Results) PlanTable(t Traffic, n Node) string {
	var b strings.Builder
	b.WriteString("| store | sessions | stored | application cores | server cores | log/s | network/s | servers | full first |\n|---|---:|---:|---:|---:|---:|---:|---:|---|\n")
	footprints, limits := r.Modeled()
	for i, f := range footprints {
		d := f.Plan(t, n, limits[i])
		servers := fmt.Sprint(d.Servers)
		if !d.Shared {
			servers = "none"
			if d.Servers > 1 {
				servers = "does not fit"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s, %s %% |\n", d.Engine, big(float64(t.Sessions)), size(d.Stored),
			figure(d.AppCores), orNone(d.ServerCores, figure), orNone(d.Log, size), orNone(d.Network, size), servers, d.Saturates, figure(100*d.Filled))
	}
	return b.String()
}

func orNone(v float64, f func(float64) string) string {
	if v == 0 {
		return ""
	}
	return f(v)
}

// figure rounds to two significant digits.
func figure(v float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	if err != nil {
		return fmt.Sprint(v) // infinite
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// size renders bytes with two significant digits.
func size(v float64) string {
	for _, u := range []struct {
		bytes float64
		name  string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if v >= u.bytes {
			return figure(v/u.bytes) + " " + u.name
		}
	}
	return figure(v) + " B"
}

// big renders a number of sessions or requests with two significant digits.
func big(v float64) string {
	switch {
	case v >= 1e9:
		return figure(v/1e9) + " billion"
	case v >= 1e6:
		return figure(v/1e6) + " million"
	}
	rounded, _ := strconv.ParseFloat(figure(v), 64) // figure writes a number
	return count(int(rounded))
}
