package bench

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// A Curve shows how the time of a request depends on X.
type Curve struct {
	Name  string      `json:"name"`  // of the file, without .svg
	Title string      `json:"title"` // what is measured, on which store
	X     []int       `json:"x"`
	Label string      `json:"label"` // of the x axis
	Lines []CurveLine `json:"lines"`
}

// A CurveLine is the line of one peer: nanoseconds per request at each X.
type CurveLine struct {
	Peer  string    `json:"peer"`
	Nanos []float64 `json:"nanos"`
}

// Grow measures the time of a write (W2) in sessions of growing size. arg returns the
// argument for [Fill] at x.
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

// Crowd measures the time of a write (W2) with a growing number of clients.
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

// once measures a workload twice on a new site and returns the shorter time, because
// disturbances only make a measurement longer.
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
