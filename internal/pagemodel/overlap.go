package pagemodel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// Overlap runs overlapping requests of a few visitors, through the middleware of one manager
// for each of the stores, which share what they store. One step after another is chosen by the
// seed: a request begins, does something, responds or ends, time passes, sessions are revoked
// or pruned. Sometimes one request commits between two store calls of another one. After each
// step, Overlap compares everything with the model. The error lists the steps.
func Overlap(stores []session.Store, seed uint64, steps int) (err error) {
	o := &overlaps{rnd: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(start, 0), world: world{}}
	o.choose()
	for _, s := range stores {
		h := &hooked{Store: s}
		m, err := session.New(h, o.config())
		if err != nil {
			return err
		}
		o.stores, o.managers = append(o.stores, h), append(o.managers, m)
	}
	cfg := o.config()
	cfg.TouchEvery = 0
	if o.probe, err = session.New(stores[0], cfg); err != nil {
		return err
	}
	defer o.end()
	for n := range steps {
		if err := o.step(); err != nil {
			return fmt.Errorf("seed %d, step %d of overlapping requests: %w\n%s", seed, n, err, strings.Join(o.history, "\n"))
		}
	}
	return nil
}

// rules are the settings of a walk.
type rules struct {
	touchEvery, rotateEvery, grace time.Duration
	maxPerOwner                    int
}

type overlaps struct {
	rules
	rnd      *rand.Rand
	now      time.Time
	stores   []*hooked
	managers []*session.Manager
	probe    *session.Manager
	world    world
	tokens   []issued
	open     []*request
	number   int
	history  []string
}

type issued struct {
	id   session.ID
	text string
}

func (o *overlaps) choose() {
	o.rules = rules{touchEvery: 6 * time.Minute, grace: 30 * time.Second}
	if o.rnd.IntN(2) == 0 {
		o.touchEvery = -1
	}
	if o.rnd.IntN(2) == 0 {
		o.rotateEvery = 10 * time.Minute
	}
	if o.rnd.IntN(3) == 0 {
		o.maxPerOwner = 2
	}
	o.note("%+v", o.rules)
}

func (o *overlaps) config() session.Config {
	return session.Config{
		Cookie:      session.CookieConfig{DangerouslyAllowHTTP: true},
		Now:         func() time.Time { return o.now },
		TouchEvery:  o.touchEvery,
		RotateEvery: o.rotateEvery,
		Grace:       o.grace,
		MaxPerOwner: o.maxPerOwner,
		PruneEvery:  -1,
		Logger:      slog.New(slog.DiscardHandler),
		OnError: func(w http.ResponseWriter, r *http.Request, err error) {
			r.Context().Value(requestKey{}).(*request).err = err
			session.DefaultError(w, r, err)
		},
		OnEvent: func(ctx context.Context, e session.Event) {
			if e.Kind == session.EventLate {
				ctx.Value(requestKey{}).(*request).err = e.Err
			}
		},
	}
}

// requestKey is the context key of a request.
type requestKey struct{}

func (o *overlaps) note(format string, args ...any) {
	o.history = append(o.history, fmt.Sprintf("  "+format, args...))
}

var moments = []time.Duration{
	time.Millisecond, time.Second, time.Second, 5 * time.Second, 20 * time.Second, 40 * time.Second,
	3 * time.Minute, 8 * time.Minute, 11 * time.Minute, time.Hour, 90 * time.Minute, 4 * time.Hour,
}

const maxOpen = 5

// step does one thing.
func (o *overlaps) step() error {
	switch chance := o.rnd.IntN(100); {
	case chance < 20 && len(o.open) < maxOpen || len(o.open) == 0:
		return o.begin()
	case chance < 30:
		d := moments[o.rnd.IntN(len(moments))]
		o.now = o.now.Add(d)
		o.note("%v pass", d)
		return o.compare()
	case chance < 32:
		return o.administer()
	case chance < 65:
		return o.act(o.open[o.rnd.IntN(len(o.open))])
	}
	return o.commit()
}

// begin begins a request: with the current token of a session, or with another one, or with
// none.
func (o *overlaps) begin() error {
	o.number++
	r := &request{
		name: fmt.Sprintf("request %d", o.number), manager: o.rnd.IntN(len(o.managers)), redirects: o.rnd.IntN(4) == 0, method: []string{"GET", "POST", "POST"}[o.rnd.IntN(3)],
		response: httptest.NewRecorder(), release: make(chan struct{}), done: make(chan struct{}), commit: o.nextCommit(),
	}
	var t issued
	if len(o.tokens) > 0 && o.rnd.IntN(10) > 0 {
		t = o.tokens[len(o.tokens)-1-o.rnd.IntN(min(len(o.tokens), 6))]
		if rec := o.world[t.id]; o.rnd.IntN(3) > 0 {
			t.text = rec.current()
		}
	}
	r.token = t.text
	loaded := make(chan error)
	h := o.managers[r.manager].Handler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var err error
		r.writer = w
		r.s, err = session.From(q.Context())
		loaded <- err
		<-r.release
	}))
	q := httptest.NewRequest(r.method, "/", nil)
	q.Header.Set("Sec-Fetch-Mode", "navigate")
	q = q.WithContext(context.WithValue(q.Context(), requestKey{}, r))
	if r.token != "" {
		q.AddCookie(&http.Cookie{Name: "session", Value: r.token})
	}
	go func() {
		defer close(r.done)
		h.ServeHTTP(r.response, q)
	}()
	if err := <-loaded; err != nil {
		return err
	}
	r.load(o.world, t.id, o.now)
	o.open = append(o.open, r)
	o.note("%s (%s) begins at manager %d with token %d, sees %v", r.name, r.method, r.manager, o.tokenNumber(r.token), r.sees())
	return r.check()
}

func (o *overlaps) nextCommit() int {
	o.number++
	return o.number
}

func (o *overlaps) tokenNumber(text string) int {
	return 1 + slices.IndexFunc(o.tokens, func(t issued) bool { return t.text == text })
}

// act makes a request do something to its session.
func (o *overlaps) act(r *request) error {
	a := actions[o.rnd.IntN(len(actions))]
	gone := r.id == (session.ID{}) || r.end
	if r.phase == refused || r.phase == sealed && (a.early || gone) {
		return nil
	}
	o.number++
	o.note("%s: %s", r.name, a.name)
	a.do(r, fmt.Sprintf("v%d", o.number), o.now)
	return r.check()
}

// administer does what is not part of a request.
func (o *overlaps) administer() error {
	m := o.managers[o.rnd.IntN(len(o.managers))]
	switch o.rnd.IntN(4) {
	case 0:
		o.note("prune")
		if _, err := m.Prune(context.Background()); err != nil {
			return err
		}
	case 1:
		if len(o.tokens) == 0 {
			return nil
		}
		t := o.tokens[o.rnd.IntN(len(o.tokens))]
		o.note("revoke the session of token %d", o.tokenNumber(t.text))
		if err := m.Revoke(context.Background(), t.id); err != nil {
			return err
		}
		o.world[t.id].ended = true
	case 2:
		if len(o.tokens) == 0 {
			return nil
		}
		return o.judge(o.edit(o.rnd.IntN(len(o.managers))))
	default:
		return o.judge(o.revokeOwner(o.rnd.IntN(len(o.managers))))
	}
	return o.compare()
}

// A happening is what takes effect at one instant, between two store calls.
type happening struct {
	name    string
	manager int
	leaves  bool // it is a login that ends the session of another owner
	run     func()
	judge   func(world) error // fails if that could not happen in a world, or else changes it
	after   func()            // notes the result
}

// revokeOwner revokes the sessions of an owner. It ends those that belong to the owner when it
// looks, and still do when it ends them.
func (o *overlaps) revokeOwner(manager int) *happening {
	owner := []string{"ann", "bob"}[o.rnd.IntN(2)]
	before := o.world.clone()
	var err error
	return &happening{
		name: "revoke the sessions of " + owner, manager: manager,
		run: func() { _, err = o.managers[manager].RevokeOwner(context.Background(), owner) },
		judge: func(w world) error {
			for id, rec := range before {
				if rec.owner == owner && w[id].owner == owner {
					w[id].ended = true
				}
			}
			return err
		},
		after: func() { o.note("revoked the sessions of %s", owner) },
	}
}

// commit makes a request respond or end, sometimes in the middle of something else.
func (o *overlaps) commit() error {
	r := o.open[o.rnd.IntN(len(o.open))]
	first := o.respond(r)
	if o.maxPerOwner == 0 && o.rnd.IntN(4) == 0 {
		for _, q := range o.open {
			if q.manager != r.manager && q.phase != refused {
				second := o.respond(q)
				switch n := o.rnd.IntN(5); {
				case q.login || n == 0:
					first = o.revokeOwner(r.manager)
				case n == 1 && len(o.tokens) > 0:
					first = o.edit(r.manager)
				}
				return o.judge(first, second)
			}
		}
	}
	return o.judge(first)
}

// respond makes a request send its first byte, if it has not, or else end.
func (o *overlaps) respond(r *request) *happening {
	begins := r.phase == open
	h := &happening{name: r.name + " responds", manager: r.manager, leaves: r.leaves}
	if !begins {
		h.name = r.name + " ends"
	}
	var a answer
	h.run = func() {
		status := http.StatusOK
		if r.redirects {
			status = http.StatusSeeOther
		}
		r.err = nil
		if begins {
			r.writer.WriteHeader(status)
		}
		a = o.answer(r, begins)
		if !begins {
			close(r.release)
			<-r.done
			a.err = r.err
			o.open = slices.DeleteFunc(o.open, func(q *request) bool { return q == r })
		}
	}
	now := o.now
	var from time.Time
	if rec := o.world[r.id]; rec != nil {
		from = rec.from
	}
	h.judge = func(w world) error {
		if r.phase == refused {
			return nil
		}
		if rec := w[r.id]; rec != nil && r.passive && from.Before(rec.from) {
			rec.from = from // a touch during the commit may be lost; see DESIGN.md
		}
		if err := w.commit(r, now, a, &o.rules); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		return nil
	}
	h.after = func() {
		if a.token != "" && o.tokenNumber(a.token) == 0 {
			o.tokens = append(o.tokens, issued{a.id, a.token})
		}
		o.note("%s: error %v, token %d", h.name, a.err, o.tokenNumber(a.token))
		if r.phase != refused {
			r.committed(a, o.nextCommit())
		}
	}
	return h
}

// answer reads the answer of a request that has begun to respond.
func (o *overlaps) answer(r *request, begins bool) answer {
	a := answer{err: r.err, id: r.id}
	if !begins {
		return a
	}
	a.id = r.s.ID()
	for _, c := range (&http.Response{Header: r.response.Header()}).Cookies() {
		switch {
		case c.Value == "":
			a.drops = true
		default:
			a.token, a.cookie = c.Value, &cookieShape{c.MaxAge == 0 && c.Expires.IsZero()}
		}
	}
	return a
}

// judge runs the first happening, and the second one before a store call of it. The first one
// comes first if it had written something by then. A login as another owner stores the new
// session before it ends the former one, which the second one may still change in between.
func (o *overlaps) judge(all ...*happening) error {
	first := all[0]
	listed, err := o.limited()
	if err != nil {
		return err
	}
	if len(all) == 1 {
		first.run()
	} else {
		n := o.rnd.IntN(4)
		o.note("before store call %d of: %s", n, first.name)
		hook := o.stores[first.manager]
		hook.calls, hook.wrote, hook.leaves, hook.before = n, false, first.leaves, all[1].run
		first.run()
		if run := hook.before; run != nil { // there were fewer calls
			hook.before, hook.first = nil, true
			run()
		}
		if !hook.first {
			all = []*happening{all[1], first}
		}
	}
	w := o.world.clone()
	for _, h := range all {
		if err = errors.Join(err, h.judge(w)); err == nil {
			o.limit(w, listed)
		}
	}
	if err == nil {
		err = o.compareWith(w)
	}
	o.world = w
	for _, h := range all {
		h.after()
	}
	return err
}

// end lets all requests end, and deletes all that is stored, because the next history begins
// at an earlier time.
func (o *overlaps) end() {
	for _, s := range o.stores {
		s.before = nil
	}
	for _, r := range o.open {
		r.s.Rollback()
		close(r.release)
		<-r.done
	}
	for id := range o.world {
		_ = o.stores[0].Delete(context.Background(), id)
	}
}
