package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

// TestRace sends fifty overlapping requests, each on its own connection.
func TestRace(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/race/reset").is(http.StatusNoContent)
	if c.token() == "" {
		t.Fatal("no session before the race")
	}
	for run := range 3 {
		c.post("/race/reset").is(http.StatusNoContent)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range racers {
			req := c.request("POST", "/race/write", url.Values{"writer": {fmt.Sprintf("w%02d", i)}})
			wg.Go(func() {
				<-start
				if a, err := c.try(req); err != nil || a.status != http.StatusNoContent {
					t.Errorf("run %d, writer %d: %v, status %d: %s", run, i, err, a.status, a.body)
				}
			})
		}
		close(start)
		wg.Wait()
		var got race
		if err := json.Unmarshal([]byte(c.get("/race/result").body), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Kept) != racers || got.Counter != racers || got.Of != racers {
			t.Errorf("run %d: %d keys kept, counter %d, want %d of each", run, len(got.Kept), got.Counter, racers)
		}
	}
	c.get("/race").has("Your last run: 50 of 50 writes kept, and the counter says 50.")
}

func TestRaceRefusesOtherNames(t *testing.T) {
	c := open(t).visitor(t)
	c.get("/race/result").is(http.StatusOK).has(`{"of":50,"kept":[],"counter":0}`)
	for _, name := range []string{"", "w1", "w001", "x01", "w01.more", "w0\n1"} {
		c.post("/race/write", "writer", name).is(http.StatusBadRequest)
	}
}
