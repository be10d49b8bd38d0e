package bench

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// Scaling returns docs/scaling.md with its tables computed from the results. A table stands
// between <!-- scaling: NAME --> and <!-- /scaling -->.
func (r Results) Scaling(text string) (string, error) {
	tables := map[string]func() string{
		"constants": r.constants, "work": r.work, "first": r.first, "steps": r.steps, "sizes": r.sizes,
		"most": r.most, "session": r.hotSession, "owner": r.hotOwner, "source": r.source,
	}
	const begin, end = "<!-- scaling: ", "<!-- /scaling -->"
	var b strings.Builder
	for {
		head, rest, found := strings.Cut(text, begin)
		b.WriteString(head)
		if !found {
			break
		}
		name, rest, _ := strings.Cut(rest, " -->\n")
		_, tail, closed := strings.Cut(rest, end)
		table, known := tables[name]
		if !known || !closed {
			return "", fmt.Errorf("the marker %q names no table, or has no end", name)
		}
		delete(tables, name)
		b.WriteString(begin + name + " -->\n" + table() + end)
		text = tail
	}
	var err error
	for name := range tables {
		err = errors.Join(err, fmt.Errorf("no marker for the table %q", name))
	}
	return b.String(), err
}

func (r Results) constants() string {
	var b strings.Builder
	b.WriteString("| store | bytes stored | | round trips | bytes sent | bytes received | bytes of log |\n|---|---:|---|---:|---:|---:|---:|\n")
	for _, f := range r.Footprints {
		first, stored := f.Engine, fmt.Sprintf("%.0f", f.Stored)
		if f.Load.Trips == 0 && f.Update.LogLater == 0 {
			fmt.Fprintf(&b, "| %s | %s | | | | | |\n", first, stored)
			continue
		}
		for _, c := range []struct {
			name string
			cost Cost
		}{{"load", f.Load}, {"update", f.Update}, {"touch", f.Touch}, {"create", f.Create}} {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", first, stored, c.name, orNone(c.cost.Trips, trips),
				orNone(c.cost.Sent, whole), orNone(c.cost.Received, whole), logText(c.cost))
			first, stored = "", ""
		}
	}
	return b.String()
}

func trips(v float64) string { return fmt.Sprintf("%.1f", v) }
func whole(v float64) string { return fmt.Sprintf("%.0f", v) }

// logText shows both figures only if they differ by more than their noise.
func logText(c Cost) string {
	if c.LogFirst <= 1.25*c.LogLater {
		return orNone(c.LogLater, whole)
	}
	return fmt.Sprintf("%.0f; first %.0f", c.LogLater, c.LogFirst)
}

func (r Results) work() string {
	var b strings.Builder
	b.WriteString("| store | request | application | server | requests/s of an application core | requests/s of a server core |\n|---|---|---:|---:|---:|---:|\n")
	for _, f := range r.Footprints {
		name := f.Engine
		for _, w := range []struct {
			name string
			work Work
		}{{"reads a key", f.Reads}, {"reads and sets a key", f.Writes}} {
			client, server := median(w.work.Client), median(w.work.Server)
			perCore := func(nanos float64) string { return big(1e9 / nanos) }
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, w.name, duration(client), orNone(server, duration),
				orNone(client, perCore), orNone(server, perCore))
			name = ""
		}
	}
	return b.String()
}

func (r Results) first() string {
	t := Ordinary
	requests, writes, touches, creates := t.Rates()
	return fmt.Sprintf("With 10 million sessions, that is %s requests, %s updates, %s touches and %s new sessions a second.\n",
		big(requests), big(writes), big(touches), figure(creates))
}

// steps shows what 1000 requests of the ordinary traffic cost on each engine.
func (r Results) steps() string {
	var b strings.Builder
	b.WriteString("| store | application | server | round trips | network | log |\n|---|---:|---:|---:|---:|---:|\n")
	footprints, limits := r.Modeled()
	for i, f := range footprints {
		d := f.Plan(Ordinary, Usual16, limits[i])
		each := 1000 / d.Requests
		busy := func(cores float64) string { return duration(cores * each * 1e9) }
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", f.Engine, busy(d.AppCores), orNone(d.ServerCores, busy), orNone(d.Trips*each, whole),
			orNone(d.Network*each, size), orNone(d.Log*each, size))
	}
	return b.String()
}

func (r Results) sizes() string {
	var b strings.Builder
	for _, sessions := range []int{1_000_000, 10_000_000, 100_000_000, 1_000_000_000} {
		t := Ordinary
		t.Sessions = sessions
		table := r.PlanTable(t, Usual16)
		if b.Len() > 0 { // one table with one header
			_, table, _ = strings.Cut(table, "\n")
			_, table, _ = strings.Cut(table, "\n")
		}
		b.WriteString(table)
	}
	return b.String()
}

// busy are shares of the sessions in use: of a site with rare visits, and of one whose visitors
// stay.
var busy = []float64{0.001, 0.01, 0.1}

func (r Results) most() string {
	var b strings.Builder
	b.WriteString("| store | in use at a time | sessions | requests/s | full first |\n|---|---:|---:|---:|---|\n")
	footprints, limits := r.Modeled()
	for i, f := range footprints {
		name := f.Engine
		for _, active := range busy {
			t := Ordinary
			t.Active = active
			d := f.Most(t, Usual16, limits[i])
			fmt.Fprintf(&b, "| %s | %g %% | %s | %s | %s |\n", name, 100*active, big(d.Stored/f.Stored), big(d.Requests), d.Saturates)
			name = ""
		}
	}
	return b.String()
}

func (r Results) hotSession() string {
	var b strings.Builder
	b.WriteString("| store | processes | requests/s to one session | updates per request | conflicts per 100 updates | refused |\n|---|---:|---:|---:|---:|---:|\n")
	for _, p := range r.Processes {
		if p.OneSession && (p.Processes == 1 || p.Processes == 8) {
			fmt.Fprintf(&b, "| %s | %d | %s | %.2f | %.1f | %d of %s |\n", p.Store, p.Processes, figure(1e9/p.Nanos), p.Updates, 100*p.Conflicts,
				p.Refused, count(p.Requests+p.Refused))
		}
	}
	return b.String()
}

// hotOwner multiplies what one listed session costs.
func (r Results) hotOwner() string {
	var b strings.Builder
	b.WriteString("| store | sessions of the owner | round trips of a list | bytes received |\n|---|---:|---:|---:|\n")
	for _, f := range r.Footprints {
		if f.List.Trips == 0 {
			continue
		}
		name := f.Engine
		for _, n := range []float64{100, 10_000, 1_000_000} {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, big(n), big(math.Ceil(n*f.List.Trips)), size(n*f.List.Received))
			name = ""
		}
	}
	return b.String()
}

// source says when the parts were measured that the tables use.
func (r Results) source() string {
	var b strings.Builder
	b.WriteString("| part of the benchmark | measured | load before | what it gives |\n|---|---|---:|---|\n")
	for _, part := range []struct{ name, gives string }{
		{"footprint", "bytes, round trips, log and processor time"},
		{"curves", "the limit of the writer of SQLite: 64 clients"},
		{"processes", "one session that many processes write"},
	} {
		for _, run := range r.Runs {
			if run.Part == part.name {
				fmt.Fprintf(&b, "| %s | %s | %.1f | %s |\n", run.Part, run.Date, run.Load, part.gives)
			}
		}
	}
	b.WriteString("\nDuring the part footprint, each store contained:\n\n")
	for _, f := range r.Footprints {
		fmt.Fprintf(&b, "- %s: %s sessions of %d bytes\n", f.Engine, count(f.Sessions), f.Data)
	}
	return b.String()
}
