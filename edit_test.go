package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func setRole(s *session.Session) error {
	s.Set("role", "editor")
	return nil
}

// TestEdit: an edit changes the data of a session, and nothing that its client would notice.
func TestEdit(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
	b := g.signedIn(t, "ann")
	before := g.spy.all()[0]
	g.clock.Advance(time.Hour) // a touch and a rotation are due
	if err := g.Edit(t.Context(), before.ID, func(s *session.Session) error {
		equal(t, "owner", s.Owner(), "ann")
		equal(t, "ID", s.ID(), before.ID)
		equal(t, "message", session.Get(s, "note", ""), "hello")
		equal(t, "new", s.IsNew(), false)
		equal(t, "rotates", s.WillRotate(), false)
		return setRole(s)
	}); err != nil {
		t.Fatal(err)
	}
	after := g.spy.all()[0]
	equal(t, "calls", g.spy.taken(), "load load update")
	equal(t, "events", g.kinds(), "")
	equal(t, "version", after.Version, before.Version+1)
	equal(t, "last activity", after.LastActivity, before.LastActivity)
	equal(t, "expiry", after.ExpiresAt, before.ExpiresAt)
	equal(t, "client", after.Client, before.Client)
	g.clock.Advance(-time.Hour)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "role", session.Get(s, "role", ""), "editor")
		equal(t, "message", session.Get(s, "note", ""), "hello")
	}).expect(t, http.StatusOK, 0)
	g.clock.Advance(2 * time.Hour)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "new after the idle timeout", s.IsNew(), true)
	})
}

// TestEditStoresNothing: an edit without changes, one that fails, and one that panics store
// nothing, and neither does what comes after its end.
func TestEditStoresNothing(t *testing.T) {
	g := newRig(t)
	g.signedIn(t, "ann")
	id := g.spy.all()[0].ID
	mine := errors.New("mine")
	var kept *session.Session
	tests := []struct {
		name string
		f    func(*session.Session) error
		want error
	}{
		{"no change", func(s *session.Session) error { session.Get(s, "data", ""); return nil }, nil},
		{"error", func(s *session.Session) error { s.Set("x", 1); return mine }, mine},
		{"error that looks like ours", func(s *session.Session) error { s.Set("x", 1); return session.ErrEnded }, session.ErrEnded},
		{"bad write", func(s *session.Session) error { s.Set("x", 1); s.Set("", 1); return nil }, session.ErrInvalidPath},
		{"rollback", func(s *session.Session) error { s.Set("x", 1); s.Rollback(); kept = s; return nil }, nil},
		{"Login", func(s *session.Session) error { s.Set("x", 1); s.Login("eve"); return nil }, session.ErrCommitted},
		{"Confirm", func(s *session.Session) error { s.Set("x", 1); s.Confirm(); return nil }, session.ErrCommitted},
		{"Regenerate", func(s *session.Session) error { s.Set("x", 1); s.Regenerate(); return nil }, session.ErrCommitted},
		{"SetTimeouts", func(s *session.Session) error { s.SetTimeouts(time.Hour, time.Hour); return nil }, session.ErrCommitted},
		{"SetPersistent", func(s *session.Session) error { s.SetPersistent(true); return nil }, session.ErrCommitted},
	}
	for _, tc := range tests {
		runs := 0
		err := g.Edit(t.Context(), id, func(s *session.Session) error { runs++; return tc.f(s) })
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
		equal(t, tc.name+": runs", runs, 1)
		equal(t, tc.name+": version", g.spy.all()[0].Version, 1)
	}
	func() {
		defer func() { recover() }()
		_ = g.Edit(t.Context(), id, func(s *session.Session) error { s.Set("x", 1); panic("mine") })
	}()
	kept.Set("x", 1)
	if _, err := g.Commit(t.Context(), kept); !errors.Is(err, session.ErrCommitted) {
		t.Errorf("a commit after the edit: %v", err)
	}
	equal(t, "version", g.spy.all()[0].Version, 1)
}

// TestEditFindsNothing: an edit never creates a session and never revives one.
func TestEditFindsNothing(t *testing.T) {
	g := newRig(t)
	g.signedIn(t, "ann")
	ids := map[string]session.ID{"unknown": {1}, "zero": {}}
	ids["revoked"] = g.spy.all()[0].ID
	g.Revoke(t.Context(), ids["revoked"])
	g.signedIn(t, "ann")
	ids["expired"] = g.spy.all()[0].ID
	g.clock.Advance(2 * time.Hour)
	other := newRigOn(t, g.spy, func(c *session.Config) { c.Application = "other" })
	other.clock.Advance(2 * time.Hour)
	other.signedIn(t, "ann")
	for _, r := range g.spy.all() {
		if r.ID != ids["expired"] {
			ids["of another application"] = r.ID
		}
	}
	before := fmt.Sprint(g.spy.all())
	for name, id := range ids {
		err := g.Edit(t.Context(), id, func(*session.Session) error { t.Errorf("%s: the function ran", name); return nil })
		if !errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := g.EditOwner(t.Context(), "ann", setRole); n != 0 || err != nil {
		t.Errorf("EditOwner = %d, %v", n, err)
	}
	equal(t, "records", fmt.Sprint(g.spy.all()), before)
	if _, err := g.EditOwner(t.Context(), "", setRole); err == nil {
		t.Error("EditOwner takes an empty owner")
	}
	g.Close(t.Context())
	if err := g.Edit(t.Context(), ids["zero"], setRole); !errors.Is(err, session.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := g.EditOwner(t.Context(), "ann", setRole); !errors.Is(err, session.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestEditMeetsARequest: what a request stores while the function of an edit runs is kept; what
// ends the session or replaces its token makes the edit start again, or fail.
func TestEditMeetsARequest(t *testing.T) {
	set := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("other", 1) }
	tests := []struct {
		name  string
		meets handler
		runs  int
		want  error
		owner string
	}{
		{"a write", set, 1, nil, "ann"},
		{"a touch", nil, 1, nil, "ann"},
		{"a confirmation", confirm, 2, nil, "ann"},
		{"a regeneration", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() }, 2, nil, "ann"},
		{"a login that keeps the data", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Login("bob", session.KeepingData())
		}, 2, nil, "bob"},
		{"a logout", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }, 1, session.ErrNotFound, ""},
		{"another login", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") }, 1, session.ErrNotFound, ""},
	}
	for _, tc := range tests {
		for _, sameManager := range []bool{true, false} {
			t.Run(fmt.Sprint(tc.name, sameManager), func(t *testing.T) {
				g := newRig(t)
				b := g.signedIn(t, "ann")
				id := g.spy.all()[0].ID
				m := g
				if !sameManager {
					m = newRigOn(t, g.spy)
				}
				runs := 0
				err := m.Edit(t.Context(), id, func(s *session.Session) error {
					if runs++; runs == 1 {
						if tc.meets == nil {
							g.clock.Advance(time.Hour)
							m.clock.Set(g.clock.Now())
							g.visit(b, read)
						} else {
							g.visit(b, tc.meets)
						}
					}
					s.Append("roles", "of "+s.Owner())
					return nil
				})
				if !errors.Is(err, tc.want) || runs != tc.runs {
					t.Fatalf("Edit = %v after %d runs, want %v after %d", err, runs, tc.want, tc.runs)
				}
				s := load(t, g.Manager, session.Token(g.token(b)))
				if tc.owner == "" {
					equal(t, "roles", s.Has("roles"), false)
					return
				}
				equal(t, "roles", fmt.Sprint(session.Get(s, "roles", []string{})), "[of "+tc.owner+"]")
				equal(t, "other", s.Has("other"), tc.name == "a write")
				if tc.meets == nil {
					equal(t, "expiry", s.ExpiresAt(), g.clock.Now().Add(2*time.Hour).UTC())
				}
			})
		}
	}
}

// TestEditGivesUp: an edit whose session gets a new token each time ends with an error.
func TestEditGivesUp(t *testing.T) {
	g := newRig(t)
	b := g.signedIn(t, "ann")
	runs := 0
	err := g.Edit(t.Context(), g.spy.all()[0].ID, func(s *session.Session) error {
		runs++
		g.visit(b, confirm)
		return setRole(s)
	})
	if !errors.Is(err, session.ErrEnded) || runs != 5 {
		t.Errorf("Edit = %v after %d runs", err, runs)
	}
}

// TestRequestMeetsAnEdit: a request that was loaded before an edit keeps its token and its
// write, on top of what the edit has stored. If the edit has ended the session, it is refused.
func TestRequestMeetsAnEdit(t *testing.T) {
	for _, ends := range []bool{false, true} {
		g := newRig(t)
		b := g.signedIn(t, "ann")
		id := g.spy.all()[0].ID
		b.method = "POST"
		rep := g.visit(b, func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
			if err := g.Edit(r.Context(), id, func(e *session.Session) error {
				if ends {
					e.Invalidate()
				}
				return setRole(e)
			}); (err != nil) != ends { // it cannot create another session
				t.Errorf("Edit = %v", err)
			}
			s.Set("mine", 1)
		})
		if ends {
			rep.expect(t, http.StatusConflict, 0)
			equal(t, "records", len(g.spy.all()), 0)
			continue
		}
		rep.expect(t, http.StatusOK, 0)
		d := g.data(t, g.token(b))
		equal(t, "data", fmt.Sprint(d["mine"], " ", d["role"]), "1 editor")
	}
}

// TestEditIsExact: of many edits and requests at once, each counts once.
func TestEditIsExact(t *testing.T) {
	g := newRigOn(t, memstore.New(memstore.Config{}))
	token := stored(t, g.Manager, func(s *session.Session) { s.Login("ann") })
	id := load(t, g.Manager, token).ID()
	count := func(s *session.Session) error {
		session.Update(s, "n", func(n int) int { return n + 1 })
		return nil
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := g.Edit(t.Context(), id, count); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			s, err := g.Load(t.Context(), token)
			if err == nil {
				_ = count(s)
				_, err = g.Commit(t.Context(), s)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "n", session.Get(load(t, g.Manager, token), "n", 0), 40)
}

// TestEditOwner edits the sessions that belong to the owner at that moment, and no others.
func TestEditOwner(t *testing.T) {
	g := newRig(t)
	for range 3 {
		g.signedIn(t, "ann")
	}
	bob := g.signedIn(t, "bob")
	ran := map[session.ID]bool{}
	n, err := g.EditOwner(t.Context(), "ann", func(s *session.Session) error {
		equal(t, "owner", s.Owner(), "ann")
		ran[s.ID()] = true
		return setRole(s)
	})
	if n != 3 || err != nil || len(ran) != 3 {
		t.Fatalf("EditOwner = %d, %v; %d runs", n, err, len(ran))
	}
	equal(t, "role of bob", g.data(t, g.token(bob))["role"] == nil, true)
	// One that becomes another owner's, and one that ends, are skipped.
	records := g.spy.all()
	var anns []session.ID
	for _, r := range records {
		if r.Owner == "ann" {
			anns = append(anns, r.ID)
		}
	}
	g.spy.hook(func(op string, id session.ID) error {
		if op == "load" && id == anns[0] {
			for _, r := range records {
				if r.ID == id {
					r.Owner, r.Version = "bob", 100
					g.spy.put(r)
				}
			}
		}
		return nil
	}, nil)
	g.spy.taken()
	var seen []session.ID
	n, err = g.EditOwner(t.Context(), "ann", func(s *session.Session) error {
		seen = append(seen, s.ID())
		if len(seen) == 1 {
			g.Revoke(t.Context(), s.ID())
		}
		return setRole(s)
	})
	if n != 1 || err != nil || len(seen) != 2 {
		t.Errorf("EditOwner = %d, %v; ran for %v", n, err, seen)
	}
	g.spy.hook(nil, nil)
	// An error of the function ends it, also one that looks like ours.
	g.signedIn(t, "ann")
	runs := 0
	n, err = g.EditOwner(t.Context(), "ann", func(*session.Session) error { runs++; return session.ErrEnded })
	if n != 0 || !errors.Is(err, session.ErrEnded) || runs != 1 {
		t.Errorf("EditOwner = %d, %v after %d runs", n, err, runs)
	}
}
