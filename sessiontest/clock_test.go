package sessiontest_test

import (
	"testing"
	"time"

	"github.com/expanse-go/session/sessiontest"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := sessiontest.NewClock(start)
	if got := c.Now(); !got.Equal(start) {
		t.Errorf("a new clock shows %v, want %v", got, start)
	}
	if got, want := c.Advance(90*time.Minute), start.Add(90*time.Minute); !got.Equal(want) || !c.Now().Equal(want) {
		t.Errorf("Advance returned %v, and the clock shows %v, want %v", got, c.Now(), want)
	}
	c.Advance(-time.Hour)
	if got, want := c.Now(), start.Add(30*time.Minute); !got.Equal(want) {
		t.Errorf("after going back it shows %v, want %v", got, want)
	}
	c.Set(start)
	if got := c.Now(); !got.Equal(start) {
		t.Errorf("after Set it shows %v, want %v", got, start)
	}
}
