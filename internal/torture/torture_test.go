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
	if code, is := child(); is {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// each runs a fast cut of an experiment on every store. Where everything must run, a
// missing server fails the test.
func each(t *testing.T, experiment func(*trial, context.Context) error) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if err := available(kind); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			short := &trial{kind: kind, dir: t.TempDir(), seed: rand.Uint64N(1e6), out: t.Output(), did: &deeds{},
				rounds: 4, kills: 4, each: 600 * time.Millisecond, processes: 3}
			if err := experiment(short, t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestModel(t *testing.T) { each(t, (*trial).model) }

func TestCrash(t *testing.T) { each(t, (*trial).crash) }

func TestFaults(t *testing.T) { each(t, (*trial).faults) }

func TestSoak(t *testing.T) {
	each(t, func(short *trial, ctx context.Context) error { return short.soak(ctx, time.Second) })
}

// The mutants themselves are left to "make torture". Here they are held against the
// source, so that who changes it adapts them.
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

// sequence makes a history of events one after the other.
func sequence(events ...event) []porcupine.Operation {
	var h []porcupine.Operation
	for i := range events {
		h = append(h, porcupine.Operation{Input: &events[i], Call: int64(2 * i), Return: int64(2*i + 1)})
	}
	return h
}

// What the model refuses, one law a case; and each would be fine without the last event.
func TestModelRefuses(t *testing.T) {
	created := event{Kind: "create", Token: 1, Did: []step{{"set", "user.a", "x"}, {"issue", "ticket", "t"}, {"flash", "flash", "f"}}, Outcome: stored}
	does := func(token int, o outcome, steps ...step) event {
		return event{Kind: "commit", Token: token, Did: steps, Outcome: o}
	}
	sees := func(token int, v view) event { return event{Kind: "load", Token: token, Found: true, View: v} }
	add, login := step{"add", "n", "1"}, step{"login", "", "ana"}
	loggedIn := does(1, stored, login)
	loggedIn.Next = 2
	all := view{A: "x", Ticket: "t", Flash: "f"}
	for name, h := range map[string][]event{
		"a lost write":                    {created, does(1, stored, add), sees(1, all)},
		"half a commit":                   {created, does(1, stored, add, step{"set", "user.b", "y"}), sees(1, view{A: "x", B: "y", Ticket: "t", Flash: "f"})},
		"a double effect":                 {created, does(1, unknown, add), sees(1, view{A: "x", N: 2, Ticket: "t", Flash: "f"})},
		"a write by a replaced token":     {created, loggedIn, does(1, stored, add)},
		"a load by a replaced token":      {created, loggedIn, sees(1, view{Owner: "ana", A: "x", Ticket: "t", Flash: "f"})},
		"a logout by a replaced token":    {created, loggedIn, does(1, stored, step{"invalidate", "", ""})},
		"a revival after a revocation":    {created, {Kind: "end", Outcome: stored}, sees(1, all)},
		"a write after a logout":          {created, does(1, stored, step{"invalidate", "", ""}), does(1, stored, add)},
		"a revival after the expiry":      {created, {Kind: "expire"}, sees(1, all)},
		"a second taker":                  {created, does(1, stored, step{"take", "ticket", "t"}), does(1, stored, step{"take", "ticket", "t"})},
		"a session that vanished":         {created, {Kind: "load", Token: 1}},
		"a message that nobody was shown": {created, does(1, incidental), sees(1, view{A: "x", Ticket: "t"})},
		"an end without a reason":         {created, does(1, ended, add)},
		"two creations":                   {created, created},
	} {
		if err := linearizable(sequence(h[:len(h)-1]...)); err != nil {
			t.Errorf("%s: already the beginning: %v", name, err)
		}
		if err := linearizable(sequence(h...)); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
