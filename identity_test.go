package session_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// tokenOf commits, and returns the client's new token.
func tokenOf(t *testing.T, m *session.Manager, s *session.Session) session.Token {
	t.Helper()
	c := commitOf(t, m, s)
	if c == nil || c.MaxAge < 0 {
		t.Fatalf("the commit sends no token: %v", c)
	}
	return session.Token(c.Value)
}

// sessionsOf counts the sessions of an owner.
func sessionsOf(t *testing.T, m *session.Manager, owner string) (n int) {
	t.Helper()
	for _, err := range m.List(t.Context(), owner) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// TestLawL6ReuseOfAReplacedToken: a token that turns up long after its replacement is
// reported, and ends the session only if that is wanted.
func TestLawL6ReuseOfAReplacedToken(t *testing.T) {
	type rotation = func(t *testing.T, m *session.Manager, token session.Token) session.Token
	visit := func(t *testing.T, m *session.Manager, token session.Token) session.Token {
		s := load(t, m, token)
		s.Set("n", 1)
		return tokenOf(t, m, s)
	}
	regenerate := func(t *testing.T, m *session.Manager, token session.Token) session.Token {
		s := load(t, m, token)
		s.Regenerate()
		return tokenOf(t, m, s)
	}
	for name, c := range map[string]struct {
		rotate    rotation
		rotations int
		reported  bool
	}{
		"periodic":                   {visit, 1, true},
		"a change of privilege":      {regenerate, 1, true},
		"several rotations ago":      {visit, 10, true},
		"more rotations than stored": {visit, 40, false},
	} {
		for _, revoke := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, revoke %t", name, revoke), func(t *testing.T) {
				var kinds []session.EventKind
				m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{
					RotateEvery: 10 * time.Minute, RevokeOnReuse: revoke,
					OnEvent: func(_ context.Context, e session.Event) { kinds = append(kinds, e.Kind) },
				})
				old := stored(t, m, func(s *session.Session) { s.Login("ada") })
				token := old
				for range c.rotations {
					advance(11 * time.Minute)
					token = c.rotate(t, m, token)
				}
				advance(29 * time.Second)
				load(t, m, old)
				if slices.Contains(kinds, session.EventTokenReuse) != (c.rotations > 1 && c.reported) {
					t.Errorf("within the grace of the last rotation: events %v", kinds)
				}
				if revoke && c.rotations > 1 {
					return
				}
				advance(time.Second)
				kinds = nil
				if s := load(t, m, old); !s.IsNew() {
					t.Error("the old token works")
				}
				if got := slices.Contains(kinds, session.EventTokenReuse); got != c.reported {
					t.Errorf("events %v; want the reuse reported: %t", kinds, c.reported)
				}
				if alive := load(t, m, token).Owner() == "ada"; alive == (revoke && c.reported) {
					t.Errorf("the session is alive: %t", alive)
				}
			})
		}
	}
}

// TestOnlyIfEveryCondition: a condition is not lost beside another one, whether both belong to
// one call of Login or to two of one request.
func TestOnlyIfEveryCondition(t *testing.T) {
	is := func(ok bool) session.LoginOption {
		return session.OnlyIf(func(context.Context) (bool, error) { return ok, nil })
	}
	for name, login := range map[string]func(s *session.Session, first, second bool){
		"one call":  func(s *session.Session, first, second bool) { s.Login("ada", is(first), is(second)) },
		"two calls": func(s *session.Session, first, second bool) { s.Login("ada", is(first)); s.Login("ada", is(second)) },
		"the second without": func(s *session.Session, first, second bool) {
			s.Login("ada", is(first && second))
			s.Login("ada")
		},
	} {
		for _, c := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
			m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
			s := load(t, m, "")
			login(s, c[0], c[1])
			_, err := m.Commit(t.Context(), s)
			if signedIn := err == nil; signedIn != (c[0] && c[1]) {
				t.Errorf("%s, conditions %v: commit: %v", name, c, err)
			}
		}
	}
}

// TestLawL6ReuseOfAnotherOwnersToken: a token from before the login never gave access to the
// owner's session. Whoever planted it can neither raise the alarm nor end the session.
func TestLawL6ReuseOfAnotherOwnersToken(t *testing.T) {
	var kinds []session.EventKind
	m, advance := lawManager(t, memstore.New(memstore.Config{}), session.Config{
		RotateEvery: 10 * time.Minute, RevokeOnReuse: true,
		OnEvent: func(_ context.Context, e session.Event) { kinds = append(kinds, e.Kind) },
	})
	planted := []session.Token{stored(t, m, func(s *session.Session) { s.Set("a", 1) })}
	advance(11 * time.Minute)
	s := load(t, m, planted[0])
	s.Set("a", 2)
	planted = append(planted, tokenOf(t, m, s)) // a periodic rotation
	s = load(t, m, planted[1])
	s.Login("ada")
	token := tokenOf(t, m, s)
	for range 3 {
		advance(11 * time.Minute)
		kinds = nil
		for _, p := range planted {
			load(t, m, p)
		}
		if slices.Contains(kinds, session.EventTokenReuse) {
			t.Errorf("events %v", kinds)
		}
		s = load(t, m, token)
		if s.Owner() != "ada" {
			t.Fatal("the session has ended")
		}
		s.Set("b", 1)
		token = tokenOf(t, m, s)
	}
}

// TestLawL7RevokeOwnerEndsWhatItSaw: a session that is another owner's by the time RevokeOwner
// gets to it stays, however it changed hands.
func TestLawL7RevokeOwnerEndsWhatItSaw(t *testing.T) {
	stores := map[string]session.Store{"one by one": ownerSpy{newSpyStore()}, "many at once": memstore.New(memstore.Config{})}
	options := map[string][]session.LoginOption{"a new session": nil, "the same session": {session.KeepingData()}}
	for store, inner := range stores {
		for name, option := range options {
			t.Run(store+", "+name, func(t *testing.T) {
				var meanwhile func() // bob signs in, just before the session ends
				g := newRigOn(t, sessiontest.Wrap(inner, func(_ context.Context, c sessiontest.Call, next func() error) error {
					if f := meanwhile; f != nil && c.Op != "list-owner" && c.Op != "load" {
						meanwhile = nil
						f()
					}
					return next()
				}))
				b := newBrowser()
				g.visit(b, login)
				meanwhile = func() {
					g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
						s.Login("bob", option...)
					}).expect(t, http.StatusOK, 1)
				}
				n, err := g.RevokeOwner(t.Context(), "ada")
				if err != nil || n != 0 && name == "the same session" {
					t.Errorf("RevokeOwner = %d, %v", n, err)
				}
				if meanwhile != nil {
					t.Fatal("nothing was written")
				}
				if owner := load(t, g.Manager, session.Token(g.token(b))).Owner(); owner != "bob" {
					t.Errorf("the session belongs to %q", owner)
				}
				equal(t, "sessions of ada", sessionsOf(t, g.Manager, "ada"), 0)
			})
		}
	}
}

// TestLawL7RevokeOwnerUnderLoad: a session that is written to all the time ends all the same.
func TestLawL7RevokeOwnerUnderLoad(t *testing.T) {
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
	token := stored(t, m, func(s *session.Session) { s.Login("ada") })
	var writers sync.WaitGroup
	var stop atomic.Bool
	for range 4 {
		writers.Go(func() {
			for !stop.Load() {
				s, err := m.Load(t.Context(), token)
				if err != nil || s.IsNew() {
					return
				}
				s.Set("n", 1)
				_, _ = m.Commit(t.Context(), s) // fails once the session has ended
			}
		})
	}
	n, err := m.RevokeOwner(t.Context(), "ada")
	stop.Store(true)
	writers.Wait()
	if n != 1 || err != nil || !load(t, m, token).IsNew() {
		t.Errorf("RevokeOwner = %d, %v; the session is there: %t", n, err, !load(t, m, token).IsNew())
	}
}

// A userTable is where an application keeps passwords.
type userTable struct {
	mu       sync.Mutex
	password string
}

func (u *userTable) get() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.password
}

func (u *userTable) set(p string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.password = p
}

// TestAttackS7PasswordChange: a thief who signs in with the old password in a loop is out
// after the password has changed and RevokeOwner has run, in whatever order things happen.
func TestAttackS7PasswordChange(t *testing.T) {
	for run := range 20 {
		store := memstore.New(memstore.Config{})
		users := &userTable{password: "old"}
		m, err := session.New(store, session.Config{PruneEvery: -1, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		signIn := m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			checked := users.get()
			if r.FormValue("password") != checked {
				http.Error(w, "wrong password", http.StatusForbidden)
				return
			}
			s.Login("ada", session.OnlyIf(func(context.Context) (bool, error) { return users.get() == checked, nil }))
		})
		var thieves sync.WaitGroup
		var tries atomic.Int64
		begun := make(chan struct{})
		for range 4 {
			thieves.Go(func() {
				for {
					w := httptest.NewRecorder()
					signIn(w, httptest.NewRequest("POST", "/?password=old", nil))
					if tries.Add(1) == int64(20+run) {
						close(begun)
					}
					if w.Code == http.StatusForbidden {
						return
					}
				}
			})
		}
		<-begun
		users.set("new")
		if _, err := m.RevokeOwner(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		thieves.Wait()
		if n := sessionsOf(t, m, "ada"); n != 0 {
			t.Errorf("run %d: %d sessions of the thief are left", run, n)
		}
		if n := store.Len(); n != 0 {
			t.Errorf("run %d: %d records are left", run, n)
		}
	}
}

// A timedStore fails once the time of its context is over.
type timedStore struct{ *spyStore }

func (p timedStore) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, err
	}
	return p.spyStore.Load(ctx, id)
}

// TestAttackS7SlowCondition: a condition that uses up the time of the commit leaves no session
// behind, and another commit does not pass for a login.
func TestAttackS7SlowCondition(t *testing.T) {
	spy := newSpyStore()
	g := newRigOn(t, timedStore{spy}, func(c *session.Config) { c.StoreTimeout = 20 * time.Millisecond })
	s := load(t, g.Manager, "")
	s.Login("ada", session.OnlyIf(func(ctx context.Context) (bool, error) {
		<-ctx.Done()
		return false, ctx.Err()
	}))
	for range 2 {
		c, err := g.Commit(t.Context(), s)
		if c != nil || !errors.As(err, new(*session.StoreError)) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Commit = %v, %v; want a *StoreError", c, err)
		}
	}
	equal(t, "records", len(spy.all()), 0)
	s.Rollback()
	s.Login("ada")
	if c, err := g.Commit(t.Context(), s); c == nil || err != nil {
		t.Errorf("Commit after Rollback = %v, %v", c, err)
	}
}

// TestAttackS7TheOrder: the password changes between the check and the commit, and
// RevokeOwner has looked before the commit. That is the case that no revocation can see.
func TestAttackS7TheOrder(t *testing.T) {
	tests := map[string]struct {
		holds  func(*userTable) (bool, error)
		code   int
		events string
		owner  string
	}{
		"it holds":          {func(*userTable) (bool, error) { return true, nil }, http.StatusOK, "rotated", "ada"},
		"it does not":       {func(u *userTable) (bool, error) { return u.get() == "old", nil }, http.StatusConflict, "rotated revoked dropped", ""},
		"it is not known":   {func(*userTable) (bool, error) { return true, io.ErrUnexpectedEOF }, http.StatusServiceUnavailable, "rotated revoked failed", ""},
		"the check is lost": {func(*userTable) (bool, error) { panic("the database driver") }, http.StatusInternalServerError, "rotated revoked failed", ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "cart")
			before := g.token(b)
			users := &userTable{password: "old"}
			var s *session.Session
			h := func(_ http.ResponseWriter, _ *http.Request, mine *session.Session) {
				s = mine
				s.Login("ada", session.OnlyIf(func(context.Context) (bool, error) {
					equal(t, "the owner that the condition sees", s.Owner(), "ada")
					return c.holds(users)
				}))
				users.set("new")
				if n, err := g.RevokeOwner(t.Context(), "ada"); n != 0 || err != nil {
					t.Errorf("RevokeOwner = %d, %v", n, err)
				}
			}
			var rep reply
			func() {
				defer func() {
					if v := recover(); (v != nil) != strings.HasSuffix(name, "lost") {
						t.Errorf("panic %v", v)
					}
				}()
				rep = g.visit(b, h)
			}()
			g.mu.Lock()
			for _, e := range g.events {
				if e.Kind == session.EventRevoked && (e.Owner != "ada" || e.Err == nil) {
					t.Errorf("event %+v, want the owner and the reason", e)
				}
			}
			g.mu.Unlock()
			equal(t, "events", g.kinds(), c.events)
			if rep.ResponseRecorder != nil {
				equal(t, "status", rep.Code, c.code)
			}
			after := load(t, g.Manager, session.Token(g.token(b)))
			equal(t, "owner", after.Owner(), c.owner)
			if c.owner == "" {
				equal(t, "records", len(g.spy.all()), 0)
				equal(t, "the token is the old one", g.token(b), before)
				equal(t, "what the request sees", s.Owner(), "")
			}
		})
	}
}

// TestAttackS9Times: whoever moves the times of a stored session ahead gains no more than the
// hour by which clocks may differ.
func TestAttackS9Times(t *testing.T) {
	far := 10 * 365 * 24 * time.Hour
	for name, forge := range map[string]func(r *session.Record){
		"activity": func(r *session.Record) {
			r.LastActivity, r.ExpiresAt = r.LastActivity.Add(far), r.ExpiresAt.Add(far)
		},
		"creation": func(r *session.Record) {
			r.CreatedAt, r.LastActivity, r.ExpiresAt = r.CreatedAt.Add(far), r.LastActivity.Add(far), r.ExpiresAt.Add(far)
		},
		"creation alone": func(r *session.Record) { r.CreatedAt = r.CreatedAt.Add(far) },
		"login":          func(r *session.Record) { forgeField(t, r, 4, time.Now().Add(far).UnixNano()) },
		"rotation":       func(r *session.Record) { forgeField(t, r, 3, time.Now().Add(far).UnixNano()) },
		"expiry alone":   func(r *session.Record) { r.ExpiresAt = r.ExpiresAt.Add(far) },
		"own limits":     func(r *session.Record) { forgeField(t, r, 5, int64(far), int64(far)) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login("ada")
				s.SetTimeouts(time.Hour, 24*time.Hour)
			})
			r := g.spy.all()[0]
			forge(&r)
			g.spy.put(r)
			limit, step := 26*time.Hour, 10*time.Minute
			if name == "own limits" {
				limit, step = 401*24*time.Hour, 24*time.Hour
			}
			for lived := time.Duration(0); g.visit(b, read).Code == http.StatusOK && load(t, g.Manager, session.Token(g.token(b))).Owner() != ""; lived += step {
				if g.clock.Advance(step); lived > limit {
					t.Fatalf("alive after %v", lived)
				}
			}
			if n := sessionsOf(t, g.Manager, "ada"); n != 0 {
				t.Errorf("%d sessions are listed", n)
			}
		})
	}
}

// forgeField replaces the numbers of a field of the envelope, which this record must have.
func forgeField(t *testing.T, r *session.Record, tag byte, values ...int64) {
	t.Helper()
	const head = 6
	b := bytes.Clone(r.Data)
	for at := head; b[at] != 0; {
		n, w := binary.Uvarint(b[at+1:])
		field := b[at+1+w:][:n]
		if b[at] == tag {
			for i, v := range values {
				binary.BigEndian.PutUint64(field[8*i:], uint64(v))
			}
			binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[head:], crc32.MakeTable(crc32.Castagnoli)))
			r.Data = b
			return
		}
		at += 1 + w + int(n)
	}
	t.Fatalf("no field %d", tag)
}

// TestAttackS9TimesOfOtherClocks: an hour's difference between the clocks of two processes
// harms nobody.
func TestAttackS9TimesOfOtherClocks(t *testing.T) {
	g := newRig(t)
	behind := newRigOn(t, g.spy)
	behind.clock.Advance(-session.PruneSlack)
	b := newBrowser()
	g.visit(b, login)
	equal(t, "owner", load(t, behind.Manager, session.Token(g.token(b))).Owner(), "ada")
}

// TestField06LoginAlwaysSignsIn: valid credentials sign in, whatever has become of the session
// that the request came with. The new session has nothing of the old one.
func TestField06LoginAlwaysSignsIn(t *testing.T) {
	does := func(f func(s *session.Session)) func(*rig, *browser) {
		return func(g *rig, b *browser) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { f(s) })
		}
	}
	for name, c := range map[string]struct {
		meanwhile func(g *rig, first *browser)
		lives     bool // the first session goes on
	}{
		"a lost answer": {does(func(s *session.Session) { s.Login("ada") }), true},
		"another owner": {does(func(s *session.Session) { s.Login("bob") }), true},
		"regenerated":   {does(func(s *session.Session) { s.Regenerate() }), true},
		"logged out":    {does(func(s *session.Session) { s.Invalidate() }), false},
		"revoked": {func(g *rig, _ *browser) {
			if err := g.Revoke(t.Context(), g.spy.all()[0].ID); err != nil {
				t.Error(err)
			}
		}, false},
		"expired": {func(g *rig, _ *browser) { g.clock.Advance(3 * time.Hour) }, false},
	} {
		for _, overlapping := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, overlapping %t", name, overlapping), func(t *testing.T) {
				g := newRig(t)
				first := g.signedUp(t, "mine")
				late := g.submitting(g.token(first))
				if !overlapping {
					c.meanwhile(g, first)
				}
				g.visit(late, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					if overlapping {
						c.meanwhile(g, first)
					}
					g.kinds()
					s.Set("before", 1)
					s.Login("ada")
					equal(t, "WillRotate", s.WillRotate(), true)
					s.Set("after", 1)
				}).expect(t, http.StatusOK, 1)
				equal(t, "events", g.kinds(), "created")
				s := load(t, g.Manager, session.Token(g.token(late)))
				equal(t, "owner", s.Owner(), "ada")
				equal(t, "data", fmt.Sprint(s.All()), "map[after:1 before:1]")
				mine := load(t, g.Manager, session.Token(g.token(first)))
				equal(t, "the first session is there", session.Get(mine, "data", "") == "mine", c.lives)
				if mine.ID() == s.ID() {
					t.Error("both have one ID")
				}
			})
		}
	}
}

// TestField06OneTimeValues: a login that has used up a value of the session which has ended
// meanwhile cannot know that nobody else did.
func TestField06OneTimeValues(t *testing.T) {
	m, _ := lawManager(t, memstore.New(memstore.Config{}), session.Config{})
	token := stored(t, m, func(s *session.Session) { s.Set("state", "x") })
	var callbacks []*session.Session
	for range 2 {
		s := load(t, m, token)
		if session.PopOnce(s, "state", "") != "x" {
			t.Fatal("no state")
		}
		s.Login("ada")
		callbacks = append(callbacks, s)
	}
	tokenOf(t, m, callbacks[0])
	if c, err := m.Commit(t.Context(), callbacks[1]); c != nil || !errors.Is(err, session.ErrConflict) {
		t.Errorf("the second callback: cookie %t, error %v; want a conflict", c != nil, err)
	}
}

// TestField06GuardOfALatePage: a GET with a replaced token is answered as usual. What it has
// stored is dropped, and an event tells. Other methods are refused.
func TestField06GuardOfALatePage(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "mine")
	old := g.token(b)
	g.visit(b, login)
	guard := g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("intended", "/account")
		s.Flash("status", "Sign in first.")
		equal(t, "intended", session.Get(s, "intended", ""), "/account")
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		equal(t, "intended, when the response has begun", session.Get(s, "intended", ""), "/account")
	})
	for method, code := range map[string]int{"GET": http.StatusSeeOther, "HEAD": http.StatusSeeOther, "POST": http.StatusConflict} {
		g.kinds()
		w := httptest.NewRecorder()
		guard(w, g.with(old).request(method))
		if w.Code != code || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: status %d, header %v; want %d and no cookie", method, w.Code, w.Header(), code)
		}
		equal(t, method+": events", g.kinds(), "replaced dropped")
	}
	equal(t, "data", fmt.Sprint(g.data(t, g.token(b))), "map[data:mine]")
	equal(t, "records", len(g.spy.all()), 1)
}

// TestField16ManySessions: a revocation ends every session of a long list, a few at a time,
// and a login above the limit ends no more than a bounded number.
func TestField16ManySessions(t *testing.T) {
	const many = 1000
	spy := newSpyStore()
	free, _ := lawManager(t, ownerSpy{spy}, session.Config{})
	signUp := func(m *session.Manager) { stored(t, m, func(s *session.Session) { s.Login("ada") }) }
	for range many {
		signUp(free)
	}
	limited, advance := lawManager(t, ownerSpy{spy}, session.Config{MaxPerOwner: 10})
	advance(time.Minute)
	spy.taken()
	signUp(limited)
	if n := spy.count("update"); n != 100 {
		t.Errorf("the login has ended %d sessions", n)
	}
	for left := many + 1 - 100; left > 10; left = max(10, left-99) {
		if n := sessionsOf(t, free, "ada"); n != left {
			t.Fatalf("%d sessions, want %d", n, left)
		}
		advance(time.Minute)
		signUp(limited)
	}
	if n := sessionsOf(t, free, "ada"); n != 10 {
		t.Errorf("%d sessions are left, want 10", n)
	}

	for range many {
		signUp(free)
	}
	var running, most atomic.Int32
	spy.hook(func(op string, _ session.ID) error {
		if op == "update" {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(100 * time.Microsecond)
		}
		return nil
	}, nil)
	n, err := free.RevokeOwner(t.Context(), "ada")
	if n != many+10 || err != nil || len(spy.all()) != 0 {
		t.Errorf("RevokeOwner = %d, %v; %d records are left", n, err, len(spy.all()))
	}
	if m := most.Load(); m < 2 || m > 8 {
		t.Errorf("%d sessions were ended at once", m)
	}
}

// TestField16Failure: a revocation that fails says so, and how many it has ended.
func TestField16Failure(t *testing.T) {
	for name, c := range map[string]struct {
		inner session.Store
		op    string
		ended int // before the store fails
	}{
		"one by one":         {ownerSpy{newSpyStore()}, "update", 100},
		"many at once":       {memstore.New(memstore.Config{}), "delete-owned", 0},
		"many, and answered": {memstore.New(memstore.Config{}), "answer", 200},
	} {
		t.Run(name, func(t *testing.T) {
			var events, calls atomic.Int32
			m, _ := lawManager(t, sessiontest.Wrap(c.inner, func(_ context.Context, call sessiontest.Call, next func() error) error {
				switch {
				case call.Op == c.op && calls.Add(1) > int32(c.ended):
					return io.ErrUnexpectedEOF
				case call.Op == "delete-owned" && c.op == "answer":
					_ = next()
					return io.ErrUnexpectedEOF
				}
				return next()
			}), session.Config{
				StoreTimeout: 50 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
				OnEvent: func(_ context.Context, e session.Event) {
					if e.Kind == session.EventRevoked {
						events.Add(1)
					}
				},
			})
			for range 200 {
				stored(t, m, func(s *session.Session) { s.Login("ada") })
			}
			n, err := m.RevokeOwner(t.Context(), "ada")
			if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, new(*session.StoreError)) || n != c.ended || int(events.Load()) != n {
				t.Errorf("RevokeOwner = %d, %v, and %d events; want %d", n, err, events.Load(), c.ended)
			}
			if left := sessionsOf(t, m, "ada"); left != 200-c.ended {
				t.Errorf("%d sessions are left", left)
			}
		})
	}
}

// TestField24Applications: two programs with one table, one cookie name and one set of user
// numbers have nothing to do with each other's sessions.
func TestField24Applications(t *testing.T) {
	store := memstore.New(memstore.Config{})
	shop, _ := lawManager(t, store, session.Config{Application: "shop", MaxPerOwner: 1})
	staff, advance := lawManager(t, store, session.Config{Application: "staff", MaxPerOwner: 1})
	nameless, _ := lawManager(t, store, session.Config{})
	seven := func(s *session.Session) { s.Login("7") }
	customer := stored(t, shop, seven)
	advance(time.Second)
	employee := stored(t, staff, seven) // ends no session of the customer
	anybody := stored(t, nameless, seven)
	managers := []*session.Manager{shop, staff, nameless}
	for i, token := range []session.Token{customer, employee, anybody} {
		for j, m := range managers {
			if found := !load(t, m, token).IsNew(); found != (i == j) {
				t.Errorf("token %d at manager %d: found %t", i, j, found)
			}
		}
	}
	id := load(t, shop, customer).ID()
	if _, err := staff.Info(t.Context(), id); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Info of the other's session: %v", err)
	}
	if info, err := shop.Info(t.Context(), id); err != nil || info.Owner != "7" {
		t.Errorf("Info = %v, %v", info, err)
	}
	for _, m := range managers {
		if n := sessionsOf(t, m, "7"); n != 1 {
			t.Errorf("List yields %d sessions, want 1", n)
		}
		n := 0
		for range m.ListAll(t.Context()) {
			n++
		}
		if n != 1 {
			t.Errorf("ListAll yields %d sessions, want 1", n)
		}
	}
	if n, err := staff.RevokeOwner(t.Context(), "7"); n != 1 || err != nil {
		t.Errorf("RevokeOwner = %d, %v", n, err)
	}
	if load(t, shop, customer).Owner() != "7" || load(t, nameless, anybody).Owner() != "7" {
		t.Error("RevokeOwner has ended a session of another application")
	}
	s := load(t, shop, customer)
	s.Set("cart", 1)
	commitOf(t, shop, s)
	if sessionsOf(t, shop, "7") != 1 {
		t.Error("an update loses the application")
	}
	for _, name := range []string{strings.Repeat("x", 65), "\xff"} {
		if _, err := session.New(store, session.Config{Application: name}); !errors.As(err, new(*session.ConfigError)) {
			t.Errorf("New with application %q: %v", name, err)
		}
	}
}

// TestField29LogOutEverywhere: the obvious handler of the button works. The flash message and
// the redirect belong to a new session.
func TestField29LogOutEverywhere(t *testing.T) {
	for name, revoke := range map[string]func(g *rig, r *http.Request, s *session.Session) error{
		"RevokeOwner": func(g *rig, r *http.Request, s *session.Session) error {
			_, err := g.RevokeOwner(r.Context(), s.Owner())
			return err
		},
		"Revoke": func(g *rig, r *http.Request, s *session.Session) error { return g.Revoke(r.Context(), s.ID()) },
		"NewContext": func(g *rig, _ *http.Request, s *session.Session) error {
			return g.Revoke(session.NewContext(context.Background(), s), s.ID())
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b, other := newBrowser(), newBrowser()
			g.visit(b, login)
			g.visit(other, login)
			old := g.token(b)
			g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				s.Set("dropped", 1)
				if err := revoke(g, r, s); err != nil {
					session.Error(w, r, err)
					return
				}
				s.Flash("status", "You are signed out everywhere.")
				http.Redirect(w, r, "/login", http.StatusSeeOther)
			}).expect(t, http.StatusSeeOther, 1)
			s := load(t, g.Manager, session.Token(g.token(b)))
			equal(t, "data", fmt.Sprint(s.All()), "map[status:You are signed out everywhere.]")
			equal(t, "owner", s.Owner(), "")
			equal(t, "the old token", load(t, g.Manager, session.Token(old)).IsNew(), true)
			equal(t, "the other browser", load(t, g.Manager, session.Token(g.token(other))).IsNew(), name == "RevokeOwner")
		})
	}
}

// TestField29NothingWritten: without a message, the browser loses its cookie, and no session
// begins. What is kept goes on.
func TestField29NothingWritten(t *testing.T) {
	g := newRig(t)
	b, other := newBrowser(), newBrowser()
	g.visit(b, login)
	g.visit(other, login)
	g.visit(b, func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
		if n, err := g.RevokeOwner(r.Context(), "ada", s.ID()); n != 1 || err != nil {
			t.Errorf("RevokeOwner = %d, %v", n, err)
		}
		s.Set("kept", 1)
	}).expect(t, http.StatusOK, 0)
	equal(t, "data", fmt.Sprint(g.data(t, g.token(b))), "map[kept:1]")
	g.visit(b, func(_ http.ResponseWriter, r *http.Request, _ *session.Session) {
		if n, err := g.RevokeOwner(r.Context(), "ada"); n != 1 || err != nil {
			t.Errorf("RevokeOwner = %d, %v", n, err)
		}
	}).expect(t, http.StatusOK, 1)
	equal(t, "token", g.token(b), "")
	equal(t, "records", len(g.spy.all()), 0)
}
