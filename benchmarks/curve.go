package bench

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// A Curve shows how the time of a request grows.
type Curve struct {
	Name  string      `json:"name"`  // of the file
	Title string      `json:"title"` // what grows, on which store
	X     []int       `json:"x"`
	Label string      `json:"label"` // of the x axis
	Lines []CurveLine `json:"lines"`
}

// A CurveLine is one peer: nanoseconds a request at each X.
type CurveLine struct {
	Peer  string    `json:"peer"`
	Nanos []float64 `json:"nanos"`
}

// Grow measures a curve of a write (W2) with growing sessions. The argument for
// [Fill] follows from x.
func Grow(name, title, label string, store Store, xs []int, arg func(x int) string, during time.Duration, progress io.Writer) (Curve, error) {
	c := Curve{Name: name, Title: title, X: xs, Label: label}
	for _, p := range store.Peers {
		line := CurveLine{Peer: p.Name}
		for _, x := range xs {
			fmt.Fprintf(progress, "%s %s %d…\n", name, p.Name, x)
			n, err := once(p, 32, arg(x), Workload{Name: "W2", Action: Write, Clients: 1}, during)
			if err != nil {
				return c, fmt.Errorf("%s: %s at %d: %w", name, p.Name, x, err)
			}
			line.Nanos = append(line.Nanos, n)
		}
		c.Lines = append(c.Lines, line)
	}
	return c, nil
}

// Crowd measures a curve of a write (W2) with more and more clients.
func Crowd(name, title string, store Store, xs []int, during time.Duration, progress io.Writer) (Curve, error) {
	c := Curve{Name: name, Title: title, X: xs, Label: "clients at once"}
	for _, p := range store.Peers {
		fmt.Fprintf(progress, "%s %s…\n", name, p.Name)
		line := CurveLine{Peer: p.Name}
		for _, x := range xs {
			n, err := once(p, Sessions, "10x30", Workload{Name: "W5", Action: Write, Clients: x}, during)
			if err != nil {
				return c, fmt.Errorf("%s: %s at %d: %w", name, p.Name, x, err)
			}
			line.Nanos = append(line.Nanos, n)
		}
		c.Lines = append(c.Lines, line)
	}
	return c, nil
}

// once measures one workload on a site of its own, twice, and takes the better: what
// disturbs a measurement only makes it longer.
func once(p Peer, sessions int, arg string, w Workload, during time.Duration) (nanos float64, err error) {
	site, err := NewSite(p, sessions, Fill, arg)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, site.Server.Close()) }()
	for range 2 {
		s, err := site.Run(w, during)
		if err != nil {
			return 0, err
		}
		if nanos == 0 || s.Nanos < nanos {
			nanos = s.Nanos
		}
	}
	return nanos, nil
}
