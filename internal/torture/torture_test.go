package main

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

func TestMain(m *testing.M) {
	if code, is := runChild(); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// each runs a short version of an experiment on every store. In CI, a missing server fails
// the test.
func each(t *testing.T, experiment func(*trial, context.Context) error) { on(t, kinds, experiment) }

func on(t *testing.T, kinds []string, experiment func(*trial, context.Context) error) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if err := available(kind); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			short := &trial{kind: kind, dir: t.TempDir(), seed: rand.Uint64N(1e6), out: t.Output(), totals: &totals{},
				rounds: 4, kills: 4, each: 600 * time.Millisecond, processes: 3, cheap: true}
			if err := experiment(short, t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestModel(t *testing.T) { each(t, (*trial).model) }

func TestOverlaps(t *testing.T) { each(t, (*trial).overlaps) }

func TestCrash(t *testing.T) { each(t, (*trial).crash) }

func TestFaults(t *testing.T) { each(t, (*trial).faults) }

func TestFailovers(t *testing.T) { on(t, []string{"redis", "postgres"}, (*trial).failovers) }

func TestSoak(t *testing.T) {
	each(t, func(short *trial, ctx context.Context) error { return short.soak(ctx, time.Second) })
}

// Only "make torture" runs the mutants. This test fails if a change of the source made one of
// them outdated.
func TestMutantsFitTheSource(t *testing.T) {
	root, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	for i := range mutants {
		if _, err := mutants[i].apply(root); err != nil {
			t.Error(err)
		}
	}
}

// sequence makes a history of events that do not overlap.
func sequence(events ...event) []porcupine.Operation {
	var h []porcupine.Operation
	for i := range events {
		h = append(h, porcupine.Operation{Input: &events[i], Call: int64(2 * i), Return: int64(2*i + 1)})
	}
	return h
}

// Each history violates one rule, and would be valid without its last event.
func TestModelRejects(t *testing.T) {
	created := event{Kind: "create", Token: 1, Steps: []step{{"set", "user.a", "x"}, {"issue", "ticket", "t"}, {"flash", "flash", "f"}}, Outcome: stored}
	does := func(token int, o outcome, steps ...step) event {
		return event{Kind: "commit", Token: token, Steps: steps, Outcome: o}
	}
	sees := func(token int, v view) event { return event{Kind: "load", Token: token, Found: true, View: v} }
	add, login := step{"add", "n", "1"}, step{"login", "", "ana"}
	loggedIn := does(1, stored, login)
	loggedIn.Next = 2
	all := view{A: "x", Ticket: "t", Flash: "f"}
	for name, h := range map[string][]event{
		"a lost write":                                 {created, does(1, stored, add), sees(1, all)},
		"a partial commit":                             {created, does(1, stored, add, step{"set", "user.b", "y"}), sees(1, view{A: "x", B: "y", Ticket: "t", Flash: "f"})},
		"a write applied twice":                        {created, does(1, unknown, add), sees(1, view{A: "x", N: 2, Ticket: "t", Flash: "f"})},
		"a write by a replaced token":                  {created, loggedIn, does(1, stored, add)},
		"a load by a replaced token":                   {created, loggedIn, sees(1, view{Owner: "ana", A: "x", Ticket: "t", Flash: "f"})},
		"a logout by a replaced token":                 {created, loggedIn, does(1, stored, step{"invalidate", "", ""})},
		"a session that comes back after a revocation": {created, {Kind: "end", Outcome: stored}, sees(1, all)},
		"a write after a logout":                       {created, does(1, stored, step{"invalidate", "", ""}), does(1, stored, add)},
		"a session that comes back after it expired":   {created, {Kind: "expire"}, sees(1, all)},
		"a value taken twice":                          {created, does(1, stored, step{"take", "ticket", "t"}), does(1, stored, step{"take", "ticket", "t"})},
		"a session that disappeared":                   {created, {Kind: "load", Token: 1}},
		"a flash message removed without being shown":  {created, does(1, noSteps), sees(1, view{A: "x", Ticket: "t"})},
		"a session that goes on for another owner":     {created, does(1, stored, step{"switch", "", "bob"}), sees(1, all)},
		"a value taken again by a switch":              {created, does(1, stored, step{"take", "ticket", "t"}), does(1, stored, step{"take", "ticket", "t"}, step{"switch", "", "bob"})},
		"an end without a reason":                      {created, does(1, ended, add)},
		"two creations":                                {created, created},
	} {
		if err := checkLinearizable(sequence(h[:len(h)-1]...)); err != nil {
			t.Errorf("%s: the events before the last are rejected too: %v", name, err)
		}
		if err := checkLinearizable(sequence(h...)); err == nil {
			t.Errorf("%s: not rejected", name)
		}
	}
}
