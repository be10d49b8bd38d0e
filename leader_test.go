package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// An outcome is the result of one of many requests.
type outcome struct {
	reply
	panicked any
	exited   bool // its goroutine exited
}

func (g *rig) outcome(b *browser, h handler) (o outcome) {
	o.exited = true
	defer func() {
		if o.panicked = recover(); o.panicked != nil {
			o.exited = false
		}
	}()
	o.reply = g.visit(b, h)
	o.exited = false
	return o
}

// crowd runs concurrent requests of one session: it holds the Update of the first one
// in the store until all others wait for it. Call it in a synctest bubble.
func (g *rig) crowd(b *browser, first handler, others ...handler) []outcome {
	return g.crowdOn(func(string) error { return nil }, b, first, others...)
}

// crowdOn is crowd with a hook for all store calls after the Update of the first
// request.
func (g *rig) crowdOn(store func(op string) error, b *browser, first handler, others ...handler) []outcome {
	gate := newGate()
	var once sync.Once
	var after atomic.Bool
	g.spy.hook(func(op string, _ session.ID) error {
		passed := after.Load()
		if op == "update" {
			once.Do(func() { gate.pass(); after.Store(true) })
		}
		if !passed {
			return nil
		}
		return store(op)
	}, nil)
	token := g.token(b)
	outcomes := make([]outcome, 1+len(others))
	var wg sync.WaitGroup
	start := func(i int, h handler) {
		wg.Go(func() {
			outcomes[i].exited = true
			outcomes[i] = g.outcome(g.with(token), h)
		})
	}
	start(0, first)
	<-gate.reached
	for i, h := range others {
		start(1+i, h)
		synctest.Wait() // until it is in the queue, so that the order is known
	}
	close(gate.open)
	wg.Wait()
	g.spy.hook(nil, nil)
	return outcomes
}

func add(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
	session.Update(s, "n", func(n int) int { return n + 1 })
}

func times(n int, h handler) []handler { return slices.Repeat([]handler{h}, n) }

// codes returns the status code of each request, or "panic" or "exit".
func codes(outcomes []outcome) string {
	var all []string
	for _, o := range outcomes {
		switch {
		case o.panicked != nil:
			all = append(all, "panic")
		case o.exited:
			all = append(all, "exit")
		default:
			all = append(all, fmt.Sprint(o.Code))
		}
	}
	return strings.Join(all, " ")
}

// TestOneUpdateServesMany: one Update stores all requests that wait while another one
// stores.
func TestOneUpdateServesMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "x")
		var others []handler
		for i := range 60 {
			others = append(others, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set(fmt.Sprintf("keys.%d", i), i)
				s.Append("list", i)
				session.Update(s, "n", func(n int) int { return n + 1 })
			})
		}
		for _, o := range g.crowd(b, add, others...) {
			o.expect(t, http.StatusOK, 0)
		}
		equal(t, "updates", g.spy.count("update"), 2)
		equal(t, "version", g.spy.all()[0].Version, 3)
		got := g.data(t, g.token(b))
		equal(t, "n", got["n"], any(int64(61)))
		equal(t, "keys", len(got["keys"].(map[string]any)), 60)
		for i, v := range got["list"].([]any) {
			equal(t, "order of the queue", v, any(int64(i)))
		}
	})
}

// TestUpdateRunsOnItsOwnGoroutine: a function of Update runs on the goroutine of its
// request, even if another request stores the result.
func TestUpdateRunsOnItsOwnGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "x")
		var mu sync.Mutex
		runs := 0
		h := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			own := goroutine()
			session.Update(s, "n", func(n int) int {
				mu.Lock()
				defer mu.Unlock()
				runs++
				equal(t, "goroutine", goroutine(), own)
				session.Get(s, "data", "") // must not deadlock
				return n + 1
			})
		}
		g.crowd(b, h, times(10, h)...)
		equal(t, "n", g.data(t, g.token(b))["n"], any(int64(11)))
		equal(t, "runs: one in each handler, one more for those that waited", runs, 11+10)
	})
}

func goroutine() string {
	buf := make([]byte, 64)
	return strings.Fields(string(buf[:runtime.Stack(buf, false)]))[1]
}

// again is an Update whose function succeeds in the handler, and calls f when it runs
// again in the commit.
func again(f func()) handler {
	return func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		first := true
		session.Update(s, "n", func(n int) int {
			if !first {
				f()
			}
			first = false
			return n + 100
		})
	}
}

// TestFailsAlone: an error in one request of a batch affects only that request, whether
// it leads or follows.
func TestFailsAlone(t *testing.T) {
	tests := []struct {
		name string
		bad  handler
		want string
	}{
		{"panic", again(func() { panic("test") }), "panic"},
		{"Goexit", again(runtime.Goexit), "exit"},
		{"too large", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("big", strings.Repeat("x", 900))
		}, "500"},
		{"path conflict", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("data", map[string]any{})
			s.Set("data.x", 1) // is a list at the time of the commit
			s.Set("list.x", 1)
		}, "500"},
		{"unencodable at the second run", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			first := true
			session.Update(s, "any", func(any) any {
				if first {
					first = false
					return 1
				}
				return make(chan int)
			})
		}, "500"},
		{"taken", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, "taken", session.PopOnce(s, "data", ""), "x")
		}, "409"},
	}
	first := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		session.Update(s, "n", func(n int) int { return n + 1 })
		s.Set("fill", strings.Repeat("x", 200))
		s.Set("list", []int{1})
		s.Set("data", "other")
	}
	for _, c := range tests {
		for _, place := range []string{"holds", "waits", "waits alone"} {
			t.Run(c.name+", "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := newRig(t, func(cfg *session.Config) { cfg.MaxBytes = 1000 })
					b := g.signedUp(t, "x")
					var line []handler
					switch place {
					case "holds":
						line = append([]handler{c.bad}, times(3, add)...)
					case "waits":
						line = []handler{add, c.bad, add, add}
					case "waits alone":
						line = []handler{c.bad}
					}
					wants := slices.Repeat([]string{"200"}, 1+len(line))
					wants[1+map[string]int{"holds": 0, "waits": 1, "waits alone": 0}[place]] = c.want
					got := g.crowd(b, first, line...)
					equal(t, "outcomes", codes(got), strings.Join(wants, " "))
					data := g.data(t, g.token(b))
					equal(t, "n", data["n"], any(int64(len(line))))
					equal(t, "data", data["data"], any("other"))
					equal(t, "values", len(data), 4)
					g.visit(b, add).expect(t, http.StatusOK, 0) // no request is stuck
				})
			})
		}
	}
}

// TestFailedPatchIsNotTakenForStored: the patch of a leader failed although its batch
// was stored; its retry must really store.
func TestFailedPatchIsNotTakenForStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, func(c *session.Config) { c.MaxBytes = 1000 })
		b := g.signedUp(t, "x")
		s, err := g.Load(t.Context(), session.Token(g.token(b)))
		if err != nil {
			t.Fatal(err)
		}
		s.Set("big", strings.Repeat("x", 900))
		g.crowd(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("fill", strings.Repeat("x", 200))
		}, func(http.ResponseWriter, *http.Request, *session.Session) {
			if _, err := g.Commit(t.Context(), s); !errors.Is(err, session.ErrTooLarge) {
				t.Errorf("Commit = %v, want ErrTooLarge", err)
			}
		}, add, add)
		s.Rollback()
		s.Set("small", 1)
		if _, err := g.Commit(t.Context(), s); err != nil {
			t.Error(err)
		}
		equal(t, "small", g.data(t, g.token(b))["small"], any(int64(1)))
	})
}

// TestNobodyTakesInVain: if a commit fails in the store, a PopOnce that found its value
// taken by that commit reports the failure of the store, because nothing was taken.
func TestNobodyTakesInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "")
		down := func(string) error { return errors.New("down") }
		issue := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("ticket", "one") }
		other := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("ticket", "another") }
		take := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { session.PopOnce(s, "ticket", "") }
		g.visit(b, issue)
		equal(t, "answers", codes(g.crowdOn(down, b, add, other, take)), "200 503 503")
		equal(t, "answers", codes(g.crowd(b, add, other, take)), "200 200 409")
	})
}

// TestLeaderThatPanics: if the store panics in a commit, nobody knows what it has stored. The
// followers are told so, and those that wait behind them are stored.
func TestLeaderThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "x")
		panicked := false
		outcomes := g.crowdOn(func(op string) error {
			if op == "update" && !panicked {
				panicked = true
				panic("the driver")
			}
			return nil
		}, b, add, add, add, login)
		equal(t, "outcomes", codes(outcomes), "200 panic 503 200")
	})
}

// TestBarrier: requests before a login in the queue are stored; requests behind it have
// an old token and are refused.
func TestBarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "x")
		got := g.crowd(b, add, add, add, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			session.Update(s, "n", func(n int) int { return n + 10 })
			s.Login("ada")
		}, add, read, add)
		equal(t, "outcomes", codes(got), "200 200 200 200 409 200 409")
		for i, o := range got {
			equal(t, fmt.Sprint("cookies of ", i), len(o.set()), map[bool]int{true: 1, false: 0}[i == 3])
		}
		s, err := g.Load(t.Context(), session.Token(got[3].result.Cookies()[0].Value))
		if err != nil || s.Owner() != "ada" || session.Get(s, "n", 0) != 13 {
			t.Errorf("owner %q, data %v, %v; want ada and 13", s.Owner(), s.All(), err)
		}
	})
}

// TestDeadline: a request leaves the queue at its deadline. Once a batch has taken it,
// it waits for the result, which it cannot know otherwise.
func TestDeadline(t *testing.T) {
	for _, taken := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, func(c *session.Config) { c.StoreTimeout = 10 * time.Second })
			b := g.signedUp(t, "x")
			updates := 0
			g.spy.hook(func(op string, _ session.ID) error {
				if op == "update" { // the second store call is that of the queue
					if updates++; taken == (updates == 2) {
						time.Sleep(time.Minute) // on the fake clock
					} else {
						time.Sleep(time.Second)
					}
				}
				return nil
			}, nil)
			line := []handler{add, add, add}
			outcomes, took := make([]outcome, 3), make([]time.Duration, 3)
			var wg sync.WaitGroup
			start := time.Now()
			for i, h := range line {
				wg.Go(func() {
					outcomes[i] = g.outcome(g.with(g.token(b)), h)
					took[i] = time.Since(start)
				})
				synctest.Wait()
			}
			wg.Wait()
			if taken {
				equal(t, "outcomes", codes(outcomes), "200 200 200")
				equal(t, "time of the last one", took[2], 61*time.Second)
				equal(t, "n", g.data(t, g.token(b))["n"], any(int64(3)))
				return
			}
			equal(t, "outcomes", codes(outcomes), "200 503 503")
			equal(t, "time of the last one", took[2], 10*time.Second)
			equal(t, "n", g.data(t, g.token(b))["n"], any(int64(1)))
			// The queue has no entries of requests that gave up.
			equal(t, "the next one", codes([]outcome{g.outcome(g.with(g.token(b)), add)}), "200")
			equal(t, "n after the next one", g.data(t, g.token(b))["n"], any(int64(2)))
		})
	}
}

// TestTakeIsExactlyOnce: of 20 requests, exactly one takes the value, in one process
// and in two.
func TestTakeIsExactlyOnce(t *testing.T) {
	for _, managers := range []int{1, 2} {
		store := newSpyStore()
		var rigs []*rig
		for range managers {
			rigs = append(rigs, newRigOn(t, store))
		}
		b := newBrowser()
		rigs[0].visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("code", "1234") })
		gate := newGate() // all have read the code before the first one commits
		got := make([]outcome, 20)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() {
				g := rigs[i%managers]
				got[i] = g.outcome(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					equal(t, "code", session.PopOnce(s, "code", ""), "1234")
					gate.pass()
				})
			})
		}
		for range got {
			<-gate.reached
		}
		close(gate.open)
		wg.Wait()
		all := strings.Fields(codes(got))
		slices.Sort(all)
		equal(t, "outcomes", strings.Join(all, " "), "200"+strings.Repeat(" 409", 19))
	}
}

// TestLostAnswer: the store executes the call or not, and returns an error in both
// cases. Each Update counts exactly once.
func TestLostAnswer(t *testing.T) {
	lost := errors.New("connection reset")
	tests := []struct {
		name    string
		op      string // whose first call fails
		applied bool
		answer  error
		loads   int  // how many loads after that fail as well
		other   bool // another process writes in the meantime
		f       handler
		n       int64
	}{
		{"update applied", "update", true, lost, 0, false, add, 2},
		{"update not applied", "update", false, lost, 0, false, add, 2},
		{"update applied, and another one after it", "update", true, lost, 0, true, add, 3},
		{"update not applied, but another one", "update", false, lost, 0, true, add, 3},
		{"update applied, then tried again by the driver", "update", true, session.ErrConflict, 0, false, add, 2},
		{"conflict", "update", false, session.ErrConflict, 0, true, add, 3},
		{"create applied", "create", true, lost, 0, false, startAnew, 1},
		{"create applied, and the store stays away", "create", true, lost, 1, false, startAnew, 1},
		{"create not applied", "create", false, lost, 1, false, startAnew, 1},
		{"create collides", "create", false, session.ErrConflict, 0, false, startAnew, 1},
		{"delete applied", "delete", true, lost, 0, false, startAnew, 1},
		{"delete not applied", "delete", false, lost, 0, false, startAnew, 1},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				b := g.signedUp(t, "x")
				g.visit(b, add)
				second := newRigOn(t, g.spy)
				loads, seen := c.loads, false
				wrong := func(op string) error {
					switch {
					case op == c.op && !seen:
						if seen = true; c.other {
							g.spy.hook(nil, nil)
							second.visit(g.with(g.token(b)), add)
						}
						return c.answer
					case op == "load" && seen && loads > 0:
						loads--
						return lost
					}
					return nil
				}
				if c.applied {
					g.spy.hook(func(op string, _ session.ID) error {
						if op != "load" {
							return nil
						}
						return wrong(op)
					}, func(op string, _ session.ID, err error) error {
						return errors.Join(err, wrong(op))
					})
				} else {
					g.spy.hook(func(op string, _ session.ID) error { return wrong(op) }, nil)
				}
				g.visit(b, c.f).expect(t, http.StatusOK, map[bool]int{true: 0, false: 1}[c.op == "update"])
				g.spy.hook(nil, nil)
				equal(t, "n", g.data(t, g.token(b))["n"], any(c.n))
				equal(t, "records", len(g.spy.all()), 1)
				g.visit(b, add).expect(t, http.StatusOK, 0)
			})
		})
	}
}

// startAnew logs out and starts a new session.
func startAnew(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Invalidate()
	add(w, r, s)
}

// TestFailedCommitIsOneEvent: whatever store call of a commit fails, however often it was tried,
// one event and one line of the log tell of the store.
func TestFailedCommitIsOneEvent(t *testing.T) {
	for name, c := range map[string]struct {
		op string
		h  handler
	}{"update": {"update", add}, "logout": {"update", startAnew}, "create": {"create", startAnew}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t)
				b := g.signedUp(t, "x")
				g.spy.hook(func(op string, _ session.ID) error {
					if op == c.op {
						return errors.New("down")
					}
					return nil
				}, nil)
				g.visit(b, c.h).expect(t, http.StatusServiceUnavailable, 0)
				equal(t, "events of a failure", strings.Count(g.kinds(), "failed"), 1)
				equal(t, "lines about the store", strings.Count(g.log(), "store failed"), 1)
			})
		})
	}
}

// TestConflictsAreReplayed: what another process has stored in the meantime stays, and
// an event reports the conflict.
func TestConflictsAreReplayed(t *testing.T) {
	g := newRig(t)
	second := newRigOn(t, g.spy)
	b := g.signedUp(t, "x")
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		for range 3 {
			second.visit(g.with(g.token(b)), func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				add(w, r, s)
				s.Append("list", "fast")
				s.Remove("data")
			})
		}
		session.Update(s, "n", func(n int) int { return n + 10 })
		s.Append("list", "slow")
		s.Set("mine.too", true)
	}).expect(t, http.StatusOK, 0)
	equal(t, "events", g.kinds(), "replayed")
	equal(t, "data", fmt.Sprint(g.data(t, g.token(b))), "map[list:[fast fast fast slow] mine:map[too:true] n:13]")
}

// TestEndlessConflict: endless conflicts end at the deadline with a 503, and nothing is
// stored.
func TestEndlessConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		b := g.signedUp(t, "x")
		g.spy.hook(func(op string, _ session.ID) error {
			if op == "update" {
				return session.ErrConflict
			}
			return nil
		}, nil)
		start := time.Now()
		rep := g.visit(b, add)
		rep.expect(t, http.StatusServiceUnavailable, 0)
		equal(t, "Retry-After", rep.Header().Get("Retry-After"), "2")
		equal(t, "time", time.Since(start), 5*time.Second)
	})
}

// TestUpdateThatSets: a function that also changes other values, which it should not
// do, is retried no longer than one that does not.
func TestUpdateThatSets(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	runs := 0
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		session.Update(s, "n", func(n int) int {
			if runs++; runs > 10 {
				t.Fatal("it runs for ever")
			}
			s.Set("other", runs)
			return n + 1
		})
	}).expect(t, http.StatusOK, 0)
	equal(t, "n", g.data(t, g.token(b))["n"], any(int64(1)))
}

// A faults makes calls of a store fail at random, before or after they take effect.
type faults struct {
	mu    sync.Mutex
	rng   *rand.Rand
	share float64
}

func (s *faults) hit(share float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < s.share*share
}

func (s *faults) pause() {
	s.mu.Lock()
	d := time.Duration(s.rng.IntN(3000)) * time.Microsecond
	s.mu.Unlock()
	time.Sleep(d) // on the fake clock, to change the order
}

var errInjected = errors.New("connection reset")

func (s *faults) before(op string, _ session.ID) error {
	s.pause()
	switch {
	case op == "update" && s.hit(0.3):
		return session.ErrConflict
	case s.hit(0.3):
		return errInjected
	}
	return nil
}

func (s *faults) after(op string, _ session.ID, err error) error {
	s.pause()
	if err == nil && op != "load" && s.hit(0.6) {
		return errInjected
	}
	return err
}

// TestFaultyStore runs many requests of one session through two managers on a store
// that loses calls and results. A response of 200 means stored once, and 409 means not
// stored. After a 503, the changes are stored completely, once, or not at all.
func TestFaultyStore(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) { runOnFaultyStore(t, seed) })
	}
}

func runOnFaultyStore(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	spy := newSpyStore()
	rigs := []*rig{newRigOn(t, spy), newRigOn(t, spy)}
	b := newBrowser()
	rigs[0].visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("n", 0) })
	s := &faults{rng: rng, share: float64(seed%4) * 0.15}
	spy.hook(s.before, s.after)

	const requests = 40
	login := -1
	if seed%3 == 0 {
		login = rng.IntN(requests)
	}
	codes := make([]int, requests)
	tokens := make([]string, requests)
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() {
			s.pause()
			g, own := rigs[i%2], rigs[i%2].submitting(rigs[0].token(b))
			codes[i] = g.visit(own, func(_ http.ResponseWriter, _ *http.Request, sess *session.Session) {
				s.pause()
				sess.Set(fmt.Sprintf("keys.k%d", i), true)
				sess.Append("list", i)
				session.Update(sess, "n", func(n int) int { return n + 1 })
				if i == login {
					sess.Login("ada")
				}
			}).Code
			tokens[i] = rigs[0].token(own)
		})
	}
	wg.Wait()
	spy.hook(nil, nil)

	doc := storedDocument(t, rigs[0], spy)
	list, keys := doc.List, doc.Keys
	for i, code := range codes {
		n := 0
		for _, v := range list {
			if v == i {
				n++
			}
		}
		switch {
		case n > 1, keys[fmt.Sprintf("k%d", i)] != (n == 1):
			t.Errorf("seed %d: request %d (%d) is %d times in the list, and its key is %v", seed, i, code, n, keys[fmt.Sprintf("k%d", i)])
		case code == http.StatusOK && n != 1, code == http.StatusConflict && n != 0:
			t.Errorf("seed %d: request %d was answered %d and is %d times in the list", seed, i, code, n)
		case code == http.StatusServiceUnavailable && s.share == 0, !slices.Contains([]int{200, 409, 503}, code), code == 409 && login < 0:
			t.Errorf("seed %d: request %d was answered %d", seed, i, code)
		}
	}
	if doc.N != len(list) {
		t.Errorf("seed %d: n = %d, %d in the list", seed, doc.N, len(list))
	}
	if login >= 0 && codes[login] == http.StatusOK {
		if got := rigs[0].data(t, rigs[0].token(b)); len(got) != 0 {
			t.Errorf("seed %d: the old token sees %v after the login", seed, got)
		}
		if got := rigs[0].data(t, tokens[login]); len(got) == 0 {
			t.Errorf("seed %d: the new token sees nothing", seed)
		}
	}
}

type faultyStoreDocument struct {
	N    int
	List []int
	Keys map[string]bool
}

func storedDocument(t *testing.T, g *rig, spy *spyStore) (doc faultyStoreDocument) {
	t.Helper()
	recs := spy.all()
	if len(recs) != 1 {
		t.Fatalf("%d records, want one", len(recs))
	}
	i, err := g.Info(t.Context(), recs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(i.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestExpiryIsJudgedForFollowers: if a session expires after its leader has begun and
// before followers join, the followers are too late, whatever the time was when the
// leader began.
func TestExpiryIsJudgedForFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var leading string
		var looked int
		expire, expired := func() {}, make(chan struct{})
		g := newRig(t, func(c *session.Config) {
			now := c.Now
			c.Now = func() time.Time {
				at := now()
				if goroutine() == leading {
					if looked++; looked == 2 { // to commit, and to hold
						expire()
					}
				}
				return at
			}
		})
		b := g.signedUp(t, "x")
		expire = func() {
			g.clock.Advance(3 * time.Hour)
			close(expired)
			synctest.Wait() // until the late request is in the queue
		}
		outcomes := g.crowd(b, add,
			func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				add(w, r, s)
				leading = goroutine()
			},
			func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				<-expired
				add(w, r, s)
			})
		equal(t, "outcomes", codes(outcomes), "200 409 409")
		equal(t, "updates", g.spy.count("update"), 1)
	})
}
