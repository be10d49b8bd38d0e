package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Loopback is one workload on one store over real connections, which shows how much
// of the differences between stores remains beside the cost of HTTP.
type Loopback struct {
	Store    string    `json:"store"`
	Workload string    `json:"workload"`
	Rates    []float64 `json:"rates"`  // requests a second, run by run
	CPU      []float64 `json:"cpu"`    // nanoseconds of the server process, for a request
	Ratios   []float64 `json:"ratios"` // of the rate to memory in the same run
}

// Key tells measurements apart.
func (l Loopback) Key() string { return l.Store + "/" + l.Workload }

// CPUTime returns the processor time that this process has used so far.
func CPUTime() time.Duration { return cpuTime() }

const loopbackText = `A net/http server runs on 127.0.0.1, and its clients in another
process, over 16 connections that are kept alive. Clients and server share the
processors with the database server. There are 512 sessions, as above; each connection
uses its own. Logging in and out takes three requests: a new session, a login, and a
logout. The ratio compares the rate with that of the memory store: the median of the
runs, the lowest and the highest. The processor time is that of the server process for
one request, without the database server.

`

func (r Results) loopback(b *strings.Builder) {
	b.WriteString("| workload | store | requests/s | ratio to memory | processor time |\n|---|---|---:|---:|---:|\n")
	for _, l := range r.Loopback {
		ratios := slices.Sorted(slices.Values(l.Ratios))
		fmt.Fprintf(b, "| %s | %s | %.0f | %.2f <sub>%.2f–%.2f</sub> | %s |\n", l.Workload, l.Store,
			median(l.Rates), middle(ratios), ratios[0], ratios[len(ratios)-1], duration(median(l.CPU)))
	}
}

func median(of []float64) float64 { return middle(slices.Sorted(slices.Values(of))) }
