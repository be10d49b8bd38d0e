package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// The model of one session, against which histories are checked. A visit is two
// operations, each of which takes effect at one instant between its call and its
// return:
//
//	load    finds the session if it lives and the token is its current one, and then
//	        sees all of its data at this instant
//	commit  if the session lives, and the token that the visit came with is still
//	        the current one: performs the visit's steps, in order, on the data of
//	        this instant (not on those that the load saw), as a whole. Login and
//	        Regenerate also replace the token. Else it is "ended" and does nothing
//
// So at the same path the later commit wins, at different paths both do, add and append
// are exact, and a take of what is no longer there is "taken" and does nothing (of a
// session that has ended it may be either, a 409 both). After its steps a commit uses up the flash message that its load has seen, if that very
// message is still there. A logout (invalidate) is a commit too, but to log out of what
// has ended is no error. A revocation ends the session whatever has become of the token,
// and so does the expiry, which is an operation of who moved the clock by more than the
// idle limit. What has ended never lives again.
//
// Where an error leaves the outcome open, the commit has taken place or not. If answers
// of the store were lost, "ended" may also say that it took place before the end.
type state struct {
	Born, Lives bool
	Token       int // number of the current one; -1: its answer was lost, nobody has it
	View        view
}

// An operation's input is an event of the history, and its output is in there too.
type event struct {
	Kind    string // load, create, commit, end, expire
	Token   int    // that the visit came with, or of a created session
	Next    int    // that it went away with; 0: none
	Found   bool   // of a load
	View    view   // of a load: what it saw
	Did     []step
	Outcome outcome
	Loss    bool
}

func (e *event) rotates() bool {
	return slices.ContainsFunc(e.Did, func(s step) bool { return s.Do == "login" || s.Do == "regenerate" })
}

func (e *event) invalidates() bool {
	return slices.ContainsFunc(e.Did, func(s step) bool { return s.Do == "invalidate" })
}

// next returns the states that can follow; none: the model does not allow it.
func (e *event) next(s state) []state {
	dead := s
	dead.Lives, dead.View = false, view{}
	switch e.Kind {
	case "expire":
		return []state{dead}
	case "end":
		return e.open(s, dead)
	case "create":
		after := state{Born: true, Lives: true, Token: e.Token}
		if s.Born || !e.steps(&after.View) {
			return nil
		}
		return []state{after}
	case "load":
		finds := s.Lives && s.Token == e.Token
		if e.Found != finds || finds && e.View != s.View {
			return nil
		}
		return []state{s}
	}
	if e.invalidates() {
		return e.logout(s, dead)
	}
	return e.commit(s)
}

func (e *event) logout(s, dead state) []state {
	switch {
	case s.Lives && s.Token != e.Token: // a login has come before
		if e.Outcome == stored {
			return nil
		}
		return []state{s}
	case !s.Lives:
		return []state{s}
	case e.Outcome == ended && !e.Loss:
		return nil
	case e.Outcome == conflict:
		return []state{s}
	}
	return e.open(s, dead)
}

// open adds the state before if the outcome is not known.
func (e *event) open(before, after state) []state {
	if e.Outcome == stored {
		return []state{after}
	}
	return []state{before, after}
}

func (e *event) commit(s state) []state {
	admitted := s.Lives && s.Token == e.Token
	after := s
	applies := admitted && e.steps(&after.View)
	if e.rotates() {
		after.Token = e.Next
		if e.Next == 0 {
			after.Token = -1
		}
	}
	switch e.Outcome {
	case stored:
		if applies {
			return []state{after}
		}
	case taken:
		if !applies {
			return []state{s}
		}
	case conflict:
		return []state{s}
	case ended:
		if !admitted {
			return []state{s}
		}
		if e.Loss && applies {
			return []state{after}
		}
	case unknown, incidental:
		if applies {
			return []state{s, after}
		}
		return []state{s}
	}
	return nil
}

// steps performs the steps of a commit. It reports false if one of them took what is
// not there.
func (e *event) steps(v *view) bool {
	flashed := false
	for _, s := range e.Did {
		switch s.Do {
		case "set":
			if s.Path == "user.a" {
				v.A = s.Value
			} else {
				v.B = s.Value
			}
		case "remove":
			v.A = ""
		case "add":
			by, _ := strconv.Atoi(s.Value)
			v.N += by
		case "append":
			v.List = strings.TrimPrefix(v.List+","+s.Value, ",")
		case "issue":
			v.Ticket = s.Value
		case "take":
			if v.Ticket != s.Value {
				return false
			}
			v.Ticket = ""
		case "flash":
			v.Flash, flashed = s.Value, true
		case "clear":
			*v, flashed = view{Owner: v.Owner}, true
		case "login":
			v.Owner = s.Value
		}
	}
	if seen := e.View.Flash; seen != "" && !flashed && v.Flash == seen {
		v.Flash = ""
	}
	return true
}

func (e *event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s token %d", e.Kind, e.Token)
	switch e.Kind {
	case "load":
		if !e.Found {
			b.WriteString(": finds nothing")
		} else {
			fmt.Fprintf(&b, ": sees %+v", e.View)
		}
	case "expire":
		return "expire"
	default:
		for _, s := range e.Did {
			fmt.Fprintf(&b, " %s %s %s;", s.Do, s.Path, s.Value)
		}
		fmt.Fprintf(&b, ": %s", e.Outcome)
		if e.Next != 0 {
			fmt.Fprintf(&b, ", new token %d", e.Next)
		}
	}
	return b.String()
}

// sessions is the model as porcupine wants it.
var sessions = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, input, _ any) []any {
		var all []any
		for _, after := range input.(*event).next(s.(state)) {
			all = append(all, after)
		}
		return all
	},
	DescribeOperation: func(input, _ any) string { return input.(*event).String() },
	DescribeState:     func(s any) string { return fmt.Sprintf("%+v", s) },
}).ToModel()

// patience is how long the checker may think about the history of one session. The
// problem is NP-hard; with some ten visits at once it takes milliseconds.
const patience = time.Minute

// check holds one session's history against the model. The error tells it all.
func linearizable(history []porcupine.Operation) error {
	switch porcupine.CheckOperationsTimeout(sessions, history, patience) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("undecided after %v: %d operations", patience, len(history))
	}
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, o := range history {
		fmt.Fprintf(&b, "\n%9d–%-9d %v", (o.Call-history[0].Call)/1000, (o.Return-history[0].Call)/1000, o.Input)
	}
	return fmt.Errorf("no order of these operations (µs) is one of the model:%s", b.String())
}
