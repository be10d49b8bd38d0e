package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// A load runs many clients of an HTTP handler. It logs the responses that they got, to
// compare them with the stored data. The invariants:
//
//   - a write with response 200 is stored exactly once
//   - a write with response 409 is not stored
//   - a session whose logout got a 200 stays logged out
//   - every request ends within the deadlines of its load and its commit
type load struct {
	manager  *session.Manager
	replicas []http.Handler // each with its own manager, as in several processes
	loss     atomic.Uint64  // of store responses, in percent

	unique    atomic.Int64
	conflicts atomic.Int64

	mu        sync.Mutex
	active    [4]*sessionLog // the sessions in use; nil: to be created
	all       []*sessionLog  // those not verified yet
	sessions  int
	requests  int
	durations []time.Duration // of a sample of the requests
	longest   time.Duration
	mayLose   bool   // verify counts in lost what is missing, instead of failing
	lost      losses // found by verify
	statuses  map[int]int
	events    map[session.EventKind]int
	violation error // of an invariant, the first one
}

// A sessionLog records what the clients know about one session.
type sessionLog struct {
	token        string
	old          []string
	requests     int
	marks        map[string]int // status of the response, by the mark of the write
	logout       int            // status of the logout; 0: none
	loginUnknown bool           // a login failed, but may have replaced the token
	retiredAt    time.Time      // when the clients stopped using the session
}

const (
	storeTimeout = time.Second
	slack        = 3 * time.Second // for a machine that is busy with other work
	longestTime  = 2*storeTimeout + slack
)

// newLoad returns a load with a manager for each store. A single store gets two.
func newLoad(now func() time.Time, stores ...session.Store) (*load, error) {
	l := &load{statuses: map[int]int{}, events: map[session.EventKind]int{}}
	if len(stores) == 1 {
		stores = append(stores, stores[0])
	}
	for _, store := range stores {
		m, err := session.New(lossy{store, &l.conflicts}, session.Config{
			Cookie:       session.CookieConfig{DangerouslyAllowHTTP: true},
			StoreTimeout: storeTimeout,
			TouchEvery:   -1,
			PruneEvery:   -1,
			Now:          now,
			Logger:       slog.New(slog.DiscardHandler),
			OnEvent: func(_ context.Context, e session.Event) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.events[e.Kind]++
			},
		})
		if err != nil {
			return nil, err
		}
		l.manager, l.replicas = m, append(l.replicas, m.HandlerFunc(handle))
	}
	return l, nil
}

// handle is the handler under load.
func handle(w http.ResponseWriter, r *http.Request, s *session.Session) {
	mark := r.Header.Get("Mark")
	if s.IsNew() && mark != "first" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodPost {
		s.Append("marks", mark)
		session.Update(s, "n", func(n int) int { return n + 1 })
	}
	switch r.URL.Path {
	case "/login":
		s.Login("somebody")
	case "/logout":
		s.Invalidate()
	}
}

// A response is an http.ResponseWriter that discards the body.
type response struct {
	header http.Header
	status int
}

func (a *response) Header() http.Header         { return a.header }
func (a *response) Write(b []byte) (int, error) { a.WriteHeader(http.StatusOK); return len(b), nil }
func (a *response) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// request sends a request and returns the status and the new token.
func (l *load) request(ctx context.Context, method, path, token, mark string) (status int, fresh string) {
	ctx = context.WithValue(ctx, lossRate{}, float64(l.loss.Load())/100)
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, nil)
	if err != nil {
		panic(err) // method and path are constants
	}
	r.Header.Set("Mark", mark)
	if token != "" {
		r.AddCookie(&http.Cookie{Name: l.manager.CookieName(), Value: token})
	}
	a := &response{header: http.Header{}}
	start := time.Now()
	l.replicas[rand.IntN(len(l.replicas))].ServeHTTP(a, r)
	took := time.Since(start)
	a.WriteHeader(http.StatusOK)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.statuses[a.status]++
	l.requests++
	l.longest = max(l.longest, took)
	if len(l.durations) < sampleSize {
		l.durations = append(l.durations, took)
	} else if i := rand.IntN(l.requests); i < sampleSize {
		l.durations[i] = took
	}
	if took > longestTime {
		l.violated(fmt.Errorf("%s %s took %v, with a StoreTimeout of %v", method, path, took, storeTimeout))
	}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		fresh = c.Value
	}
	return a.status, fresh
}

// failures returns how many requests got a 503.
func (l *load) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.statuses[http.StatusServiceUnavailable]
}

// sampleSize is the number of durations in the sample (reservoir sampling).
const sampleSize = 100_000

func (l *load) violated(err error) {
	if l.violation == nil {
		l.violation = err
	}
}

// run makes the clients send requests until the context ends.
func (l *load) run(ctx context.Context, seed uint64, clients int) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			for ctx.Err() == nil {
				l.nextRequest(context.WithoutCancel(ctx), rnd)
				wait(ctx, time.Duration(rnd.IntN(2000))*time.Microsecond)
			}
		})
	}
	all.Wait()
}

// maxRequests is the number of requests after which the clients replace a session.
const maxRequests = 120

// nextRequest sends one random request.
func (l *load) nextRequest(ctx context.Context, rnd *rand.Rand) {
	slot := rnd.IntN(len(l.active))
	l.mu.Lock()
	v := l.active[slot]
	l.mu.Unlock()
	if v == nil {
		l.newSession(ctx, slot)
		return
	}
	l.mu.Lock()
	token, chance := v.token, rnd.IntN(100)
	if n := len(v.old); n > 0 && chance < 5 {
		token = v.old[rnd.IntN(n)]
	}
	v.requests++
	last := v.requests == maxRequests
	if last {
		l.retire(slot, v)
	}
	l.mu.Unlock()
	mark := strconv.FormatInt(l.unique.Add(1), 36)
	switch {
	case last && rnd.IntN(2) == 0:
		status, _ := l.request(ctx, http.MethodGet, "/logout", token, "")
		l.mu.Lock()
		defer l.mu.Unlock()
		v.logout = status
	case chance < 25:
		l.request(ctx, http.MethodGet, "/", token, "")
	default:
		path := "/"
		if chance > 95 {
			path = "/login"
		}
		status, fresh := l.request(ctx, http.MethodPost, path, token, mark)
		l.mu.Lock()
		defer l.mu.Unlock()
		v.marks[mark] = status
		v.loginUnknown = v.loginUnknown || path == "/login" && status >= http.StatusInternalServerError
		switch {
		case fresh == "":
		case sameSession(fresh, v.token):
			v.old, v.token = append(slices.Clip(v.old), v.token), fresh
		default: // the session had ended, or had another token, so the login has begun this one
			v.marks[mark] = http.StatusConflict
			l.add(&sessionLog{token: fresh, marks: map[string]int{mark: status}, retiredAt: time.Now()})
		}
		if status == http.StatusUnauthorized && token == v.token {
			l.retire(slot, v) // the response of a login was lost, so nobody has the token
		}
	}
}

// newSession creates a session.
func (l *load) newSession(ctx context.Context, slot int) {
	status, token := l.request(ctx, http.MethodPost, "/", "", "first")
	if token == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &sessionLog{token: token, marks: map[string]int{"first": status}}
	l.add(v)
	if l.active[slot] == nil {
		l.active[slot] = v
	} else {
		v.retiredAt = time.Now()
	}
}

// add adds a session to those to verify. The caller holds l.mu.
func (l *load) add(v *sessionLog) {
	l.all = append(l.all, v)
	l.sessions++
}

// sameSession reports whether two tokens have the same ID, which is the first 16 bytes.
func sameSession(a, b string) bool { return a[:21] == b[:21] }

// retire makes the clients use another session. The caller holds l.mu.
func (l *load) retire(slot int, v *sessionLog) {
	if l.active[slot] == v {
		l.active[slot], v.retiredAt = nil, time.Now()
	}
}

// verify compares the logs of retired sessions, or of all, with the stored data that
// another manager loads, and then drops these logs.
func (l *load) verify(ctx context.Context, m *session.Manager, all bool) error {
	l.mu.Lock()
	errs := []error{l.violation}
	var due, rest []*sessionLog
	for _, v := range l.all {
		if all || !v.retiredAt.IsZero() && time.Since(v.retiredAt) > 2*longestTime {
			due = append(due, v)
		} else {
			rest = append(rest, v)
		}
	}
	l.all = rest
	l.mu.Unlock() // OnEvent of the manager takes it
	for _, v := range due {
		if l.mayLose {
			v.forgetLogins(ctx, m)
		}
		errs = append(errs, v.verify(ctx, m, &l.lost))
	}
	if !l.mayLose {
		errs = append(errs, l.lost.first)
	}
	return errors.Join(errs...)
}

// losses count acknowledged writes that verify did not find.
type losses struct {
	sessions, ends, writes int // sessions that are missing, that are back after a logout, and writes to others
	first                  error
}

func (n losses) String() string {
	return fmt.Sprintf("lost %d sessions, %d logouts, %d writes", n.sessions, n.ends, n.writes)
}

func (n *losses) add(count *int, err error) {
	*count++
	if n.first == nil {
		n.first = err
	}
}

// forgetLogins goes back to an older token if the login that replaced it is lost.
func (v *sessionLog) forgetLogins(ctx context.Context, m *session.Manager) {
	for _, token := range slices.Backward(append(slices.Clip(v.old), v.token)) {
		if s, err := m.Load(ctx, session.Token(token)); err == nil && !s.IsNew() {
			v.token = token
			return
		}
	}
}

func (v *sessionLog) verify(ctx context.Context, m *session.Manager, lost *losses) error {
	// This write raises the version, so no statement still on its way to the server can
	// take effect after it.
	_, err := write(ctx, m, v.token, func(s *session.Session) { s.Set("verified", true) })
	s, lerr := m.Load(ctx, session.Token(v.token))
	switch {
	case lerr != nil:
		return lerr
	case v.logout == http.StatusOK && !s.IsNew():
		lost.add(&lost.ends, fmt.Errorf("session %v was logged out but still exists", s.ID()))
		return nil
	case s.IsNew() && v.logout != http.StatusOK && v.logout < http.StatusInternalServerError && !v.loginUnknown:
		lost.add(&lost.sessions, fmt.Errorf("a session with %d writes is missing", len(v.marks)))
		return nil
	case s.IsNew():
		return nil
	case err != nil:
		return err
	}
	there := map[string]int{}
	marks := session.Get(s, "marks", []string{})
	for _, mark := range marks {
		there[mark]++
	}
	for mark, status := range v.marks {
		n := there[mark]
		switch {
		case status == http.StatusOK && n == 0:
			lost.add(&lost.writes, fmt.Errorf("session %v: a write with response 200 is not stored", s.ID()))
		case n > 1:
			return fmt.Errorf("session %v: a write is stored %d times", s.ID(), n)
		case n > 0 && (status == http.StatusConflict || status == http.StatusUnauthorized):
			return fmt.Errorf("session %v: a write with response %d is stored", s.ID(), status)
		}
	}
	if n := session.Get(s, "n", 0); n != len(marks) {
		return fmt.Errorf("session %v: the counter is %d after %d commits", s.ID(), n, len(marks))
	}
	return nil
}
