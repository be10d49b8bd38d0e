package idle

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Callers that come during a check share the next one, which begins after all of them.
func TestChecksAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began []time.Time
		var all []bool
		c := New(func(_ context.Context, a bool) {
			began, all = append(began, time.Now()), append(all, a)
			time.Sleep(time.Second / 2)
		})
		defer c.Close()
		start := time.Now()
		first := c.Check(false)
		time.Sleep(time.Millisecond) // it runs
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { <-c.Check(i == 3) })
		}
		<-first
		wg.Wait()
		if len(began) != 2 || all[0] || !all[1] {
			t.Errorf("got checks of all %v, want false and then true", all)
		}
		if got := began[1].Sub(start); got != time.Second/2+pause {
			t.Errorf("the second check began after %v, want %v", got, time.Second/2+pause)
		}
	})
}

func TestCheckEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(func(ctx context.Context, _ bool) { <-ctx.Done() })
		start := time.Now()
		<-c.Check(false)
		if took := time.Since(start); took != timeout {
			t.Errorf("a check that hangs took %v, want %v", took, timeout)
		}
		done := c.Check(false)
		c.Close()
		<-done
		<-c.Check(true)
		if took := time.Since(start); took != timeout {
			t.Errorf("checks of a closed checker took %v", took-timeout)
		}
	})
}
