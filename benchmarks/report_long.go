package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (r Results) runs(b *strings.Builder) {
	b.WriteString("| part | measured | load before |\n|---|---|---:|\n")
	for _, run := range r.Runs {
		fmt.Fprintf(b, "| %s | %s | %.1f |\n", run.Part, run.Date, run.Load)
	}
}

func (r Results) scale(b *strings.Builder) {
	b.WriteString("| store | sessions | fill | load | load and update | list one owner | prune, nothing to do | prune, per session |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	sorted := slices.SortedStableFunc(slices.Values(r.Scale), func(a, b Scale) int {
		if a.Store != b.Store {
			return -strings.Compare(a.Store, b.Store)
		}
		return a.Rows - b.Rows
	})
	for i, s := range sorted {
		first := s
		for _, f := range sorted[:i] {
			if f.Store == s.Store {
				first = f
				break
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s ", s.Store, count(s.Rows), duration(float64(s.Fill)))
		for _, of := range []func(Scale) time.Duration{
			func(s Scale) time.Duration { return s.Load },
			func(s Scale) time.Duration { return s.Commit },
			func(s Scale) time.Duration { return s.ListOwner },
			func(s Scale) time.Duration { return s.PruneNone },
			func(s Scale) time.Duration { return s.PruneEach },
		} {
			fmt.Fprintf(b, "| %s", duration(float64(of(s))))
			if s != first {
				fmt.Fprintf(b, " <sub>×%s</sub>", short(float64(of(s))/float64(of(first))))
			}
			b.WriteString(" ")
		}
		b.WriteString("|\n")
	}
}

func (r Results) gc(b *strings.Builder) {
	b.WriteString("| | overhead per session, bytes | garbage collection | ratio |\n|---|---:|---:|---:|\n")
	base := r.GC[len(r.GC)-1].Median()
	for _, g := range r.GC {
		low, high := slices.Min(g.Collect), slices.Max(g.Collect)
		fmt.Fprintf(b, "| %s | %.0f | %s <sub>%s–%s</sub> | %s × %s |\n", g.Peer, g.Heap-float64(g.Payload), duration(float64(g.Median())),
			duration(float64(low)), duration(float64(high)), short(float64(g.Median())/float64(base)), r.GC[len(r.GC)-1].Peer)
	}
	b.WriteString("\n| | expired | removed in | longest read without a sweep | longest read during the sweep |\n|---|---:|---:|---:|---:|\n")
	for _, g := range r.GC {
		for _, s := range g.Sweeps {
			took := ""
			if s.Took > 0 {
				took = duration(float64(s.Took))
			}
			fmt.Fprintf(b, "| %s | %d %% | %s | %s | %s |\n", g.Peer, s.Expired, took, duration(float64(s.Quiet)), duration(float64(s.Longest)))
		}
	}
}

func (r Results) prune(b *strings.Builder) {
	b.WriteString("| store | sessions | removed by each replica | in | | median | 99 % | longest | failed |\n|---|---:|---:|---:|---|---:|---:|---:|---:|\n")
	for _, p := range r.Prune {
		var removed []string
		for _, n := range p.Removed {
			removed = append(removed, count(n))
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s ", p.Store, count(p.Rows), strings.Join(removed, ", "), duration(float64(p.Took)))
		for i, l := range []PruneLatency{p.Before, p.During} {
			if i > 0 {
				b.WriteString("| | | | ")
			}
			fmt.Fprintf(b, "| %s | %s | %s | %s | %d of %s |\n", []string{"before", "during"}[i],
				duration(float64(l.Median)), duration(float64(l.P99)), duration(float64(l.Max)), l.Failed, count(l.Requests))
		}
	}
}

func (r Results) processes(b *strings.Builder) {
	b.WriteString("| store | processes | sessions | requests/s | updates per request | conflicts per 100 updates | refused | lost |\n|---|---:|---|---:|---:|---:|---:|---:|\n")
	for _, p := range r.Processes {
		which := "own"
		if p.OneSession {
			which = "one"
		}
		fmt.Fprintf(b, "| %s | %d | %s | %.0f | %.2f | %.1f | %d of %s | %d |\n", p.Store, p.Processes, which, 1e9/p.Nanos, p.Updates,
			100*p.Conflicts, p.Refused, count(p.Requests+p.Refused), p.Lost)
	}
}

func (r Results) representations(b *strings.Builder) {
	b.WriteString("| session | stored as | bytes | read one | read ten | read and set | allocations |\n|---|---|---:|---:|---:|---:|---:|\n")
	session := ""
	for _, p := range r.Representations {
		first := ""
		if p.Session != session {
			first, session = "**"+p.Session+"**", p.Session
		}
		fmt.Fprintf(b, "| %s | %s | %s ", first, p.Name, count(p.Bytes))
		for _, c := range []RepresentationCost{p.ReadOne, p.ReadTen, p.Write} {
			if first != "" {
				fmt.Fprintf(b, "| %s ", duration(c.Nanos))
			} else {
				fmt.Fprintf(b, "| %s ", short(c.Ratio()))
			}
		}
		fmt.Fprintf(b, "| %.0f, %.0f, %.0f |\n", p.ReadOne.Allocs, p.ReadTen.Allocs, p.Write.Allocs)
	}
}
