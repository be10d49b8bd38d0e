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

// A round is one set of histories: clients of several workers make errands to a few
// visitors' sessions, and what they saw and did is recorded by session.
type round struct {
	workers []doer
	clock   *clock
	seed    uint64
	clients int
	errands int // of each client
	loss    float64

	offset time.Duration // of the clock
	moving sync.Mutex
	unique atomic.Int64
	visits atomic.Int64

	mu        sync.Mutex
	visitors  [2]visitor
	tokens    map[string]int
	histories map[string][]porcupine.Operation
	expiries  []porcupine.Operation
	outcomes  map[outcome]int
}

// A doer is a worker here, or one in another process.
type doer interface {
	do(context.Context, *errand) (account, error)
}

// A visitor is who the clients pretend to be: all of them have the newest cookie, and
// some keep old ones.
type visitor struct {
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
			for range r.errands {
				if errs[i] = r.errand(ctx, rnd, i); errs[i] != nil {
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
		if err := linearizable(append(r.histories[id], r.expiries...)); err != nil {
			return fmt.Errorf("session %s: %w", id, err)
		}
	}
	return nil
}

// errand lets a client do one thing.
func (r *round) errand(ctx context.Context, rnd *rand.Rand, client int) error {
	who := rnd.IntN(len(r.visitors))
	r.mu.Lock()
	v := r.visitors[who]
	r.mu.Unlock()
	e := &errand{Kind: "visit", Token: v.token, ID: v.id, Loss: r.loss}
	switch chance := rnd.IntN(100); {
	case chance < 1:
		return r.expire(client)
	case chance < 3:
		e.Kind = "prune"
	case v.token != "" && chance < 5:
		e.Kind = "revoke"
	case len(v.old) > 0 && chance < 12:
		e.Token = v.old[rnd.IntN(len(v.old))]
	}
	if e.Kind == "visit" {
		e.Steps = r.steps(rnd, e.Token == "")
		e.Think = time.Duration(rnd.IntN(3000)) * time.Microsecond
	}
	a, err := r.workers[client%len(r.workers)].do(ctx, e)
	if err != nil {
		return err
	}
	r.visits.Add(1)
	r.record(client, who, e, &a)
	return nil
}

// steps chooses what a visit does: nothing, now and then, and nothing after a logout.
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
				choices = append(choices, step{"invalidate", "", ""})
			}
		}
		s := choices[rnd.IntN(len(choices))]
		ticket = ticket || s.Path == "ticket"
		steps = append(steps, s)
		if s.Do == "invalidate" {
			break
		}
	}
	return steps
}

// expire moves the clock past every idle limit.
func (r *round) expire(client int) error {
	r.moving.Lock()
	defer r.moving.Unlock()
	r.offset += 3 * time.Hour
	call := instant()
	if err := r.clock.set(r.offset); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expiries = append(r.expiries, porcupine.Operation{ClientId: client, Input: &event{Kind: "expire"}, Call: call, Return: instant()})
	return nil
}

// number names a token in a history; a token itself is a secret.
func (r *round) number(token string) int {
	if token == "" {
		return 0
	}
	if r.tokens[token] == 0 {
		r.tokens[token] = len(r.tokens) + 1
	}
	return r.tokens[token]
}

func (r *round) add(client int, id string, e *event, at [2]int64) {
	r.histories[id] = append(r.histories[id], porcupine.Operation{ClientId: client, Input: e, Call: at[0], Return: at[1]})
}

// record writes an account into the history, and hands a new cookie to the visitor.
func (r *round) record(client, who int, e *errand, a *account) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcomes[a.Outcome]++
	loss := e.Loss > 0
	switch {
	case e.Kind == "prune", a.Outcome == unloaded:
		return
	case e.Kind == "revoke":
		r.add(client, e.ID, &event{Kind: "end", Outcome: a.Outcome}, a.Committed)
		return
	case e.Token == "":
		if a.Token != "" { // else nothing was stored, or nobody knows where
			r.add(client, a.ID, &event{Kind: "create", Token: r.number(a.Token), Did: a.Did, Outcome: a.Outcome}, a.Committed)
			if v := &r.visitors[who]; v.token == "" {
				*v = visitor{id: a.ID, token: a.Token}
			}
		}
		return
	}
	token := r.number(e.Token)
	r.add(client, e.ID, &event{Kind: "load", Token: token, Found: a.Found, View: a.Saw}, a.Loaded)
	v := &r.visitors[who]
	if !a.Found {
		if v.token == e.Token {
			*v = visitor{} // logged out, or expired
		}
		return
	}
	c := &event{Kind: "commit", Token: token, View: view{Flash: a.Saw.Flash}, Did: a.Did, Outcome: a.Outcome, Loss: loss}
	if c.rotates() && !c.invalidates() {
		c.Next = r.number(a.Token)
	}
	r.add(client, e.ID, c, a.Committed)
	if c.Next != 0 && v.id == e.ID {
		v.old, v.token = append(slices.Clip(v.old), v.token), a.Token
	}
}
