package bench

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
)

// Markdown renders the README of this directory.
func (r Results) Markdown() string {
	var b strings.Builder
	b.WriteString(intro)
	r.machine(&b)
	if len(r.Runs) > 0 {
		b.WriteString("\n" + runsText)
		r.runs(&b)
	}
	b.WriteString("\n## Time of a request, as a multiple of raw\n\n" + matrixText)
	r.matrix(&b)
	b.WriteString("\n## Allocations of a request\n\nThe harness itself allocates 1 object of 320 bytes for each request.\n\n")
	r.allocations(&b)
	if len(r.Anomalies) > 0 {
		b.WriteString("\n## What is lost when requests overlap\n\n" + anomalyText)
		r.anomalies(&b)
	}
	if len(r.Races) > 0 {
		b.WriteString("\n## The same over HTTP, by beam race\n\n" + raceText)
		r.races(&b)
	}
	if len(r.Latency) > 0 {
		b.WriteString("\n## Latency at a fixed rate of arrivals\n\n" + latencyText)
		r.latency(&b)
	}
	if len(r.Payload) > 0 {
		b.WriteString("\n## Large sessions\n\nThe ratios are multiples of raw, which stores the same number of bytes without decoding\nthem. Bold ratios reach the goals of the first table.\n\n")
		r.payload(&b)
	}
	if len(r.Curves) > 0 {
		b.WriteString("\n## Growth\n\nBoth axes are logarithmic.\n\n")
		for _, c := range r.Curves {
			fmt.Fprintf(&b, "![%s](%s.svg)\n", c.Title, c.Name)
		}
	}
	for _, s := range []struct {
		there       bool
		title, text string
		table       func(*strings.Builder)
	}{
		{len(r.Drivers) > 0, "Drivers of SQLite", driversText, r.drivers},
		{len(r.Loopback) > 0, "Requests per second over real HTTP", loopbackText, r.loopback},
		{len(r.Network) > 0, "A server on another machine", networkText, r.network},
		{len(r.Processes) > 0, "Several processes", processesText, r.processes},
		{len(r.Scale) > 0, "Many sessions in a database", scaleText, r.scale},
		{len(r.GC) > 0, "Many sessions in memory", gcText, r.gc},
		{len(r.Prune) > 0, "Requests while expired sessions are removed", pruneText, r.prune},
		{len(r.Representations) > 0, "Representations", representationText, r.representations},
	} {
		if s.there {
			b.WriteString("\n## " + s.title + "\n\n" + s.text)
			s.table(&b)
		}
	}
	return b.String()
}

func (r Results) machine(b *strings.Builder) {
	b.WriteString("\n| | |\n|---|---|\n")
	for _, k := range sortedKeys(r.Machine) {
		fmt.Fprintf(b, "| %s | %s |\n", k, r.Machine[k])
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// rows groups cells by store and peer.
func rows(cells []*Cell) (order []string, by map[string][]*Cell) {
	by = make(map[string][]*Cell)
	for _, c := range cells {
		key := c.Store + "\x00" + c.Peer
		if by[key] == nil {
			order = append(order, key)
		}
		by[key] = append(by[key], c)
	}
	return order, by
}

func (r Results) matrix(b *strings.Builder) {
	b.WriteString("| store | | W0 | W1 | W2 | W3 | W4 | W5 | W6 | kept of 50 |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	order, by := rows(r.Cells)
	store := ""
	notes := []string{}
	for _, key := range order {
		cells := by[key]
		name, peer := cells[0].Store, cells[0].Peer
		first := ""
		if name != store {
			first, store = "**"+name+"**", name
		}
		label := peer
		if skips := cells[0].Skips; skips != "" {
			n := slices.Index(notes, skips)
			if n < 0 {
				n, notes = len(notes), append(notes, skips)
			}
			label += fmt.Sprintf(" [%c]", 'a'+n)
		}
		fmt.Fprintf(b, "| %s | %s ", first, label)
		for _, w := range Workloads {
			fmt.Fprintf(b, "| %s ", cellText(cells, w.Name))
		}
		fmt.Fprintf(b, "| %s |\n", r.kept(name, peer))
		if peer == ours {
			b.WriteString("| | *goal* ")
			for _, w := range Workloads {
				goal, _ := Target(name, w.Name)
				fmt.Fprintf(b, "| *%g* ", goal)
			}
			b.WriteString("| *50* |\n")
		}
	}
	b.WriteString("\n")
	for i, n := range notes {
		fmt.Fprintf(b, "[%c] skips a guarantee: %s.  \n", 'a'+i, n)
	}
}

// kept returns how many concurrent writes are kept, to show it beside the speed.
func (r Results) kept(store, peer string) string {
	for _, a := range r.Anomalies {
		if a.Store != store || a.Peer != peer {
			continue
		}
		if a.Revived {
			return fmt.Sprintf("%d, revives", min(a.Keys, a.Counter))
		}
		return fmt.Sprint(min(a.Keys, a.Counter))
	}
	return ""
}

const ours = "session"

func find(cells []*Cell, workload string) *Cell {
	i := slices.IndexFunc(cells, func(c *Cell) bool { return c.Workload == workload })
	if i < 0 {
		return nil
	}
	return cells[i]
}

func cellText(cells []*Cell, workload string) string {
	c := find(cells, workload)
	if c == nil {
		return ""
	}
	if c.Peer == "raw" {
		return duration(c.Nanos())
	}
	median, low, high := c.Ratio()
	text := fmt.Sprintf("%s <sub>%s–%s</sub>", short(median), short(low), short(high))
	if goal, ok := Target(c.Store, workload); ok && c.Peer == ours && median <= goal {
		text = "**" + short(median) + "**" + text[len(short(median)):]
	}
	return text
}

func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func duration(nanos float64) string {
	d := time.Duration(nanos)
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= 100*time.Microsecond:
		return d.Round(time.Microsecond).String()
	case d >= time.Microsecond:
		return d.Round(10 * time.Nanosecond).String()
	}
	return d.String()
}

func (r Results) allocations(b *strings.Builder) {
	b.WriteString("| store | | W0 | W1 | W2 | W3 | bytes in W1 | bytes in W2 |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	order, by := rows(r.Cells)
	for _, key := range order {
		cells := by[key]
		fmt.Fprintf(b, "| %s | %s ", cells[0].Store, cells[0].Peer)
		for _, w := range []string{"W0", "W1", "W2", "W3"} {
			if c := find(cells, w); c != nil {
				n, _ := c.Allocs()
				fmt.Fprintf(b, "| %.0f ", n)
			}
		}
		for _, w := range []string{"W1", "W2"} {
			if c := find(cells, w); c != nil {
				_, n := c.Allocs()
				fmt.Fprintf(b, "| %.0f ", n)
			}
		}
		b.WriteString("|\n")
	}
}

func (r Results) anomalies(b *strings.Builder) {
	b.WriteString("| store | | keys kept of 50 | counter after 50 increments | write during a logout |\n|---|---|---:|---:|---|\n")
	for _, a := range r.Anomalies {
		end := "stays logged out"
		if a.Revived {
			end = "**logged in again**"
		}
		fmt.Fprintf(b, "| %s | %s | %d | %d | %s |\n", a.Store, a.Peer, a.Keys, a.Counter, end)
	}
}

func (r Results) latency(b *strings.Builder) {
	b.WriteString("| store | | requests/s | median | 99 % | longest | failed |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, l := range r.Latency {
		fmt.Fprintf(b, "| %s | %s | %d | %s | %s | %s | %d |\n", l.Store, l.Peer, l.Rate,
			duration(float64(l.Median)), duration(float64(l.P99)), duration(float64(l.Max)), l.Failed)
	}
}

func (r Results) payload(b *strings.Builder) {
	b.WriteString("| store | session | | W1 | W2 | W2, bytes allocated |\n|---|---|---|---:|---:|---:|\n")
	names := map[string]string{"1x50000": "one key of 50 kB", "200x50": "200 keys of 50 bytes"}
	for _, c := range r.Payload {
		if c.Workload != "W1" {
			continue
		}
		var w2 *Cell
		for _, d := range r.Payload {
			if d.Store == c.Store && d.Peer == c.Peer && d.Payload == c.Payload && d.Workload == "W2" {
				w2 = d
			}
		}
		if w2 == nil {
			continue
		}
		_, bytes := w2.Allocs()
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.0f |\n", c.Store, names[c.Payload], c.Peer,
			cellText([]*Cell{c}, "W1"), cellText([]*Cell{w2}, "W2"), bytes)
	}
}

func (r Results) drivers(b *strings.Builder) {
	b.WriteString("| store | | W1 | W2 | W3 | W4 | W5 | W6 |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	order, by := rows(r.Drivers)
	for _, key := range order {
		store, peer, _ := strings.Cut(key, "\x00")
		fmt.Fprintf(b, "| %s | %s |", store, peer)
		for _, w := range Workloads[1:] {
			b.WriteString(" " + cellText(by[key], w.Name) + " |")
		}
		b.WriteString("\n")
	}
}

// Summary returns the table for the README of the repository: this library and the
// fastest peer, as multiples of raw. It leaves out what only the page of the benchmarks compares.
func (r Results) Summary() string {
	var b strings.Builder
	b.WriteString("| store | untouched | read a key | read and set a key | 16 clients set | 16 clients set, one session |\n|---|---:|---:|---:|---:|---:|\n")
	var stores []string
	for _, c := range r.Cells {
		if c.Peer == ours && c.Store != "Redis, AutoPipeline" && !slices.Contains(stores, c.Store) {
			stores = append(stores, c.Store)
		}
	}
	for _, store := range stores {
		fmt.Fprintf(&b, "| %s ", store)
		for _, w := range []string{"W0", "W1", "W2", "W5", "W6"} {
			mine, best, peer := r.against(store, w)
			fmt.Fprintf(&b, "| **%s**", short(mine))
			if peer != "" {
				fmt.Fprintf(&b, " (%s %s)", peer, short(best))
			}
			b.WriteString(" ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func (r Results) against(store, workload string) (mine, best float64, peer string) {
	for _, c := range r.Cells {
		if c.Store != store || c.Workload != workload || c.Peer == "raw" {
			continue
		}
		median, _, _ := c.Ratio()
		switch {
		case c.Peer == ours:
			mine = median
		case peer == "" || median < best:
			best, peer = median, c.Peer
		}
	}
	return mine, best, peer
}
