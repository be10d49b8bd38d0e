package sqltable

import (
	"math"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

func TestInstants(t *testing.T) {
	for _, want := range []time.Time{
		{}, time.Unix(0, 0).UTC(), time.Unix(0, 1).UTC(), time.Unix(-1, 999_999_999).UTC(),
		time.Date(2026, 2, 28, 23, 59, 59, 123456789, time.UTC),
		time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2261, 12, 31, 0, 0, 0, 0, time.UTC),
	} {
		if got := instant(nanos(want)); !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("got %v, want %v in UTC", got, want)
		}
	}
	for year, want := range map[int]int64{1: math.MinInt64, 1600: math.MinInt64, 2300: math.MaxInt64, 9999: math.MaxInt64, 292e9: math.MaxInt64} {
		if got := nanos(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("year %d: got %d, want %d", year, got, want)
		}
	}
}

// Pruning by hour and instant finds the same records as pruning by instant alone.
func TestHourIsMonotonic(t *testing.T) {
	h := int64(time.Hour)
	ns := []int64{math.MinInt64, -2*h - 1, -2 * h, -h - 1, -h, -1, 0, 1, h - 1, h, h + 1, 2 * h, math.MaxInt64}
	for i := 1; i < len(ns); i++ {
		if hour(ns[i-1]) > hour(ns[i]) {
			t.Errorf("hour(%d) = %d is after hour(%d) = %d", ns[i-1], hour(ns[i-1]), ns[i], hour(ns[i]))
		}
	}
}

func TestSuccessor(t *testing.T) {
	for _, c := range []struct {
		id, want session.ID
		ok       bool
	}{
		{session.ID{}, session.ID{15: 1}, true},
		{session.ID{14: 7, 15: 0xff}, session.ID{14: 8}, true},
		{session.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, session.ID{}, false},
	} {
		var got session.ID
		if ok := successor(&got, c.id); ok != c.ok || got != c.want {
			t.Errorf("after %s: got %s, %t, want %s, %t", c.id, got, ok, c.want, c.ok)
		}
	}
}
