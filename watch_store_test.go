package session_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

var quiet = slog.New(slog.DiscardHandler)

// A callCounter counts the calls of a store, and can make those of one kind fail.
type callCounter struct {
	mu   sync.Mutex
	n    map[string]int
	fail error
	op   string
}

func (c *callCounter) wrap(s session.Store) session.Store {
	return sessiontest.Wrap(s, func(_ context.Context, call sessiontest.Call, next func() error) error {
		c.mu.Lock()
		if c.n == nil {
			c.n = map[string]int{}
		}
		c.n[call.Op]++
		fail := c.fail
		if c.op != call.Op {
			fail = nil
		}
		c.mu.Unlock()
		if fail != nil {
			return fail
		}
		return next()
	})
}

func (c *callCounter) failing(op string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.op, c.fail = op, err
}

// taken returns the calls since it was last called.
func (c *callCounter) taken() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = nil
	return n
}

// An eventLog keeps events.
type eventLog struct {
	mu  sync.Mutex
	all []session.Event
}

func (l *eventLog) add(_ context.Context, e session.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

func (l *eventLog) count(kind session.EventKind) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.all {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// A castingStore is a store that broadcasts.
type castingStore struct {
	session.Store
	deaf atomic.Bool // Listen fails

	mu        sync.Mutex
	listeners map[chan session.ID]struct{}
	cut       chan struct{} // closed to interrupt everybody who listens
}

func newCastingStore() *castingStore {
	return &castingStore{Store: memstore.New(memstore.Config{}), listeners: map[chan session.ID]struct{}{}, cut: make(chan struct{})}
}

func (s *castingStore) Unwrap() session.Store { return s.Store }

func (s *castingStore) Broadcast(_ context.Context, ids []session.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for l := range s.listeners {
		for _, id := range ids {
			l <- id
		}
	}
	return nil
}

func (s *castingStore) Listen(ctx context.Context, heard func(session.ID)) error {
	if s.deaf.Load() {
		return errors.New("out of order")
	}
	l := make(chan session.ID, 1000)
	s.mu.Lock()
	s.listeners[l] = struct{}{}
	cut := s.cut
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, l)
	}()
	heard(session.ID{})
	for {
		select {
		case id := <-l:
			heard(id)
		case <-cut:
			return errors.New("interrupted")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// interrupt makes everybody stop to listen.
func (s *castingStore) interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = make(chan struct{})
}

// A store that fails ends no watch. It is reported once, until it works again.
func TestWatchStoreFails(t *testing.T) {
	watching(t, session.Config{WatchEvery: time.Second}, func(r *watchRig) {
		for range 2 {
			before := r.events.count(session.EventFailed)
			r.calls.failing("stat", errors.New("out of order"))
			time.Sleep(time.Minute)
			r.goesOn()
			if n := r.events.count(session.EventFailed) - before; n != 1 {
				r.t.Errorf("%d events, want 1", n)
			}
			r.calls.failing("", nil)
			time.Sleep(10 * time.Second)
		}
		r.calls.failing("stat", errors.New("out of order"))
		time.Sleep(3 * time.Hour)
		r.goesOn() // nobody can know whether another process has extended it
		r.calls.failing("", nil)
		r.endsWithin(time.Second, session.ErrExpired)
	})
}

// A session that has changed, and cannot be loaded, goes on as well.
func TestWatchLoadFails(t *testing.T) {
	watching(t, session.Config{WatchEvery: time.Second}, func(r *watchRig) {
		r.do(r.other, r.token, func(s *session.Session) { s.Login("ada") })
		r.calls.failing("load", errors.New("out of order"))
		time.Sleep(time.Minute)
		r.goesOn()
		if n := r.events.count(session.EventFailed); n != 1 {
			r.t.Errorf("%d events, want 1", n)
		}
		r.calls.failing("", nil)
		r.endsWithin(time.Second, session.ErrReplaced)
	})
}

// If nobody can listen, the poll tells, and one event says so. Once the store can listen
// again, what has happened meanwhile is noticed without a poll.
func TestWatchListenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, events := newCastingStore(), &eventLog{}
		cfg := session.Config{PruneEvery: -1, WatchEvery: 10 * time.Second, Logger: quiet, OnEvent: events.add}
		r := &watchRig{t: t, m: managerOn(t, store, cfg), other: managerOn(t, store, cfg)}
		r.token = r.signIn(r.other, "ada")
		var cancel context.CancelFunc
		r.watched, cancel = r.load(r.m, r.token).Watch(t.Context())
		defer cancel()
		r.goesOn()
		store.deaf.Store(true)
		store.interrupt()
		time.Sleep(time.Minute)
		if n := events.count(session.EventFailed); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		r.do(r.other, r.token, (*session.Session).Invalidate)
		r.endsWithin(cfg.WatchEvery, session.ErrEnded)
	})
}

// Nothing that happened before a store begins to listen is missed.
func TestWatchListensLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newCastingStore()
		store.deaf.Store(true)
		cfg := session.Config{PruneEvery: -1, WatchEvery: time.Hour, Logger: quiet}
		r := &watchRig{t: t, m: managerOn(t, store, cfg), other: managerOn(t, store, cfg)}
		r.token = r.signIn(r.other, "ada")
		var cancel context.CancelFunc
		r.watched, cancel = r.load(r.m, r.token).Watch(t.Context())
		defer cancel()
		r.goesOn()
		time.Sleep(time.Minute) // so that it polls before it listens again, or after
		r.do(r.other, r.token, (*session.Session).Invalidate)
		store.deaf.Store(false)
		r.endsWithin(cfg.WatchEvery+time.Second, session.ErrEnded)
	})
}

// However many sessions are watched, the store is asked once in a period.
func TestWatchManySessions(t *testing.T) {
	const many = 10_000
	watching(t, session.Config{WatchEvery: 10 * time.Second, IdleTimeout: 10 * time.Hour}, func(r *watchRig) {
		ctx, cancelAll := context.WithCancel(r.t.Context())
		tokens := make([]session.Token, many)
		watched := make([]context.Context, many)
		for i := range tokens {
			tokens[i] = r.signIn(r.other, "ben")
			watched[i], _ = r.load(r.m, tokens[i]).Watch(ctx)
		}
		synctest.Wait()
		r.calls.taken()
		const periods = 30
		time.Sleep(periods * 10 * time.Second)
		calls := r.calls.taken()
		if n := calls["stat"]; n < periods || n > periods*4/3+1 || len(calls) != 1 {
			r.t.Errorf("the calls in %d periods are %v, want one stat for each", periods, calls)
		}
		for _, token := range tokens[:many/2] {
			r.do(r.other, token, (*session.Session).Invalidate)
		}
		r.calls.taken()
		time.Sleep(10 * time.Second)
		if calls := r.calls.taken(); calls["stat"] > 2 || len(calls) != 1 {
			r.t.Errorf("the calls in a period in which sessions end are %v, want one stat", calls)
		}
		for i := range watched {
			if ended := watched[i].Err() != nil; ended != (i < many/2) {
				r.t.Fatalf("watch %d has ended: %t", i, ended)
			}
		}
		cancelAll()
		r.goesOn()
	})
}

// Without Stater, the sessions are loaded.
func TestWatchWithoutStater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spy := newSpyStore()
		cfg := session.Config{PruneEvery: -1, WatchEvery: time.Second, Logger: quiet}
		r := &watchRig{t: t, m: managerOn(t, spy, cfg), other: managerOn(t, spy, cfg)}
		r.token = r.signIn(r.other, "ada")
		var cancel context.CancelFunc
		r.watched, cancel = r.load(r.m, r.token).Watch(t.Context())
		defer cancel()
		r.goesOn()
		r.do(r.other, r.token, func(s *session.Session) { s.Set("k", 1) })
		time.Sleep(time.Minute)
		r.goesOn()
		r.do(r.other, r.token, (*session.Session).Invalidate)
		r.endsWithin(time.Second, session.ErrEnded)
	})
}

// Nothing runs while nobody watches: if anything did, the bubble would not end, or it would
// call the store.
func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := &callCounter{}
		store := calls.wrap(newCastingStore())
		r := &watchRig{t: t, m: managerOn(t, store, session.Config{PruneEvery: -1, Logger: quiet})}
		r.token = r.signIn(r.m, "ada")
		for range 3 {
			above, end := context.WithCancel(t.Context())
			_, cancel := r.load(r.m, r.token).Watch(above)
			_, _ = r.load(r.m, r.token).Watch(above)
			cancel()
			cancel()
			synctest.Wait()
			calls.taken()
			time.Sleep(time.Minute)
			if calls.taken()["stat"] == 0 {
				t.Error("nobody looks at the session that is still watched")
			}
			end()
			synctest.Wait()
			calls.taken()
			time.Sleep(time.Minute)
			if after := calls.taken(); len(after) > 0 {
				t.Errorf("calls while nobody watches: %v", after)
			}
		}
	})
}

// A watch that has begun with a newer token does not end by an older version of the record,
// which a slow load brings.
func TestWatchOlderVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spy := newSpyStore()
		cfg := session.Config{PruneEvery: -1, WatchEvery: 10 * time.Second, Logger: quiet}
		r := &watchRig{t: t, m: managerOn(t, spy, cfg), other: managerOn(t, spy, cfg)}
		r.token = r.signIn(r.other, "ada")
		first, cancel := r.load(r.m, r.token).Watch(t.Context())
		defer cancel()
		synctest.Wait()
		next := r.do(r.other, r.token, (*session.Session).Regenerate)

		// The second load is of the record that has changed, for the first watch. It is slow.
		loads := 0
		spy.hook(nil, func(op string, _ session.ID, err error) error {
			if loads++; op == "load" && loads == 2 {
				time.Sleep(4 * time.Second)
			}
			return err
		})
		time.Sleep(11 * time.Second) // the poll is at 7.5 to 10
		spy.hook(nil, nil)
		newest := r.do(r.other, next, (*session.Session).Regenerate)
		r.watched, cancel = r.load(r.m, newest).Watch(t.Context())
		defer cancel()
		time.Sleep(3 * time.Second)
		checkCause(first, t, session.ErrReplaced)
		r.goesOn()
	})
}

// A session that expires while the store is asked for it, and is deleted before the answer, has
// expired: nobody has signed out.
func TestWatchExpiresDuringPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(memstore.Config{})
		var slow atomic.Bool
		var id session.ID
		m := managerOn(t, sessiontest.Wrap(store, func(ctx context.Context, call sessiontest.Call, next func() error) error {
			if call.Op == "stat" && slow.Swap(false) {
				time.Sleep(time.Hour)
				if err := store.Delete(ctx, id); err != nil {
					t.Error(err)
				}
			}
			return next()
		}), session.Config{IdleTimeout: time.Hour, WatchEvery: 10 * time.Minute, StoreTimeout: 2 * time.Hour, PruneEvery: -1, Logger: quiet})
		r := &watchRig{t: t, m: m, other: m}
		s := r.load(m, r.signIn(m, "ada"))
		watched, cancel := s.Watch(t.Context())
		defer cancel()
		synctest.Wait()
		id = s.ID()
		slow.Store(true)
		time.Sleep(2 * time.Hour)
		checkCause(watched, t, session.ErrExpired)
	})
}

// A store that has lost a commit, in a failover, has an older version than the one that was watched.
// The watch goes by that version once the one that it knows should have expired. It neither
// ends too early, nor asks the store all the time.
func TestWatchLostCommit(t *testing.T) {
	watching(t, session.Config{IdleTimeout: time.Hour, WatchEvery: 10 * time.Minute}, func(r *watchRig) {
		before, err := r.store.Load(context.Background(), r.id)
		if err != nil {
			r.t.Fatal(err)
		}
		r.do(r.other, r.token, func(s *session.Session) { s.Set("k", 1) })
		time.Sleep(10 * time.Minute) // the poll sees it
		r.goesOn()
		importer, _ := session.Capability[session.Importer](r.store)
		if err := errors.Join(r.store.Delete(context.Background(), r.id), importer.Import(context.Background(), before)); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(30 * time.Minute)
		r.do(r.other, r.token, func(*session.Session) {})
		r.calls.taken()
		time.Sleep(50 * time.Minute)
		r.goesOn()
		if calls := r.calls.taken(); calls["stat"] > 12 {
			r.t.Errorf("the calls in 50 minutes are %v, want few", calls)
		}
		time.Sleep(10*time.Minute - 1)
		r.goesOn()
		time.Sleep(time.Nanosecond)
		r.endsWithin(0, session.ErrExpired)
	})
}

// BenchmarkWatch begins and ends a watch beside many others.
func BenchmarkWatch(b *testing.B) {
	for _, many := range []int{0, 100, 10_000} {
		b.Run(strconv.Itoa(many), func(b *testing.B) {
			m, err := session.New(memstore.New(memstore.Config{}), session.Config{PruneEvery: -1, Logger: quiet})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close(context.Background())
			create := func() *session.Session {
				s, err := m.Load(context.Background(), "")
				if err != nil {
					b.Fatal(err)
				}
				s.Login("ada")
				if _, err := m.Commit(context.Background(), s); err != nil {
					b.Fatal(err)
				}
				return s
			}
			for range many {
				create().Watch(b.Context())
			}
			s := create()
			b.ReportAllocs()
			for b.Loop() {
				_, cancel := s.Watch(b.Context())
				cancel()
			}
		})
	}
}
