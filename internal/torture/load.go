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

// A load is many clients of an HTTP handler, with a ledger of what they were told, to
// hold against what is stored. The laws:
//
//   - what was answered by 200 is stored, and once
//   - what was answered by 409 is not stored
//   - a session that was logged out by a 200 stays out
//   - every request ends within the deadlines of its load and its commit
type load struct {
	manager  *session.Manager
	replicas [2]http.Handler // as two processes would be: each has its own manager
	loss     atomic.Uint64   // of answers, in percent

	unique    atomic.Int64
	conflicts atomic.Int64

	mu       sync.Mutex
	visitors [4]*ledger // who the clients are; nil: somebody new
	all      []*ledger  // that are not settled yet
	sessions int
	requests int
	took     []time.Duration // a sample
	longest  time.Duration
	statuses map[int]int
	events   map[session.EventKind]int
	broken   error // the first law that broke
}

// A ledger is what the clients know of one session.
type ledger struct {
	token   string
	old     []string
	writes  int
	marks   map[string]int // :: mark → status of the answer
	out     int            // status of the logout, 0 if there was none
	unheard bool           // a login failed, which may have replaced the token
	retired time.Time      // when the clients took another one
}

const (
	storeTimeout = time.Second
	slack        = 3 * time.Second // of a machine that does other things as well
	longestTime  = 2*storeTimeout + slack
)

func newLoad(store session.Store, now func() time.Time) (*load, error) {
	l := &load{statuses: map[int]int{}, events: map[session.EventKind]int{}}
	for i := range l.replicas {
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
		l.manager, l.replicas[i] = m, m.HandlerFunc(serve)
	}
	return l, nil
}

// serve is the application.
func serve(w http.ResponseWriter, r *http.Request, s *session.Session) {
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

// An answer is a response without its body.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(b []byte) (int, error) { a.WriteHeader(http.StatusOK); return len(b), nil }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// request makes a request and returns the status and the new token.
func (l *load) request(ctx context.Context, method, path, token, mark string) (status int, fresh string) {
	ctx = context.WithValue(ctx, lossRate{}, float64(l.loss.Load())/100)
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, nil)
	if err != nil {
		panic(err) // our own constants
	}
	r.Header.Set("Mark", mark)
	if token != "" {
		r.AddCookie(&http.Cookie{Name: l.manager.CookieName(), Value: token})
	}
	a := &answer{header: http.Header{}}
	start := time.Now()
	l.replicas[rand.IntN(len(l.replicas))].ServeHTTP(a, r)
	took := time.Since(start)
	a.WriteHeader(http.StatusOK)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.statuses[a.status]++
	l.requests++
	l.longest = max(l.longest, took)
	if len(l.took) < sample {
		l.took = append(l.took, took)
	} else if i := rand.IntN(l.requests); i < sample {
		l.took[i] = took
	}
	if took > longestTime {
		l.breaks(fmt.Errorf("%s %s took %v, with a StoreTimeout of %v", method, path, took, storeTimeout))
	}
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		fresh = c.Value
	}
	return a.status, fresh
}

// sample is how many times are kept; each request has the same chance to be among them.
const sample = 100_000

func (l *load) breaks(err error) {
	if l.broken == nil {
		l.broken = err
	}
}

// run lets clients make requests until the context ends.
func (l *load) run(ctx context.Context, seed uint64, clients int) {
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(seed, uint64(i)))
			for ctx.Err() == nil {
				l.once(context.WithoutCancel(ctx), rnd)
				wait(ctx, time.Duration(rnd.IntN(2000))*time.Microsecond)
			}
		})
	}
	all.Wait()
}

// lifetime is how many writes a session gets before the clients take another one.
const lifetime = 120

// once makes one request.
func (l *load) once(ctx context.Context, rnd *rand.Rand) {
	who := rnd.IntN(len(l.visitors))
	l.mu.Lock()
	v := l.visitors[who]
	l.mu.Unlock()
	if v == nil {
		l.begin(ctx, who)
		return
	}
	l.mu.Lock()
	token, chance := v.token, rnd.IntN(100)
	if n := len(v.old); n > 0 && chance < 5 {
		token = v.old[rnd.IntN(n)]
	}
	v.writes++
	last := v.writes == lifetime
	if last {
		l.retire(who, v)
	}
	l.mu.Unlock()
	mark := strconv.FormatInt(l.unique.Add(1), 36)
	switch {
	case last && rnd.IntN(2) == 0:
		status, _ := l.request(ctx, http.MethodGet, "/logout", token, "")
		l.mu.Lock()
		defer l.mu.Unlock()
		v.out = status
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
		v.unheard = v.unheard || path == "/login" && status >= http.StatusInternalServerError
		if fresh != "" {
			v.old, v.token = append(slices.Clip(v.old), v.token), fresh
		}
		if status == http.StatusUnauthorized && token == v.token {
			l.retire(who, v) // a login whose answer was lost: nobody has its token
		}
	}
}

// begin creates a session.
func (l *load) begin(ctx context.Context, who int) {
	status, token := l.request(ctx, http.MethodPost, "/", "", "first")
	if token == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &ledger{token: token, marks: map[string]int{"first": status}}
	l.all = append(l.all, v)
	l.sessions++
	if l.visitors[who] == nil {
		l.visitors[who] = v
	} else {
		v.retired = time.Now()
	}
}

// retire lets the clients take another session. The caller holds the lock.
func (l *load) retire(who int, v *ledger) {
	if l.visitors[who] == v {
		l.visitors[who], v.retired = nil, time.Now()
	}
}

// settle holds the ledgers of retired sessions, or of all, against what is stored, as
// another manager finds it, and forgets them.
func (l *load) settle(ctx context.Context, m *session.Manager, all bool) error {
	l.mu.Lock()
	errs := []error{l.broken}
	var due, rest []*ledger
	for _, v := range l.all {
		if all || !v.retired.IsZero() && time.Since(v.retired) > 2*longestTime {
			due = append(due, v)
		} else {
			rest = append(rest, v)
		}
	}
	l.all = rest
	l.mu.Unlock() // the manager's events need it
	for _, v := range due {
		errs = append(errs, v.settle(ctx, m))
	}
	return errors.Join(errs...)
}

func (v *ledger) settle(ctx context.Context, m *session.Manager) error {
	// The last word: what is still on its way to a server is of an older version.
	_, err := write(ctx, m, v.token, func(s *session.Session) { s.Set("settled", true) })
	s, lerr := m.Load(ctx, session.Token(v.token))
	switch {
	case lerr != nil:
		return lerr
	case v.out == http.StatusOK && !s.IsNew():
		return fmt.Errorf("session %v was logged out and is there", s.ID())
	case s.IsNew() && v.out != http.StatusOK && v.out < http.StatusInternalServerError && !v.unheard:
		return fmt.Errorf("a session with %d writes is gone", len(v.marks))
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
			return fmt.Errorf("session %v: a write that was answered by 200 is not stored", s.ID())
		case n > 1:
			return fmt.Errorf("session %v: a write is stored %d times", s.ID(), n)
		case n > 0 && (status == http.StatusConflict || status == http.StatusUnauthorized):
			return fmt.Errorf("session %v: a write that was answered by %d is stored", s.ID(), status)
		}
	}
	if n := session.Get(s, "n", 0); n != len(marks) {
		return fmt.Errorf("session %v: counted to %d in %d commits", s.ID(), n, len(marks))
	}
	return nil
}
