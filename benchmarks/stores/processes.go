package stores

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
)

// writersEach is the number of clients per process.
const writersEach = 4

// Processes measures a growing number of processes that write to one database: first each
// client to its own sessions, then all to one session. Each request adds one to a counter.
func Processes(kind, dir, driver, postgres string, counts []int, during time.Duration, progress func(string)) (all []bench.Processes, c bench.Curve, err error) {
	loc, err := newLocation(kind, dir, driver, postgres)
	if err != nil {
		return nil, c, err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	if err := newBulk(1000, false).into(loc); err != nil {
		return nil, c, err
	}
	c = bench.Curve{Name: "processes-" + strings.ToLower(strings.Fields(loc.title())[0]), X: counts, Label: "processes, 4 clients each",
		Title: "Read a key and add to a counter, several processes, " + loc.title()}
	for _, one := range []bool{false, true} {
		line := bench.CurveLine{Peer: "own sessions"}
		if one {
			line.Peer = "one session"
		}
		for _, n := range counts {
			progress(fmt.Sprintf("%s, %d processes, %s…", kind, n, line.Peer))
			r, err := processes(loc, n, one, during)
			if err != nil {
				return nil, c, err
			}
			all = append(all, r)
			line.Nanos = append(line.Nanos, r.Nanos)
		}
		c.Lines = append(c.Lines, line)
	}
	return all, c, nil
}

func processes(loc location, n int, one bool, during time.Duration) (r bench.Processes, err error) {
	r = bench.Processes{Store: loc.title(), Processes: n, OneSession: one}
	server, err := newCountingServer(loc)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.server.Close()) }()
	task := writerTask{Location: loc, During: during}
	if one {
		if task.Cookie, err = server.seed(); err != nil {
			return r, err
		}
	}
	children, err := startChildren(n, "writer", task)
	if err != nil {
		return r, err
	}
	reports, err := runChildren[writerReport](children)
	if err != nil {
		return r, err
	}
	updates, conflicts, counted := 0, 0, 0
	for _, w := range reports {
		r.Requests, r.Refused = r.Requests+w.Requests, r.Refused+w.Refused
		updates, conflicts, counted = updates+w.Updates, conflicts+w.Conflicts, counted+w.Counted
		r.Nanos += 1 / w.Nanos // adds the rates
	}
	r.Nanos = 1 / r.Nanos
	if one {
		if counted, err = server.count(task.Cookie); err != nil {
			return r, err
		}
	}
	r.Updates = float64(updates) / float64(r.Requests)
	r.Conflicts = float64(conflicts) / float64(updates)
	if r.Lost = r.Requests - counted; r.Lost != 0 {
		err = fmt.Errorf("%d processes on %s: %d requests succeeded, but the counters add up to %d", n, loc.title(), r.Requests, counted)
	}
	return r, err
}

// A countingServer is the server of a process, with the store that it counts.
type countingServer struct {
	store  *countingStore
	server bench.Server
}

func newCountingServer(loc location) (*countingServer, error) {
	store, done, err := loc.open()
	if err != nil {
		return nil, err
	}
	s := &countingServer{store: &countingStore{Store: store}}
	s.server, err = peers.Ours(s.store, done)
	return s, err
}

func (s *countingServer) seed() (cookie string, err error) {
	status, body, cookie := s.server.Client().Call(bench.Seed, "", "")
	if status != 200 || cookie == "" {
		err = fmt.Errorf("seeding: status %d: %s", status, body)
	}
	return cookie, err
}

// count returns how much has been added to the counter since seed.
func (s *countingServer) count(cookie string) (int, error) {
	status, body, _ := s.server.Client().Call(bench.Count, cookie, "")
	n, err := strconv.Atoi(body)
	if status != 200 || err != nil {
		return 0, fmt.Errorf("counting: status %d: %s", status, body)
	}
	return n - bench.SeedVisits, nil
}

// A countingStore counts updates and conflicts.
type countingStore struct {
	session.Store
	updates, conflicts atomic.Int64
}

func (c *countingStore) Unwrap() session.Store { return c.Store }

func (c *countingStore) Update(ctx context.Context, r session.Record) error {
	err := c.Store.Update(ctx, r)
	c.updates.Add(1)
	if errors.Is(err, session.ErrConflict) {
		c.conflicts.Add(1)
	}
	return err
}

// A writerTask configures a writer process.
type writerTask struct {
	Location location
	Cookie   string // "": four sessions for each client
	During   time.Duration
}

// A writerReport is the result of a writer process.
type writerReport struct {
	Requests, Refused, Updates, Conflicts int
	Counted                               int // sum of the counters in its own sessions
	Nanos                                 float64
}

func writerChild(args []byte, ready func() error) (any, error) {
	var task writerTask
	if err := json.Unmarshal(args, &task); err != nil {
		return nil, err
	}
	s, err := newCountingServer(task.Location)
	if err != nil {
		return nil, err
	}
	cookies := [writersEach][]string{}
	var own []string
	for i := range cookies {
		cookies[i] = []string{task.Cookie}
		if task.Cookie != "" {
			continue
		}
		cookies[i] = nil
		for range 4 {
			cookie, err := s.seed()
			if err != nil {
				return nil, err
			}
			cookies[i] = append(cookies[i], cookie)
		}
		own = append(own, cookies[i]...)
	}
	if err := ready(); err != nil {
		return nil, err
	}
	r, err := s.write(cookies[:], task.During)
	for _, cookie := range own {
		n, e := s.count(cookie)
		r.Counted, err = r.Counted+n, errors.Join(err, e)
	}
	return r, errors.Join(err, s.server.Close())
}

// write makes requests with one client for each list of cookies.
func (s *countingServer) write(clients [][]string, during time.Duration) (r writerReport, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	began := time.Now()
	for _, cookies := range clients {
		wg.Go(func() {
			c := s.server.Client()
			done, refused, other := 0, 0, 0
			for i := 0; time.Since(began) < during; i++ {
				switch status := c.Do(bench.Increment, cookies[i%len(cookies)]); status {
				case 200:
					done++
				case 503:
					refused++
				default:
					other = status
				}
			}
			mu.Lock()
			defer mu.Unlock()
			r.Requests, r.Refused = r.Requests+done, r.Refused+refused
			if other != 0 {
				err = fmt.Errorf("a request got status %d, want 200 or 503", other)
			}
		})
	}
	wg.Wait()
	r.Nanos = float64(time.Since(began).Nanoseconds()) / float64(r.Requests)
	r.Updates, r.Conflicts = int(s.store.updates.Load()), int(s.store.conflicts.Load())
	return r, err
}
