package stores

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	"github.com/expanse-go/session/memstore"
)

// An engine is an empty place for a store, of which a footprint is taken. Functions that do
// not apply are nil.
type engine struct {
	name string
	most int // sessions, 0 if any number is quick enough

	// open opens the store. With through, it connects to that address instead of the server.
	open   func(through string) (session.Store, func() error, error)
	server string // the address of the server, "" if there is none

	size       func() (int64, error) // bytes stored, with indexes
	log        func() (int64, error) // bytes of log written so far
	checkpoint func() error
	cpu        func() (time.Duration, error) // that the server has used so far
	remove     func() error
}

// Footprints measures every kind of store that can run here, with a number of sessions in it.
func Footprints(dir, driver string, sessions, passes int, progress func(string)) (all []bench.Footprint, err error) {
	for _, place := range engines(dir, driver) {
		e, err := place()
		if err != nil {
			return all, err
		}
		progress("footprint, " + e.name + "…")
		f, err := footprint(e, sessions, passes)
		if e.remove != nil {
			err = errors.Join(err, e.remove())
		}
		if err != nil {
			return all, fmt.Errorf("%s: %w", e.name, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func footprint(e engine, sessions, passes int) (f bench.Footprint, err error) {
	store, done, err := e.open("")
	if err != nil {
		return f, err
	}
	server, err := peers.Ours(store, done)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, server.Close()) }() // also the store
	p, err := newPattern()
	if err != nil {
		return f, err
	}
	if e.most > 0 {
		sessions = min(sessions, e.most)
	}
	f = bench.Footprint{Engine: e.name, Sessions: sessions, Data: len(p.record.Data)}
	empty, err := e.size()
	if err != nil {
		return f, err
	}
	ids, err := p.create(store, sessions, func(i int) string { return fmt.Sprintf("user%08d", i/2) })
	if err != nil {
		return f, err
	}
	full, err := e.size()
	if err != nil {
		return f, err
	}
	f.Stored = float64(full-empty) / float64(sessions)
	if e.log != nil {
		if err := p.logs(e, store, ids, &f); err != nil {
			return f, err
		}
	}
	if e.server != "" {
		if err := p.network(e, ids, &f); err != nil {
			return f, err
		}
	}
	err = work(e, server, passes, &f)
	return f, err
}

// A pattern is the record of a session with the ten keys of the workloads.
type pattern struct {
	record session.Record
	// data is what the manager stored after the last two requests that set a key. Updates store
	// them in turn: some servers log only what an update changes.
	data [2][]byte
}

func newPattern() (*pattern, error) {
	ctx, store := context.Background(), memstore.New(memstore.Config{})
	m, err := session.New(store, session.Config{})
	if err != nil {
		return nil, err
	}
	s, err := m.Load(ctx, "")
	if err != nil {
		return nil, err
	}
	for key, value := range bench.Usual {
		s.Set(key, value)
	}
	s.Login("user00000000")
	cookie, err := m.Commit(ctx, s)
	if err != nil {
		return nil, err
	}
	p := &pattern{}
	for n := range 32 { // until the record remembers as many commits as it ever does
		if s, err = m.Load(ctx, session.Token(cookie.Value)); err != nil {
			return nil, err
		}
		s.Set("visits", bench.SeedVisits+n)
		if _, err := m.Commit(ctx, s); err != nil {
			return nil, err
		}
		if p.record, err = store.Load(ctx, s.ID()); err != nil {
			return nil, err
		}
		p.data[n%2] = p.record.Data
	}
	p.record.Client = session.Client{Address: "192.0.2.1", UserAgent: "Mozilla/5.0"}
	return p, m.Close(ctx)
}

// create creates sessions with random IDs by 16 clients.
func (p *pattern) create(store session.Store, n int, owner func(i int) string) ([]session.ID, error) {
	ids := make([]session.ID, n)
	err := together(n, func(i int) error {
		r := p.record
		rand.Read(ids[i][:])
		r.ID, r.Owner, r.Data = ids[i], owner(i), bytes.Clone(p.record.Data)
		return store.Create(context.Background(), r)
	})
	return ids, err
}

// together calls f for all i below n, from 16 goroutines.
func together(n int, f func(i int) error) error {
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, bench.Clients)
	for c := range bench.Clients {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[c] == nil; i = int(next.Add(1)) - 1 {
				errs[c] = f(i)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// A call makes one call of a store, on a session that prepare has loaded.
type call struct {
	cost func(*bench.Footprint) *bench.Cost
	f    func(ctx context.Context, s session.Store, r session.Record) error
}

func (p *pattern) calls() []call {
	return []call{
		{func(f *bench.Footprint) *bench.Cost { return &f.Load }, func(ctx context.Context, s session.Store, r session.Record) error {
			_, err := s.Load(ctx, r.ID)
			return err
		}},
		{func(f *bench.Footprint) *bench.Cost { return &f.Update }, func(ctx context.Context, s session.Store, r session.Record) error {
			r.LastActivity, r.ExpiresAt = r.LastActivity.Add(touchEvery), r.ExpiresAt.Add(touchEvery)
			r.Data = p.data[(r.Version+1)%2] // created with the other one
			return s.Update(ctx, r)
		}},
		{func(f *bench.Footprint) *bench.Cost { return &f.Touch }, func(ctx context.Context, s session.Store, r session.Record) error {
			return session.Touch(ctx, s, r.ID, r.LastActivity.Add(touchEvery), r.ExpiresAt.Add(touchEvery))
		}},
		{func(f *bench.Footprint) *bench.Cost { return &f.Create }, func(ctx context.Context, s session.Store, r session.Record) error {
			rand.Read(r.ID[:])
			return s.Create(ctx, r)
		}},
	}
}

// touchEvery is the default of Config.TouchEvery, a twentieth of two hours.
const touchEvery = 6 * time.Minute

// callsEach is how many calls are counted. Their sessions are spread over the whole store.
const callsEach = 1000

// prepare loads callsEach sessions.
func prepare(store session.Store, ids []session.ID) ([]session.Record, error) {
	all := make([]session.Record, callsEach)
	for i := range all {
		var err error
		if all[i], err = store.Load(context.Background(), ids[i*len(ids)/callsEach]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// logs counts the bytes of log of writes by one client, whose writes do not share a commit.
// Right after a checkpoint, each write is the first of its page, because a page is one of
// thousands. Repeated, the writes find their pages in the log. The loads before the writes
// count, because in PostgreSQL a load may write, too: the hint that a row is committed.
func (p *pattern) logs(e engine, store session.Store, ids []session.ID, f *bench.Footprint) error {
	for _, c := range p.calls()[1:] {
		cost := c.cost(f)
		for i, into := range []*float64{&cost.LogFirst, &cost.LogLater} {
			if i == 0 {
				if err := e.checkpoint(); err != nil {
					return err
				}
			}
			before, err := e.log()
			if err != nil {
				return err
			}
			records, err := prepare(store, ids)
			if err != nil {
				return err
			}
			for _, r := range records {
				if err := c.f(context.Background(), store, r); err != nil {
					return err
				}
			}
			after, err := e.log()
			if err != nil {
				return err
			}
			*into = float64(after-before) / callsEach
		}
	}
	return nil
}

// network counts round trips and bytes of calls by one client, whose statements are prepared.
func (p *pattern) network(e engine, ids []session.ID, f *bench.Footprint) (err error) {
	through, err := newProxy(e.server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, through.Close()) }()
	store, done, err := e.open(through.address())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.(io.Closer).Close(), done()) }()
	count := func(cost *bench.Cost, n int, f func() error) error {
		before := through.traffic()
		err := f()
		after := through.traffic()
		cost.Trips = float64(after.trips-before.trips) / float64(n)
		cost.Sent = float64(after.sent-before.sent) / float64(n)
		cost.Received = float64(after.received-before.received) / float64(n)
		return err
	}
	for _, c := range p.calls() {
		for range 2 { // the first time prepares the statements
			records, err := prepare(store, ids)
			if err != nil {
				return err
			}
			if err := count(c.cost(f), callsEach, func() error {
				for _, r := range records {
					if err := c.f(context.Background(), store, r); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	const owned = 1000
	if _, err := p.create(store, owned, func(int) string { return "hot" }); err != nil {
		return err
	}
	for range 2 {
		n := 0
		if err := count(&f.List, owned, func() error {
			for _, err := range session.ListOwner(context.Background(), store, "hot") {
				if err != nil {
					return err
				}
				n++
			}
			return nil
		}); err != nil || n != owned {
			return errors.Join(err, fmt.Errorf("listed %d sessions, want %d", n, owned))
		}
	}
	return nil
}

// work measures the processor time of requests of 16 clients on 512 sessions.
func work(e engine, server bench.Server, passes int, f *bench.Footprint) error {
	cookies := make([]string, 512)
	if err := together(len(cookies), func(i int) error {
		status, body, cookie := server.Client().Call(bench.Seed, "", "")
		if cookies[i] = cookie; status != 200 || cookie == "" {
			return fmt.Errorf("seeding: status %d: %s", status, body)
		}
		return nil
	}); err != nil {
		return err
	}
	for _, w := range []struct {
		into     *bench.Work
		action   bench.Action
		requests int
	}{{&f.Reads, bench.Read, 20_000}, {&f.Writes, bench.Write, 5000}} {
		for pass := range passes + 1 { // the first warms up
			client, backend, err := spent(e, func() error { return requests(server, w.action, w.requests, cookies) })
			if err != nil {
				return err
			}
			if pass > 0 {
				w.into.Client = append(w.into.Client, float64(client)/float64(w.requests))
				w.into.Server = append(w.into.Server, float64(backend)/float64(w.requests))
			}
		}
	}
	return nil
}

// requests makes requests by 16 clients, each on sessions of its own.
func requests(server bench.Server, action bench.Action, n int, cookies []string) error {
	own := len(cookies) / bench.Clients
	var group sync.WaitGroup
	errs := make([]error, bench.Clients)
	for c := range bench.Clients {
		group.Go(func() {
			client := server.Client()
			for i := range n / bench.Clients {
				if status := client.Do(action, cookies[c*own+i%own]); status != 200 {
					errs[c] = fmt.Errorf("status %d, want 200", status)
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// spent returns the processor time that f takes, of this process and of the server.
func spent(e engine, f func() error) (client, server time.Duration, err error) {
	clock := e.cpu
	if clock == nil {
		clock = func() (time.Duration, error) { return 0, nil }
	}
	before, err := clock()
	if err != nil {
		return 0, 0, err
	}
	own := bench.CPUTime()
	if err := f(); err != nil {
		return 0, 0, err
	}
	own = bench.CPUTime() - own
	after, err := clock()
	return own, after - before, err
}
