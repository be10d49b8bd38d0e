package demo

import (
	"fmt"
	"time"
)

// ago returns how long ago t was, such as "5 minutes ago".
func (a *app) ago(t time.Time) string {
	d := a.opts.Now().Sub(t)
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// until returns the time left until t, such as "in 2 hours".
func (a *app) until(t time.Time) string {
	d := t.Sub(a.opts.Now())
	if d <= 0 {
		return "now"
	}
	return "in " + span(d)
}

// span formats a duration, rounded to its largest unit.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch m := d.Round(time.Minute); {
	case m < time.Minute:
		return "less than a minute"
	case m < time.Hour:
		return count(int(m/time.Minute), "minute")
	case m < day:
		return count(int(d.Round(time.Hour)/time.Hour), "hour")
	default:
		return count(int(d.Round(day)/day), "day")
	}
}

// count returns text such as "1 minute" or "2 minutes".
func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// full formats a time for the tooltip of a relative time, stamp for programs.
func full(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
