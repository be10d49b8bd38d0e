package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// A watchRig is two managers on one store, as in two processes.
type watchRig struct {
	t           *testing.T
	m, other    *session.Manager
	store       session.Store
	calls       *callCounter
	events      *eventLog
	token       session.Token // of ada's session
	id          session.ID
	watched     context.Context
	stopWatched context.CancelFunc
}

// watching runs a test with ada's session, which the first manager watches from now on. The
// second manager is that of another process.
func watching(t *testing.T, cfg session.Config, test func(*watchRig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &watchRig{t: t, calls: &callCounter{}, events: &eventLog{}}
		r.store = r.calls.wrap(memstore.New(memstore.Config{}))
		cfg.PruneEvery, cfg.OnEvent, cfg.Logger = -1, r.events.add, quiet
		r.m, r.other = managerOn(t, r.store, cfg), managerOn(t, r.store, cfg)
		r.token = r.signIn(r.other, "ada")
		s := r.load(r.m, r.token)
		r.id = s.ID()
		r.watched, r.stopWatched = s.Watch(t.Context())
		synctest.Wait()
		r.goesOn()
		test(r)
		r.stopWatched()
		for _, m := range []*session.Manager{r.m, r.other} {
			if err := m.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

func managerOn(t *testing.T, store session.Store, cfg session.Config) *session.Manager {
	t.Helper()
	m, err := session.New(store, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (r *watchRig) load(m *session.Manager, token session.Token) *session.Session {
	r.t.Helper()
	s, err := m.Load(context.Background(), token)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// do changes a session, and returns its token.
func (r *watchRig) do(m *session.Manager, token session.Token, change func(*session.Session)) session.Token {
	r.t.Helper()
	s := r.load(m, token)
	change(s)
	c, err := m.Commit(context.Background(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	if c == nil {
		return token
	}
	return session.Token(c.Value)
}

func (r *watchRig) signIn(m *session.Manager, owner string) session.Token {
	return r.do(m, "", func(s *session.Session) { s.Login(owner) })
}

// goesOn checks that the watch has not ended.
func (r *watchRig) goesOn() {
	r.t.Helper()
	synctest.Wait()
	if err := r.watched.Err(); err != nil {
		r.t.Errorf("the watch has ended: %v", context.Cause(r.watched))
	}
}

// endsWithin checks that the watch ends for a cause within a time.
func (r *watchRig) endsWithin(d time.Duration, want error) {
	r.t.Helper()
	synctest.Wait()
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-r.watched.Done():
		case <-timer.C:
		}
	}
	checkCause(r.watched, r.t, want)
}

var causes = []error{session.ErrExpired, session.ErrReplaced, session.ErrClosed, context.Canceled}

// checkCause checks why a context has ended. ErrEnded means that it alone has to match.
func checkCause(ctx context.Context, t *testing.T, want error) {
	t.Helper()
	got := context.Cause(ctx)
	if !errors.Is(got, want) {
		t.Errorf("the cause is %v, want %v", got, want)
	}
	for _, other := range causes {
		if other != want && errors.Is(got, other) {
			t.Errorf("the cause %v matches %v, too", got, other)
		}
	}
	if ended := want == session.ErrExpired || want == session.ErrReplaced; ended && !errors.Is(got, session.ErrEnded) {
		t.Errorf("the cause %v does not match ErrEnded", got)
	}
}

// ends are the ways to end a watch of ada's session, and its cause.
var ends = []struct {
	name  string
	cause error
	cfg   session.Config
	do    func(*watchRig, *session.Manager)
}{
	{name: "logout", cause: session.ErrEnded, do: func(r *watchRig, m *session.Manager) {
		r.do(m, r.token, (*session.Session).Invalidate)
	}},
	{name: "logout and a new session", cause: session.ErrEnded, do: func(r *watchRig, m *session.Manager) {
		r.do(m, r.token, func(s *session.Session) {
			s.Invalidate()
			s.Set("k", 1)
		})
	}},
	{name: "Revoke", cause: session.ErrEnded, do: func(r *watchRig, m *session.Manager) {
		if err := m.Revoke(context.Background(), r.id); err != nil {
			r.t.Error(err)
		}
	}},
	{name: "RevokeOwner", cause: session.ErrEnded, do: func(r *watchRig, m *session.Manager) {
		if n, err := m.RevokeOwner(context.Background(), "ada"); n != 1 || err != nil {
			r.t.Error(n, err)
		}
	}},
	{name: "MaxPerOwner", cause: session.ErrEnded, cfg: session.Config{MaxPerOwner: 1}, do: func(r *watchRig, m *session.Manager) {
		time.Sleep(time.Millisecond)
		r.signIn(m, "ada")
	}},
	{name: "another owner", cause: session.ErrEnded, do: func(r *watchRig, m *session.Manager) {
		r.do(m, r.token, func(s *session.Session) { s.Login("ben") })
	}},
	{name: "another owner who keeps the data", cause: session.ErrReplaced, do: func(r *watchRig, m *session.Manager) {
		r.do(m, r.token, func(s *session.Session) { s.Login("ben", session.KeepingData()) })
	}},
	{name: "the same owner again", cause: session.ErrReplaced, do: func(r *watchRig, m *session.Manager) {
		r.do(m, r.token, func(s *session.Session) { s.Login("ada") })
	}},
	{name: "Regenerate", cause: session.ErrReplaced, do: func(r *watchRig, m *session.Manager) {
		r.do(m, r.token, (*session.Session).Regenerate)
	}},
	{name: "a login under a condition that is not true", cause: session.ErrReplaced, do: func(r *watchRig, m *session.Manager) {
		s := r.load(m, r.token)
		s.Login("ada", session.OnlyIf(func(context.Context) (bool, error) { return false, nil }))
		if _, err := m.Commit(context.Background(), s); !errors.Is(err, session.ErrEnded) {
			r.t.Error(err)
		}
	}},
}

// What ends a session in this process ends its watch at once.
func TestWatchInOneProcess(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			end.cfg.WatchEvery = -1
			watching(t, end.cfg, func(r *watchRig) {
				end.do(r, r.m)
				r.endsWithin(0, end.cause)
			})
		})
	}
}

// What ends a session in another process ends its watch within WatchEvery.
func TestWatchAcrossProcesses(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			end.cfg.WatchEvery = 3 * time.Second
			watching(t, end.cfg, func(r *watchRig) {
				end.do(r, r.other)
				cause := end.cause
				if end.name == "a login under a condition that is not true" {
					cause = session.ErrEnded // the poll comes after both
				}
				r.endsWithin(end.cfg.WatchEvery, cause)
			})
		})
	}
}

// With a store that passes on what happens, other processes tell at once.
func TestWatchBroadcast(t *testing.T) {
	for _, end := range ends {
		t.Run(end.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newCastingStore()
				cfg := end.cfg
				cfg.PruneEvery, cfg.WatchEvery, cfg.Logger = -1, time.Hour, quiet
				r := &watchRig{t: t, m: managerOn(t, store, cfg), other: managerOn(t, store, cfg)}
				r.token = r.signIn(r.other, "ada")
				s := r.load(r.m, r.token)
				r.id = s.ID()
				var cancel context.CancelFunc
				r.watched, cancel = s.Watch(t.Context())
				defer cancel()
				r.goesOn()
				began := time.Now()
				end.do(r, r.other)
				cause := end.cause
				if end.name == "a login under a condition that is not true" {
					cause = session.ErrEnded
				}
				r.endsWithin(0, cause)
				if took := time.Since(began); took > time.Millisecond {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// A token that was replaced longer ago ends the session, if that is wanted.
func TestWatchTokenReuse(t *testing.T) {
	watching(t, session.Config{RevokeOnReuse: true, WatchEvery: -1}, func(r *watchRig) {
		next := r.do(r.m, r.token, (*session.Session).Regenerate)
		r.endsWithin(0, session.ErrReplaced)
		var cancel context.CancelFunc
		r.watched, cancel = r.load(r.m, next).Watch(r.t.Context())
		defer cancel()
		time.Sleep(time.Minute)
		r.goesOn()
		r.load(r.m, r.token)
		r.endsWithin(0, session.ErrEnded)
	})
}

// Expiry ends a watch at the instant at which the session ends. What other processes do
// extends it.
func TestWatchExpires(t *testing.T) {
	for _, every := range []time.Duration{-1, 5 * time.Second, 24 * time.Hour} {
		watching(t, session.Config{IdleTimeout: time.Hour, WatchEvery: every}, func(r *watchRig) {
			time.Sleep(30 * time.Minute)
			r.do(r.other, r.token, func(*session.Session) {})
			time.Sleep(time.Hour - 1)
			r.goesOn()
			time.Sleep(time.Nanosecond)
			r.endsWithin(0, session.ErrExpired)
		})
	}
}

// A watch is no activity, and neither is a request that ignores it.
func TestWatchIsNoActivity(t *testing.T) {
	watching(t, session.Config{IdleTimeout: time.Hour}, func(r *watchRig) {
		time.Sleep(30 * time.Minute)
		r.do(r.m, r.token, func(s *session.Session) {
			s.IgnoreActivity()
			s.Set("seen", true)
		})
		time.Sleep(30*time.Minute - 1)
		r.goesOn()
		time.Sleep(time.Nanosecond)
		r.endsWithin(0, session.ErrExpired)
	})
}

// Another request gives the session a shorter timeout.
func TestWatchShorterTimeout(t *testing.T) {
	watching(t, session.Config{WatchEvery: 10 * time.Second}, func(r *watchRig) {
		r.do(r.other, r.token, func(s *session.Session) { s.SetTimeouts(time.Minute, time.Hour) })
		time.Sleep(time.Minute - 1)
		r.goesOn()
		time.Sleep(time.Nanosecond)
		r.endsWithin(0, session.ErrExpired)
	})
}

// The manager's clock decides, even if it does not go as time passes.
func TestWatchFakeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := sessiontest.NewClock(time.Now())
		m := managerOn(t, memstore.New(memstore.Config{}), session.Config{
			PruneEvery: -1, Now: clock.Now, IdleTimeout: time.Hour, WatchEvery: 5 * time.Second, Logger: quiet,
		})
		r := &watchRig{t: t, m: m}
		var cancel context.CancelFunc
		r.watched, cancel = r.load(m, r.signIn(m, "ada")).Watch(t.Context())
		defer cancel()
		clock.Advance(time.Hour - 1)
		time.Sleep(time.Minute)
		r.goesOn()
		clock.Advance(1)
		r.endsWithin(5*time.Second, session.ErrExpired)
	})
}

// A session whose token is rotated periodically goes on, whoever rotates it. A login is
// noticed after any number of rotations.
func TestWatchPeriodicRotation(t *testing.T) {
	cfg := session.Config{IdleTimeout: 10 * time.Hour, RotateEvery: 10 * time.Minute}
	for _, own := range []bool{true, false} {
		watching(t, cfg, func(r *watchRig) {
			m, token := r.m, r.token
			if !own {
				m = r.other
			}
			for range 20 {
				time.Sleep(11 * time.Minute)
				next := r.do(m, token, func(s *session.Session) { s.Set("k", 1) })
				if next == token {
					r.t.Fatal("the token was not rotated")
				}
				token = next
				r.goesOn()
			}
			time.Sleep(time.Minute)
			r.goesOn()
			r.do(m, token, func(s *session.Session) { s.Login("ada") })
			r.endsWithin(5*time.Second, session.ErrReplaced)
		})
	}
}

// A record that does not decode is a session that has ended.
func TestWatchCorruptRecord(t *testing.T) {
	watching(t, session.Config{}, func(r *watchRig) {
		rec, err := r.store.Load(r.t.Context(), r.id)
		if err != nil {
			r.t.Fatal(err)
		}
		rec.Data = []byte("damaged")
		if err := r.store.Update(r.t.Context(), rec); err != nil {
			r.t.Fatal(err)
		}
		r.endsWithin(5*time.Second, session.ErrEnded)
		if n := r.events.count(session.EventCorrupt); n != 1 {
			r.t.Errorf("%d events %s, want 1", n, session.EventCorrupt)
		}
	})
}

// The end of the context above and that of the manager end a watch, too.
func TestWatchOtherEnds(t *testing.T) {
	watching(t, session.Config{}, func(r *watchRig) {
		if err := r.m.Close(r.t.Context()); err != nil {
			r.t.Error(err)
		}
		r.endsWithin(0, session.ErrClosed)
		var cancel context.CancelFunc
		r.watched, cancel = r.load(r.other, r.token).Watch(r.t.Context())
		r.goesOn()
		cancel()
		r.endsWithin(0, context.Canceled)

		above, end := context.WithCancelCause(r.t.Context())
		r.watched, cancel = r.load(r.other, r.token).Watch(above)
		defer cancel()
		r.goesOn()
		cause := errors.New("above")
		end(cause)
		r.endsWithin(0, cause)
	})
}
