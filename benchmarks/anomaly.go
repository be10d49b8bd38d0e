package bench

import (
	"strconv"
	"sync"
	"time"
)

// An Anomaly is what a peer loses when requests to one session overlap.
type Anomaly struct {
	Store   string `json:"store"`
	Peer    string `json:"peer"`
	Keys    int    `json:"keys"`    // of the keys that 50 concurrent requests set, how many were kept
	Counter int    `json:"counter"` // after 50 concurrent increments
	Revived bool   `json:"revived"` // a write that overlapped the logout brought the session back
}

const writers = 50

// Anomalies measures the anomalies of a peer. Each handler waits for [Pause] between load and
// save. Like a browser, the client keeps the cookie that it received last.
func Anomalies(store string, p Peer) (a Anomaly, err error) {
	a.Store, a.Peer = store, p.Name
	site, err := NewSite(p, 2, Seed, "")
	if err != nil {
		return a, err
	}
	defer site.Server.Close()
	j := &jar{server: site.Server, cookie: site.cookies[0]}
	j.together(Set, func(i int) string { return "own" + strconv.Itoa(i) })
	c := site.Server.Client()
	for i := range writers {
		if status, _, _ := c.Call(Has, j.cookie, "own"+strconv.Itoa(i)); status == 200 {
			a.Keys++
		}
	}
	_, before, _ := c.Call(Count, j.cookie, "")
	j.together(Add, func(int) string { return "" })
	_, after, _ := c.Call(Count, j.cookie, "")
	n, _ := strconv.Atoi(before)
	m, err := strconv.Atoi(after)
	a.Counter = m - n
	a.Revived = revived(site)
	return a, err
}

// A jar holds the cookie that concurrent requests share.
type jar struct {
	server Server
	mu     sync.Mutex
	cookie string
}

func (j *jar) together(a Action, arg func(i int) string) {
	sent := j.cookie
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			_, _, set := j.server.Client().Call(a, sent, arg(i))
			j.mu.Lock()
			defer j.mu.Unlock()
			if set != "" {
				j.cookie = set
			}
		})
	}
	wg.Wait()
}

// revived logs out while a write is in progress. It reports whether the old cookie works
// afterwards.
func revived(site *Site) bool {
	cookie := site.cookies[1]
	var wg sync.WaitGroup
	wg.Go(func() { site.Server.Client().Call(Set, cookie, "late") })
	time.Sleep(Pause / 2)
	c := site.Server.Client()
	c.Call(Logout, cookie, "")
	wg.Wait()
	status, _, _ := c.Call(Has, cookie, "name")
	late, _, _ := c.Call(Has, cookie, "late")
	return status == 200 || late == 200
}
