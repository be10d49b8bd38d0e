package fallbackstore_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
)

// The tests in this file run a few processes on one session in every order of their store
// calls, and also let each process die before each of its calls. A process is a function of the
// answers that it gets, so two orders that lead to the same records and the same answers go on
// alike, and only one of them is continued.

// A world is one run: two stores and some processes, which take turns.
type world struct {
	stores [2]map[session.ID]session.Record // old and new
	procs  []*process
}

// A process is a coroutine, which stops before each of its store calls.
type process struct {
	name    string
	call    func() string                 // the store call that it waits for; nil once it has ended
	wait    func(call func() string) bool // stops until the call may be made; false: die
	resume  func() (func() string, bool)
	die     func()
	history maphash.Hash // of the answers
	died    bool
	open    func(primary int) *fallbackstore.Store

	acked []string // the writes that were confirmed
	ended bool     // it has ended the session
	wrong string   // what it saw that must not be
}

// A gated store is one of the world's stores as a process sees it. Each call waits for its turn.
type gated struct {
	w  *world
	p  *process
	in int
}

func (g gated) do(_ context.Context, op string, f func(m map[session.ID]session.Record) error) error {
	var err error
	if !g.p.wait(func() string {
		err = f(g.w.stores[g.in])
		return fmt.Sprint(op, g.in, err)
	}) {
		panic(errDies)
	}
	return err
}

var errDies = errors.New("the process dies")

func (g gated) Load(ctx context.Context, id session.ID) (r session.Record, err error) {
	err = g.do(ctx, "load", func(m map[session.ID]session.Record) error {
		var ok bool
		if r, ok = m[id]; !ok {
			return session.ErrNotFound
		}
		r.Data = slices.Clone(r.Data)
		g.p.history.WriteString(fmt.Sprint(r.Version, string(r.Data)))
		return nil
	})
	return r, err
}

func (g gated) add(ctx context.Context, op string, r session.Record) error {
	return g.do(ctx, op, func(m map[session.ID]session.Record) error {
		if _, ok := m[r.ID]; ok {
			return session.ErrConflict
		}
		m[r.ID] = r
		return nil
	})
}

func (g gated) Create(ctx context.Context, r session.Record) error {
	r.Version = 1
	return g.add(ctx, "create", r)
}

func (g gated) Import(ctx context.Context, r session.Record) error { return g.add(ctx, "import", r) }

func (g gated) Update(ctx context.Context, r session.Record) error {
	return g.do(ctx, "update", func(m map[session.ID]session.Record) error {
		old, ok := m[r.ID]
		switch {
		case !ok:
			return session.ErrNotFound
		case old.Version != r.Version:
			return session.ErrConflict
		}
		r.Version++
		m[r.ID] = r
		return nil
	})
}

func (g gated) Delete(ctx context.Context, id session.ID) error {
	return g.do(ctx, "delete", func(m map[session.ID]session.Record) error { delete(m, id); return nil })
}

func (g gated) List(context.Context) iter.Seq2[session.Record, error] { panic("not used here") }

// A role is what a process does, and which store is its primary one.
type role struct {
	name    string
	primary int
	run     func(p *process, s *fallbackstore.Store)
}

var theID = session.ID{7}

const (
	inOld = iota
	inNew
)

// write appends a letter to the session, as a request does: again after a conflict.
func write(letter string, primary int) role {
	return role{"write " + letter, primary, func(p *process, s *fallbackstore.Store) {
		for {
			p.history.Reset() // nothing of the first try is left
			r, err := s.Load(context.Background(), theID)
			if errors.Is(err, session.ErrNotFound) {
				return
			}
			r.Data = append(r.Data, letter...)
			r.LastActivity = r.LastActivity.Add(time.Second)
			switch err := s.Update(context.Background(), r); {
			case err == nil:
				p.acked = append(p.acked, letter)
				return
			case errors.Is(err, session.ErrNotFound):
				return
			case !errors.Is(err, session.ErrConflict):
				p.wrong = err.Error()
				return
			}
		}
	}}
}

// logout ends the session as the manager does, and then looks for it.
func logout(primary int) role {
	return role{"logout", primary, func(p *process, s *fallbackstore.Store) {
		ctx := context.Background()
		for {
			p.history.Reset()
			r, err := s.Load(ctx, theID)
			if errors.Is(err, session.ErrNotFound) {
				break
			}
			r.Data = append(r.Data, '.')
			if err = s.Update(ctx, r); err == nil || errors.Is(err, session.ErrNotFound) {
				break
			}
		}
		p.revoke(s)
	}}
}

// revoke ends it without an update before.
func revoke(primary int) role {
	return role{"revoke", primary, (*process).revoke}
}

func (p *process) revoke(s *fallbackstore.Store) {
	if err := s.Delete(context.Background(), theID); err != nil {
		p.wrong = err.Error()
	}
	p.ended = true
	if _, err := s.Load(context.Background(), theID); !errors.Is(err, session.ErrNotFound) {
		p.wrong = fmt.Sprintf("after the end of the session, Load returns %v", err)
	}
}

func move(primary int) role {
	return role{"move", primary, func(p *process, s *fallbackstore.Store) {
		if _, err := s.Move(context.Background(), theID); err != nil {
			p.wrong = err.Error()
		}
	}}
}

// backAndForth moves the session several times.
func backAndForth() role {
	one, other := move(inOld), move(inNew)
	return role{"back and forth", inOld, func(p *process, s *fallbackstore.Store) {
		exchanged := p.open(inNew)
		for i := range 3 {
			p.history.Reset() // nothing is left of the moves before, except how many there were
			p.history.WriteByte(byte(i))
			if i%2 == 0 {
				one.run(p, s)
			} else {
				other.run(p, exchanged)
			}
		}
	}}
}

// begin creates a world whose session is in one of the stores, and starts the processes.
func begin(t *testing.T, in int, roles []role) *world {
	w := &world{}
	w.stores = [2]map[session.ID]session.Record{{}, {}}
	w.stores[in][theID] = session.Record{ID: theID, Version: 3, ExpiresAt: time.Unix(1e9, 0).UTC(), Data: []byte("-")}
	for _, r := range roles {
		p := &process{name: r.name}
		p.history.SetSeed(seed)
		w.procs = append(w.procs, p)
		p.open = func(primary int) *fallbackstore.Store { return w.open(t, p, primary) }
		s := p.open(r.primary)
		p.resume, p.die = iter.Pull(func(yield func(func() string) bool) {
			defer func() {
				if e := recover(); e != nil && e != errDies {
					panic(e)
				}
			}()
			p.wait = yield
			r.run(p, s)
		})
		p.call, _ = p.resume()
	}
	return w
}

var seed = maphash.MakeSeed()

func (w *world) open(t *testing.T, p *process, primary int) *fallbackstore.Store {
	t.Helper()
	s, err := fallbackstore.New(gated{w, p, primary}, gated{w, p, 1 - primary})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A turn lets one process make its call, or die instead.
type turn struct {
	proc int
	dies bool
}

func (w *world) take(c turn) {
	p := w.procs[c.proc]
	if c.dies {
		p.die()
		p.call, p.died = nil, true
		return
	}
	p.history.WriteString(p.call())
	p.call, _ = p.resume()
}

// key identifies what happens next, whatever has led here.
func (w *world) key() string {
	var b strings.Builder
	for _, m := range w.stores {
		for _, r := range m {
			fmt.Fprintf(&b, "%d %q ", r.Version, r.Data)
		}
		b.WriteByte('|')
	}
	for _, p := range w.procs {
		fmt.Fprintf(&b, "%x %v %v ", p.history.Sum64(), p.call == nil, p.died)
	}
	return b.String()
}

// abandon ends the processes that still run.
func (w *world) abandon() {
	for _, p := range w.procs {
		p.die()
	}
}

// An explorer runs a scenario in every order.
type explorer struct {
	t      *testing.T
	in     int
	roles  []role
	deaths int // how many processes may die
	seen   map[string]bool
	ends   int
}

// explore continues a run in every order. It uses the world for one of them, and repeats the run
// in another world for each of the others.
func (e *explorer) explore(w *world, path []turn, deaths int) {
	defer w.abandon()
	var next []turn
	for i, p := range w.procs {
		if p.call == nil {
			continue
		}
		next = append(next, turn{i, false})
		if deaths < e.deaths {
			next = append(next, turn{i, true})
		}
	}
	key := w.key()
	known := e.seen[key]
	e.seen[key] = true
	if !known && len(next) == 0 {
		e.ends++
		e.judge(w, path)
	}
	if known {
		return
	}
	for i, c := range next {
		if e.t.Failed() {
			return
		}
		if i > 0 {
			w = begin(e.t, e.in, e.roles)
			for _, before := range path {
				w.take(before)
			}
		}
		w.take(c)
		more := deaths
		if c.dies {
			more++
		}
		e.explore(w, append(slices.Clip(path), c), more)
	}
}

// judge checks the outcome as processes of both kinds see it: a session that has ended is
// gone, and one that has not contains each confirmed write once.
func (e *explorer) judge(w *world, path []turn) {
	ended, mayEnd, acked := false, false, []string(nil)
	for _, p := range w.procs {
		ended = ended || p.ended && !p.died
		mayEnd = mayEnd || p.name == "logout" || p.name == "revoke"
		acked = append(acked, p.acked...)
		if p.wrong != "" {
			e.fail(w, path, p.name+": "+p.wrong)
		}
	}
	for primary := range 2 {
		copied := &world{stores: [2]map[session.ID]session.Record{maps.Clone(w.stores[0]), maps.Clone(w.stores[1])}}
		r, err := copied.load(e.t, primary)
		switch {
		case err == nil && ended:
			e.fail(w, path, "a session that has ended is there")
		case err != nil && !mayEnd:
			e.fail(w, path, "the session is lost: "+err.Error())
		case err == nil:
			if r.ExpiresAt != time.Unix(1e9, 0).UTC() {
				e.fail(w, path, fmt.Sprintf("it expires at %v", r.ExpiresAt))
			}
			for _, letter := range acked {
				if n := strings.Count(string(r.Data), letter); n != 1 {
					e.fail(w, path, fmt.Sprintf("%q is there %d times in %q", letter, n, r.Data))
				}
			}
		}
	}
}

// load loads the session without taking turns.
func (w *world) load(t *testing.T, primary int) (session.Record, error) {
	t.Helper()
	p := &process{wait: func(call func() string) bool { call(); return true }}
	return w.open(t, p, primary).Load(context.Background(), theID)
}

func (e *explorer) fail(w *world, path []turn, what string) {
	var b strings.Builder
	for _, c := range path {
		fmt.Fprintf(&b, " %d", c.proc)
		if c.dies {
			b.WriteString("†")
		}
	}
	e.t.Errorf("%s\norder:%s\nold %v\nnew %v", what, &b, w.stores[inOld], w.stores[inNew])
}

// Requests, logouts and moves of one session overlap, in processes that use the same stores in
// the same or in opposite roles. Whatever the order, and wherever a process dies, no confirmed
// write is lost, nothing is written twice, and an ended session stays ended.
func TestEveryOrder(t *testing.T) {
	most := 0 // of three processes
	if *long {
		most = 1
	}
	scenarios := map[string]scenario{
		"two writes":                       {1, []role{write("a", inNew), write("b", inNew)}},
		"write and logout":                 {1, []role{write("a", inNew), logout(inNew)}},
		"move and logout":                  {1, []role{move(inNew), logout(inNew)}},
		"move and revoke":                  {2, []role{move(inNew), revoke(inNew)}},
		"opposite writes":                  {1, []role{write("a", inNew), write("b", inOld)}},
		"opposite moves":                   {2, []role{move(inNew), move(inOld)}},
		"back and forth, and a move":       {1, []role{backAndForth(), move(inNew)}},
		"back and forth, and a write":      {most, []role{backAndForth(), write("a", inNew)}},
		"back and forth, and a revoke":     {most, []role{backAndForth(), revoke(inOld)}},
		"opposite write and revoke":        {1, []role{write("a", inNew), revoke(inOld)}},
		"write, move and revoke":           {most, []role{write("a", inNew), move(inNew), revoke(inNew)}},
		"two moves and a revoke":           {most, []role{move(inNew), move(inNew), revoke(inNew)}},
		"opposite moves and a revoke":      {most, []role{move(inNew), move(inOld), revoke(inNew)}},
		"opposite writes and a revoke":     {most, []role{write("a", inNew), write("b", inOld), revoke(inOld)}},
		"opposite writes and a move":       {most, []role{write("a", inNew), write("b", inOld), move(inNew)}},
		"two moves and an opposite write":  {most, []role{move(inNew), move(inNew), write("a", inOld)}},
		"two moves and an opposite revoke": {most, []role{move(inNew), move(inNew), revoke(inOld)}},
	}
	if *long {
		scenarios["write, move and logout"] = scenario{0, []role{write("a", inNew), move(inNew), logout(inNew)}}
	}
	for name, sc := range scenarios {
		for in, store := range []string{"old", "new"} {
			t.Run(name+", starting in the "+store+" store", func(t *testing.T) {
				t.Parallel()
				e := explorer{t: t, in: in, roles: sc.roles, deaths: sc.deaths, seen: map[string]bool{}}
				e.explore(begin(t, in, sc.roles), nil, 0)
				t.Logf("%d states, %d outcomes", len(e.seen), e.ends)
			})
		}
	}
}

// A scenario is some processes, of which some may die.
type scenario struct {
	deaths int
	roles  []role
}

// long adds scenarios that take half an hour: go test ./fallbackstore -run TestEveryOrder -long -timeout 2h.
var long = flag.Bool("long", false, "let one of three processes die, too")
