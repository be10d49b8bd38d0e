package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// The state of the model of one session. A request is two operations, each of which takes
// effect at one instant between its call and its return:
//
//	load    finds the session if it is alive and the token is its current one, and
//	        sees all of its data at that instant
//	commit  if the session is alive and the token of the request is still the current
//	        one: performs the steps of the request, in order and atomically, on the
//	        data of that instant (not on the data that the load saw). Login and
//	        Regenerate also replace the token. Otherwise the outcome is "ended", and
//	        nothing changes
//
// A login in a session that has ended, or has another token, begins another session; for
// this one its outcome is "ended". A switch is a login as another owner: it ends the session
// as a logout does, and begins another one in any case.
//
// So the later of two commits to the same path wins, commits to different paths both take
// effect, and add and append are exact. A take of a value that is no longer there has the
// outcome "taken" and changes nothing. In a session that has ended, such a commit may be
// "taken" or "ended"; both are a 409.
//
// After its steps, a commit removes the flash message that its load saw, unless another
// message has replaced it. A logout (invalidate) is a commit too, but a logout of a session
// that has ended is not an error. A revocation ends the session regardless of the token. So
// does expiry, an operation of the client that moves the clock by more than the idle
// timeout. A session that has ended never comes back.
//
// If an error leaves the outcome open, the commit may or may not have taken effect. If store
// responses were lost, "ended" may also mean that the commit took effect before the end.
type state struct {
	Created, Alive bool
	Token          int // number of the current one; -1: unknown, the response was lost
	View           view
}

// An event is an operation in the history of a session, with both its input and its output.
type event struct {
	Kind    string // load, create, commit, end, expire
	Token   int    // of the request, or of the created session
	Next    int    // the new token; 0: none
	Found   bool   // of a load
	View    view   // of a load: the data that it saw
	Steps   []step
	Outcome outcome
	Loss    bool
}

func (e *event) rotates() bool {
	return slices.ContainsFunc(e.Steps, func(s step) bool { return s.Do == "login" || s.Do == "regenerate" })
}

func (e *event) invalidates() bool {
	return slices.ContainsFunc(e.Steps, func(s step) bool { return s.Do == "invalidate" })
}

// next returns the possible states after the event; none if the model rules it out.
func (e *event) next(s state) []state {
	dead := s
	dead.Alive, dead.View = false, view{}
	switch e.Kind {
	case "expire":
		return []state{dead}
	case "end":
		return e.open(s, dead)
	case "create":
		after := state{Created: true, Alive: true, Token: e.Token}
		if s.Created || !e.apply(&after.View) {
			return nil
		}
		return []state{after}
	case "load":
		finds := s.Alive && s.Token == e.Token
		if e.Found != finds || finds && e.View != s.View {
			return nil
		}
		return []state{s}
	}
	switch {
	case e.invalidates():
		return e.logout(s, dead)
	case ends(e.Steps):
		return e.change(s, dead)
	}
	return e.commit(s)
}

func (e *event) logout(s, dead state) []state {
	switch {
	case s.Alive && s.Token != e.Token: // another request has logged in
		if e.Outcome == stored {
			return nil
		}
		return []state{s}
	case !s.Alive:
		return []state{s}
	case e.Outcome == ended && !e.Loss:
		return nil
	case e.Outcome == conflict:
		return []state{s}
	}
	return e.open(s, dead)
}

// change returns the states after a switch. It takes place unless a value was taken that
// the session has no more.
func (e *event) change(s, dead state) []state {
	admitted := s.Alive && s.Token == e.Token
	v := s.View
	applies := admitted && e.apply(&v)
	takes := slices.ContainsFunc(e.Steps, func(s step) bool { return s.Do == "take" })
	switch {
	case e.Outcome == conflict, e.Outcome == taken && !applies:
		return []state{s}
	case e.Outcome == taken, e.Outcome == ended && admitted && !e.Loss, e.Outcome == stored && takes && !applies:
		return nil
	case admitted:
		return e.open(s, dead)
	}
	return []state{s}
}

// open returns both states if the outcome is unknown.
func (e *event) open(before, after state) []state {
	if e.Outcome == stored {
		return []state{after}
	}
	return []state{before, after}
}

func (e *event) commit(s state) []state {
	admitted := s.Alive && s.Token == e.Token
	after := s
	applies := admitted && e.apply(&after.View)
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
	case unknown, noSteps:
		if applies {
			return []state{s, after}
		}
		return []state{s}
	}
	return nil
}

// apply performs the steps of a commit. It reports false if a step took a value that is not
// there.
func (e *event) apply(v *view) bool {
	flashed := false
	for _, s := range e.Steps {
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
			b.WriteString(": not found")
		} else {
			fmt.Fprintf(&b, ": sees %+v", e.View)
		}
	case "expire":
		return "expire"
	default:
		for _, s := range e.Steps {
			fmt.Fprintf(&b, " %s %s %s;", s.Do, s.Path, s.Value)
		}
		fmt.Fprintf(&b, ": %s", e.Outcome)
		if e.Next != 0 {
			fmt.Fprintf(&b, ", new token %d", e.Next)
		}
	}
	return b.String()
}

// sessionModel is the model in the form that porcupine needs.
var sessionModel = (&porcupine.NondeterministicModel{
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

// checkTimeout limits the check of one session's history. The problem is NP-hard, but takes
// milliseconds with about ten concurrent requests.
const checkTimeout = time.Minute

// checkLinearizable checks one session's history against the model. The error contains the
// history.
func checkLinearizable(history []porcupine.Operation) error {
	switch porcupine.CheckOperationsTimeout(sessionModel, history, checkTimeout) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("linearizability of %d operations is undecided after %v", len(history), checkTimeout)
	}
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	var b strings.Builder
	for _, o := range history {
		fmt.Fprintf(&b, "\n%9d–%-9d %v", (o.Call-history[0].Call)/1000, (o.Return-history[0].Call)/1000, o.Input)
	}
	return fmt.Errorf("not linearizable: the model allows no order of these operations (times in µs):%s", b.String())
}
