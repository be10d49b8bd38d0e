package session_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

func confirm(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Confirm() }

// signedIn returns a browser whose user has signed in, and clears the records.
func (g *rig) signedIn(t testing.TB, owner string) *browser {
	t.Helper()
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login(owner)
		s.Set("data", "kept")
		s.Flash("note", "hello")
	})
	g.kinds()
	g.spy.taken()
	return b
}

// TestConfirm: a confirmation replaces the token and the time of authentication, and nothing
// else.
func TestConfirm(t *testing.T) {
	g := newRig(t)
	b := g.signedIn(t, "ann")
	old, id := g.token(b), g.spy.all()[0].ID
	g.clock.Advance(time.Hour)
	b.method = "POST"
	b.header.Set("Sec-Fetch-Mode", "cors") // does not use up the message
	g.visit(b, confirm).expect(t, http.StatusOK, 1)
	equal(t, "calls", g.spy.taken(), "load update")
	equal(t, "events", g.kinds(), "rotated")
	equal(t, "another token", g.token(b) != old, true)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		equal(t, "owner", s.Owner(), "ann")
		equal(t, "ID", s.ID(), id)
		equal(t, "data", session.Get(s, "data", ""), "kept")
		equal(t, "message", session.Get(s, "note", ""), "hello")
		equal(t, "authenticated", s.AuthenticatedAt(), g.clock.Now().UTC())
		equal(t, "expires", s.ExpiresAt(), g.clock.Now().Add(2*time.Hour).UTC())
	})
	g.kinds()
	g.visit(g.submitting(old), write).expect(t, http.StatusConflict, 0)
	equal(t, "events of the old token", g.kinds(), "replaced dropped")
	g.visit(g.submitting(old), confirm).expect(t, http.StatusConflict, 0)
	g.clock.Advance(time.Minute)
	g.visit(g.submitting(old), confirm).expect(t, http.StatusUnauthorized, 0)
	equal(t, "records", len(g.spy.all()), 1)
	// The absolute timeout starts again.
	for range 23 {
		g.clock.Advance(time.Hour)
		g.visit(b, read)
	}
	g.clock.Advance(30 * time.Minute)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "ann") })
}

// TestConfirmWithoutALogin: an anonymous visitor cannot confirm, and gets no session from it.
func TestConfirmWithoutALogin(t *testing.T) {
	g := newRig(t)
	for _, b := range []*browser{newBrowser(), g.signedUp(t, "x")} {
		b.method = "POST"
		rep := g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			s.Set("more", 1)
			s.Confirm()
			if !errors.Is(s.Err(), session.ErrAnonymous) {
				t.Errorf("Err = %v", s.Err())
			}
		})
		rep.expect(t, http.StatusUnauthorized, 0)
		equal(t, "WWW-Authenticate", rep.Header().Get("WWW-Authenticate"), "Session")
	}
	for _, r := range g.spy.all() {
		equal(t, "version", r.Version, 1)
	}
	// In the request of the login, it adds nothing.
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ann"); s.Confirm() }).expect(t, http.StatusOK, 1)
	// After a logout, nobody is signed in.
	b.method = "POST"
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate(); s.Confirm() })
	for _, r := range g.spy.all() {
		equal(t, "owner", r.Owner, "")
	}
}

// TestConfirmDoesNotRevive: whatever ends the session or replaces its token while the request
// runs, a confirmation fails and stores nothing. A login would begin a new session.
func TestConfirmDoesNotRevive(t *testing.T) {
	for name, end := range map[string]func(g *rig, b *browser, id session.ID){
		"logout": func(g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() })
		},
		"revoke":       func(g *rig, _ *browser, id session.ID) { g.Revoke(t.Context(), id) },
		"revoke owner": func(g *rig, _ *browser, id session.ID) { g.RevokeOwner(t.Context(), "ann") },
		"expiry":       func(g *rig, _ *browser, _ session.ID) { g.clock.Advance(2 * time.Hour) },
		"another owner": func(g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") })
		},
		"another owner with the data": func(g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login("bob", session.KeepingData())
			})
		},
		"the same owner": func(g *rig, b *browser, _ session.ID) {
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ann") })
		},
		"another confirmation": func(g *rig, b *browser, _ session.ID) { g.visit(b, confirm) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t)
			b := g.signedIn(t, "ann")
			id := g.spy.all()[0].ID
			late := g.submitting(g.token(b))
			var before []session.Record
			rep := g.visit(late, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				end(g, b, id)
				before = g.spy.all()
				s.Set("late", true)
				s.Confirm()
			})
			rep.expect(t, http.StatusConflict, 0)
			after := g.spy.all()
			equal(t, "records", len(after), len(before))
			for i := range after {
				equal(t, "version", after[i].Version, before[i].Version)
			}
		})
	}
}

// TestConfirmIsReplayed: a write that another request has stored meanwhile is kept, and the
// confirmation is applied on top of it.
func TestConfirmIsReplayed(t *testing.T) {
	g := newRig(t)
	b := g.signedIn(t, "ann")
	token := g.token(b)
	b.method = "POST"
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		g.visit(g.submitting(token), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("other", 1) })
		g.clock.Advance(time.Minute)
		s.Set("mine", 2)
		s.Confirm()
	}).expect(t, http.StatusOK, 1)
	s := load(t, g.Manager, session.Token(g.token(b)))
	equal(t, "other", session.Get(s, "other", 0), 1)
	equal(t, "mine", session.Get(s, "mine", 0), 2)
	equal(t, "authenticated", s.AuthenticatedAt(), g.clock.Now().UTC())
}

// TestConfirmAgainAfterALostAnswer: a commit whose answer was lost is repeated with the same
// token. A confirmation that was added since needs another one.
func TestConfirmAgainAfterALostAnswer(t *testing.T) {
	g := newRig(t)
	g.signedIn(t, "ann")
	s := load(t, g.Manager, stored(t, g.Manager, func(s *session.Session) { s.Login("bob") }))
	lost := errors.New("lost")
	g.spy.hook(nil, func(op string, _ session.ID, err error) error {
		if op == "update" || op == "load" {
			return lost
		}
		return err
	})
	s.Regenerate()
	s.Set("x", 1)
	if _, err := g.Commit(t.Context(), s); !errors.Is(err, lost) {
		t.Fatal(err)
	}
	g.spy.hook(nil, nil)
	g.clock.Advance(time.Minute)
	s.Confirm()
	g.kinds()
	c, err := g.Commit(t.Context(), s)
	if err != nil || c == nil {
		t.Fatalf("Commit = %v, %v", c, err)
	}
	equal(t, "rotations", strings.Count(g.kinds(), "rotated"), 2)
	n := 0
	for r := range g.List(t.Context(), "bob") {
		n++
		equal(t, "authenticated", r.AuthenticatedAt, g.clock.Now().UTC())
		equal(t, "version", r.Version, 3) // created, regenerated, confirmed
	}
	equal(t, "sessions", n, 1)
	equal(t, "owner", load(t, g.Manager, session.Token(c.Value)).Owner(), "bob")
}
