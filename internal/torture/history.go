package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// A round runs tasks of several clients on a few shared sessions and records the history of
// each session.
type round struct {
	workers []worker
	clock   *clock
	seed    uint64
	clients int
	tasks   int     // per client
	loss    float64 // fraction of store calls whose response is lost

	offset   time.Duration // of the clock
	clockMu  sync.Mutex
	unique   atomic.Int64
	executed atomic.Int64

	mu        sync.Mutex
	sessions  [2]sharedSession
	tokens    map[string]int
	histories map[string][]porcupine.Operation
	expiries  []porcupine.Operation
	outcomes  map[outcome]int
}

// A worker executes tasks, in this process or in another.
type worker interface {
	do(context.Context, *task) (result, error)
}

// A sharedSession is a session that all clients use: most with its newest token, some with
// an old one.
type sharedSession struct {
	id, token string
	old       []string
}

func (r *round) run(ctx context.Context) error {
	r.tokens, r.histories, r.outcomes = map[string]int{}, map[string][]porcupine.Operation{}, map[outcome]int{}
	var all sync.WaitGroup
	errs := make([]error, r.clients)
	for i := range r.clients {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(r.seed, uint64(i)))
			for range r.tasks {
				if errs[i] = r.runTask(ctx, rnd, i); errs[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return r.check()
}

func (r *round) check() error {
	for _, id := range slices.Sorted(maps.Keys(r.histories)) {
		if err := checkLinearizable(append(r.histories[id], r.expiries...)); err != nil {
			return fmt.Errorf("session %s: %w", id, err)
		}
	}
	return nil
}

// runTask chooses a task for the client, runs it and records the result.
func (r *round) runTask(ctx context.Context, rnd *rand.Rand, client int) error {
	slot := rnd.IntN(len(r.sessions))
	r.mu.Lock()
	v := r.sessions[slot]
	r.mu.Unlock()
	t := &task{Kind: "request", Token: v.token, ID: v.id, Loss: r.loss}
	switch chance := rnd.IntN(100); {
	case chance < 1:
		return r.expire(client)
	case chance < 3:
		t.Kind = "prune"
	case v.token != "" && chance < 5:
		t.Kind = "revoke"
	case len(v.old) > 0 && chance < 12:
		t.Token = v.old[rnd.IntN(len(v.old))]
	}
	if t.Kind == "request" {
		t.Steps = r.steps(rnd, t.Token == "")
		t.Think = time.Duration(rnd.IntN(3000)) * time.Microsecond
	}
	res, err := r.workers[client%len(r.workers)].do(ctx, t)
	if err != nil {
		return err
	}
	r.executed.Add(1)
	r.record(client, slot, t, &res)
	return nil
}

// steps chooses the steps of a request: sometimes none, and none after one that ends the
// session.
func (r *round) steps(rnd *rand.Rand, create bool) []step {
	var steps []step
	n := rnd.IntN(4)
	if create {
		n++
	}
	ticket := false
	for range n {
		value := strconv.FormatInt(r.unique.Add(1), 36)
		choices := []step{
			{"set", "user.a", value}, {"set", "user.b", value}, {"set", "user.b", value},
			{"add", "n", "1"}, {"add", "n", "1"}, {"add", "n", "10"},
			{"append", "list", value}, {"append", "list", value}, {"append", "list", value},
			{"flash", "flash", value}, {"remove", "user.a", ""},
		}
		if !ticket {
			choices = append(choices, step{"issue", "ticket", value}, step{"take", "ticket", ""}, step{"take", "ticket", ""})
		}
		if !create {
			choices = append(choices, step{"login", "", "user" + value}, step{"regenerate", "", ""}, step{"clear", "", ""})
			if rnd.IntN(3) == 0 {
				choices = append(choices, step{"invalidate", "", ""}, step{"switch", "", "other" + value})
			}
		}
		s := choices[rnd.IntN(len(choices))]
		ticket = ticket || s.Path == "ticket"
		steps = append(steps, s)
		if ends([]step{s}) {
			break
		}
	}
	return steps
}

// expire moves the clock forward by more than the idle timeout.
func (r *round) expire(client int) error {
	r.clockMu.Lock()
	defer r.clockMu.Unlock()
	r.offset += 3 * time.Hour
	call := monotonicNow()
	if err := r.clock.set(r.offset); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expiries = append(r.expiries, porcupine.Operation{ClientId: client, Input: &event{Kind: "expire"}, Call: call, Return: monotonicNow()})
	return nil
}

// tokenNumber returns a number that stands for the token in a history.
func (r *round) tokenNumber(token string) int {
	if token == "" {
		return 0
	}
	if r.tokens[token] == 0 {
		r.tokens[token] = len(r.tokens) + 1
	}
	return r.tokens[token]
}

func (r *round) add(client int, id string, e *event, interval [2]int64) {
	r.histories[id] = append(r.histories[id], porcupine.Operation{ClientId: client, Input: e, Call: interval[0], Return: interval[1]})
}

// record adds a result to the history and stores a new token in the shared session.
func (r *round) record(client, slot int, t *task, res *result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[res.Outcome]++
	loss := t.Loss > 0
	switch {
	case t.Kind == "prune", res.Outcome == loadFailed:
		return
	case t.Kind == "revoke":
		r.add(client, t.ID, &event{Kind: "end", Outcome: res.Outcome}, res.Committed)
		return
	case t.Token == "":
		if res.Token != "" { // without a token, nobody can find what may have been stored
			r.add(client, res.ID, &event{Kind: "create", Token: r.tokenNumber(res.Token), Steps: res.Performed, Outcome: res.Outcome}, res.Committed)
			if v := &r.sessions[slot]; v.token == "" {
				*v = sharedSession{id: res.ID, token: res.Token}
			}
		}
		return
	}
	token := r.tokenNumber(t.Token)
	r.add(client, t.ID, &event{Kind: "load", Token: token, Found: res.Found, View: res.View}, res.Loaded)
	v := &r.sessions[slot]
	if !res.Found {
		if v.token == t.Token {
			*v = sharedSession{} // logged out, or expired
		}
		return
	}
	c := &event{Kind: "commit", Token: token, View: view{Flash: res.View.Flash}, Steps: res.Performed, Outcome: res.Outcome, Loss: loss}
	if c.rotates() && !ends(c.Steps) {
		c.Next = r.tokenNumber(res.Token)
	}
	r.add(client, t.ID, c, res.Committed)
	if c.Next != 0 && v.id == t.ID {
		v.old, v.token = append(slices.Clip(v.old), v.token), res.Token
	}
}
