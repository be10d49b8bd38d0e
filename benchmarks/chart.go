package bench

import (
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	chartWidth, chartHeight = 640, 400
	left, right             = 80, 110
	top, bottom             = 40, 50
)

var colours = []string{"#777777", "#0b62c4", "#c4480b", "#2e8b3d", "#8a3fb0"}

// SVG draws the curve with logarithmic axes. A straight line that rises by one decade per
// decade means a cost proportional to X.
func (c Curve) SVG() string {
	lowX, highX := float64(c.X[0]), float64(c.X[len(c.X)-1])
	lowY, highY := math.Inf(1), 0.0
	for _, l := range c.Lines {
		for _, n := range l.Nanos {
			lowY, highY = min(lowY, n), max(highY, n)
		}
	}
	lowY, highY = math.Pow(10, math.Floor(math.Log10(lowY))), math.Pow(10, math.Ceil(math.Log10(highY)))
	x := func(v float64) float64 {
		return left + (chartWidth-left-right)*math.Log(v/lowX)/math.Log(highX/lowX)
	}
	y := func(v float64) float64 {
		return chartHeight - bottom - (chartHeight-top-bottom)*math.Log(v/lowY)/math.Log(highY/lowY)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="22" font-size="15">%s</text>`+"\n", left, c.Title)
	fmt.Fprintf(&b, `<text transform="translate(16 %d) rotate(-90)" text-anchor="middle">time of a request</text>`+"\n", (top+chartHeight-bottom)/2)
	for _, v := range ticks(lowY, highY) {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#dddddd"/><text x="%d" y="%.1f" text-anchor="end">%v</text>`+"\n",
			left, chartWidth-right, y(v), y(v), left-6, y(v)+4, time.Duration(math.Round(v)))
	}
	for _, v := range c.X {
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(float64(v)), chartHeight-bottom+18, count(v))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (left+chartWidth-right)/2, chartHeight-10, c.Label)
	last := math.Inf(1)
	for i, l := range c.ranked() {
		colour := colours[c.index(l.Peer)%len(colours)]
		var points []string
		for i, n := range l.Nanos {
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(float64(c.X[i])), y(n)))
		}
		end := y(l.Nanos[len(l.Nanos)-1]) + 4
		if i > 0 {
			end = min(end, last-14) // so that names do not overlap
		}
		last = end
		fmt.Fprintf(&b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%.1f" fill="%s">%s</text>`+"\n",
			strings.Join(points, " "), colour, chartWidth-right+6, end, colour, l.Peer)
		for _, p := range points {
			cx, cy, _ := strings.Cut(p, ",")
			fmt.Fprintf(&b, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`, cx, cy, colour)
		}
		b.WriteString("\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// ticks returns the decades, and also 2 and 5 times each if there are at most two decades.
func ticks(low, high float64) (all []float64) {
	steps := []float64{1}
	if high/low < 101 {
		steps = []float64{1, 2, 5}
	}
	for v := low; v <= high*1.001; v *= 10 {
		for _, step := range steps {
			if v*step <= high*1.001 {
				all = append(all, v*step)
			}
		}
	}
	return all
}

// count formats a number. From 10,000 on, it separates groups of three digits by a space.
func count(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; n >= 10_000 && i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// ranked returns the lines in ascending order of their last points.
func (c Curve) ranked() []CurveLine {
	lines := append([]CurveLine(nil), c.Lines...)
	for i := range lines {
		for j := i; j > 0 && lines[j].Nanos[len(c.X)-1] < lines[j-1].Nanos[len(c.X)-1]; j-- {
			lines[j], lines[j-1] = lines[j-1], lines[j]
		}
	}
	return lines
}

func (c Curve) index(peer string) int {
	for i, l := range c.Lines {
		if l.Peer == peer {
			return i
		}
	}
	return 0
}
