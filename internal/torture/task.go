package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// A task tells a worker what to do. Tasks and results go through a pipe, as lines of JSON, if
// the worker is another process.
type task struct {
	Seq   int
	Kind  string // request, revoke, prune
	Token string // of a request; "": a new session
	ID    string // of a revocation
	Steps []step
	Think time.Duration // between load and commit
	Loss  float64       // fraction of store calls whose response is lost
}

// A step is a call of a session's method. The Value of a take that was performed is the value
// that it got.
type step struct {
	Do    string // set, add, append, issue, take, remove, flash, clear, login, switch, regenerate, invalidate
	Path  string
	Value string
}

// A result is the result of a task.
type result struct {
	Seq               int
	ID                string
	Loaded, Committed [2]int64 // times of the call and of the return
	Found             bool
	View              view
	Performed         []step  // the steps that had an effect
	Outcome           outcome // of the commit
	Token             string  // the new one
}

type outcome string

const (
	stored     outcome = "stored"
	ended      outcome = "ended"
	taken      outcome = "taken"
	conflict   outcome = "conflict"
	unknown    outcome = "unknown"  // after an error
	noSteps    outcome = "no steps" // at most a flash message that was shown was removed
	loadFailed outcome = "load failed"
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

func readView(s *session.Session) view {
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

// A localWorker executes tasks with a manager in this process.
type localWorker struct{ m *session.Manager }

func newLocalWorker(store session.Store, c *clock) (localWorker, error) {
	m, err := session.New(lossy{Store: store}, session.Config{
		Cookie:       session.CookieConfig{DangerouslyAllowHTTP: true},
		Now:          c.Now,
		TouchEvery:   -1,
		PruneEvery:   -1,
		StoreTimeout: 10 * time.Second, // so that a busy machine causes no failures
		Logger:       slog.New(slog.DiscardHandler),
	})
	return localWorker{m}, err
}

func (w localWorker) execute(ctx context.Context, t *task) result {
	res := result{Seq: t.Seq, ID: t.ID, Outcome: stored}
	ctx = context.WithValue(ctx, lossRate{}, t.Loss)
	switch t.Kind {
	case "prune":
		if _, err := w.m.Prune(ctx); err != nil {
			res.Outcome = unknown
		}
	case "revoke":
		id, err := session.ParseID(t.ID)
		res.Committed[0] = monotonicNow()
		if err == nil {
			err = w.m.Revoke(ctx, id)
		}
		res.Committed[1] = monotonicNow()
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			res.Outcome = unknown
		}
	default:
		w.request(ctx, t, &res)
	}
	return res
}

// request loads a session, reads it, performs the steps and commits.
func (w localWorker) request(ctx context.Context, t *task, res *result) {
	res.Loaded[0] = monotonicNow()
	s, err := w.m.Load(ctx, session.Token(t.Token))
	res.Loaded[1] = monotonicNow()
	if err != nil {
		res.Outcome = loadFailed
		return
	}
	res.Found = !s.IsNew()
	if !res.Found && t.Token != "" {
		return // the steps would create a session, which is another kind of task
	}
	res.View = readView(s)
	for _, st := range t.Steps {
		if st.perform(s) {
			res.Performed = append(res.Performed, st)
		}
	}
	res.ID = s.ID().String()
	wait(ctx, t.Think)

	res.Committed[0] = monotonicNow()
	cookie, err := w.m.Commit(ctx, s)
	res.Committed[1] = monotonicNow()
	if cookie != nil {
		res.Token = cookie.Value
	}
	moved := t.Token != "" && s.ID().String() != t.ID
	if moved {
		res.Token = "" // it is not the session's
	}
	switch {
	case err == nil && len(res.Performed) == 0:
		res.Outcome = noSteps
	case err == nil && moved && !ends(res.Performed):
		res.Outcome = ended // the login has begun another session instead
	case err == nil:
	case errors.Is(err, session.ErrEnded):
		res.Outcome = ended
	case errors.Is(err, session.ErrConflict) && !errors.As(err, new(*session.StoreError)):
		res.Outcome = conflict
		if err.Error() == "session: another request has changed or removed the value that PopOnce returned" {
			res.Outcome = taken
		}
	default:
		res.Outcome = unknown
	}
}

// ends reports whether the session ends by one of the steps.
func ends(steps []step) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.Do == "invalidate" || s.Do == "switch" })
}

// perform makes the call. It reports false if the call can't have an effect.
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
		s.Login(st.Value, session.KeepingData())
	case "switch":
		if s.Owner() == "" {
			st.Do = "login" // the same session goes on
		}
		s.Login(st.Value)
	case "regenerate":
		s.Regenerate()
	case "invalidate":
		s.Invalidate()
	}
	return true
}
