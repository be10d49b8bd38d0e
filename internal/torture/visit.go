package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// An errand is what a worker is told to do, and an account what came of it. Both go
// through a pipe, as a line of JSON, if the worker is another process.
type errand struct {
	Seq   int
	Kind  string // visit, revoke, prune
	Token string // of a visit; "": a new visitor
	ID    string // of a revocation
	Steps []step
	Think time.Duration // between load and commit
	Loss  float64       // how many answers of the store are lost
}

// A step is one call of a session's method, as a visit is told to make it and, where
// it took something, as it was made.
type step struct {
	Do    string // set, add, append, issue, take, remove, flash, clear, login, regenerate, invalidate
	Path  string
	Value string
}

type account struct {
	Seq               int
	ID                string
	Loaded, Committed [2]int64 // instants of the call and of the return
	Found             bool
	Saw               view
	Did               []step  // the steps that were not empty
	Outcome           outcome // of the commit
	Token             string  // the new one
	Replays           int64   // of this worker so far
}

type outcome string

const (
	stored     outcome = "stored"
	ended      outcome = "ended"
	taken      outcome = "taken"
	conflict   outcome = "conflict"
	unknown    outcome = "unknown"    // an error that leaves it open
	incidental outcome = "incidental" // nothing was asked for: a used up message, or nothing
	unloaded   outcome = "unloaded"   // the load failed
)

// A view is a session's data as one request sees it.
type view struct {
	Owner  string
	A, B   string // siblings: user.a and user.b
	N      int
	List   string
	Ticket string
	Flash  string
}

func look(s *session.Session) view {
	return view{
		Owner:  s.Owner(),
		A:      session.Get(s, "user.a", ""),
		B:      session.Get(s, "user.b", ""),
		N:      session.Get(s, "n", 0),
		List:   strings.Join(session.Get(s, "list", []string{}), ","),
		Ticket: session.Get(s, "ticket", ""),
		Flash:  session.Get(s, "flash", ""),
	}
}

// A worker is one manager with its errands.
type worker struct {
	m       *session.Manager
	replays *atomic.Int64
}

func newWorker(store session.Store, c *clock) (worker, error) {
	var replays atomic.Int64
	m, err := session.New(lossy{Store: store}, session.Config{
		Cookie:       session.CookieConfig{DangerouslyAllowHTTP: true},
		Now:          c.Now,
		TouchEvery:   -1,
		PruneEvery:   -1,
		StoreTimeout: 10 * time.Second, // a busy machine is no finding
		Logger:       slog.New(slog.DiscardHandler),
		OnEvent: func(_ context.Context, e session.Event) {
			if e.Kind == session.EventReplayed {
				replays.Add(1)
			}
		},
	})
	return worker{m, &replays}, err
}

func (w worker) do(ctx context.Context, e *errand) account {
	a := account{Seq: e.Seq, ID: e.ID, Outcome: stored}
	ctx = context.WithValue(ctx, lossRate{}, e.Loss)
	switch e.Kind {
	case "prune":
		if _, err := w.m.Prune(ctx); err != nil {
			a.Outcome = unknown
		}
	case "revoke":
		id, err := session.ParseID(e.ID)
		a.Committed[0] = instant()
		if err == nil {
			err = w.m.Revoke(ctx, id)
		}
		a.Committed[1] = instant()
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			a.Outcome = unknown
		}
	default:
		w.visit(ctx, e, &a)
	}
	a.Replays = w.replays.Load()
	return a
}

// visit is one request: load, look, change, commit.
func (w worker) visit(ctx context.Context, e *errand, a *account) {
	a.Loaded[0] = instant()
	s, err := w.m.Load(ctx, session.Token(e.Token))
	a.Loaded[1] = instant()
	if err != nil {
		a.Outcome = unloaded
		return
	}
	a.Found = !s.IsNew()
	if !a.Found && e.Token != "" {
		return // it would begin a session, which is another errand
	}
	a.Saw = look(s)
	for _, st := range e.Steps {
		if st.perform(s) {
			a.Did = append(a.Did, st)
		}
	}
	a.ID = s.ID().String()
	wait(ctx, e.Think)

	a.Committed[0] = instant()
	cookie, err := w.m.Commit(ctx, s)
	a.Committed[1] = instant()
	if cookie != nil {
		a.Token = cookie.Value
	}
	switch {
	case err == nil && len(a.Did) == 0:
		a.Outcome = incidental
	case err == nil:
	case errors.Is(err, session.ErrEnded):
		a.Outcome = ended
	case errors.Is(err, session.ErrConflict) && !errors.As(err, new(*session.StoreError)):
		a.Outcome = conflict
		if err.Error() == "session: taken by another request" {
			a.Outcome = taken
		}
	default:
		a.Outcome = unknown
	}
}

// perform makes the call. It reports false if that can have no effect.
func (st *step) perform(s *session.Session) bool {
	switch st.Do {
	case "set", "issue":
		s.Set(st.Path, st.Value)
	case "add":
		by, _ := strconv.Atoi(st.Value)
		session.Update(s, st.Path, func(n int) int { return n + by })
	case "append":
		s.Append(st.Path, st.Value)
	case "take":
		st.Value = session.PopOnce(s, st.Path, "")
		return st.Value != ""
	case "remove":
		if !s.Has(st.Path) {
			return false
		}
		s.Remove(st.Path)
	case "flash":
		s.Flash(st.Path, st.Value)
	case "clear":
		if len(s.All()) == 0 {
			return false
		}
		s.Clear()
	case "login":
		s.Login(st.Value)
	case "regenerate":
		s.Regenerate()
	case "invalidate":
		s.Invalidate()
	}
	return true
}
