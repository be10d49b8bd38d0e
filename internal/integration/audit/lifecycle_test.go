package audit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func regenerate(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() }
func confirm(_ http.ResponseWriter, _ *http.Request, s *session.Session)    { s.Confirm() }

func TestLC1LoginReplacesToken(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v := st.visitor("")
		v.must("POST", write)
		for name, change := range map[string]handler{"login": login, "login again": login, "regenerate": regenerate} {
			old := v.token
			v.must("POST", change)
			if v.token == old {
				t.Errorf("%s: the token is the same", name)
			}
			st.dead(name, old)
		}
		old := v.token
		v.must("POST", login)
		v.must("POST", confirm)
		st.dead("confirm", old)
		st.alive("the last token", v.token, "ada/late")
	})
}

func TestLC2LogoutEndsOnServer(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v := st.member("ada")
		old := v.token
		v.must("POST", logout)
		equal(t, "the cookie", v.token, "")
		st.dead("logout", old)
		equal(t, "records", len(records(t, o.store)), 0)
		st.clock.Advance(time.Hour)
		st.dead("logout, an hour later", old)
	})
}

func TestLC3NoResurrection(t *testing.T) {
	ends := map[string]func(st *site, v *visitor){
		"logout": func(_ *site, v *visitor) { v.must("POST", logout) },
		"login":  func(_ *site, v *visitor) { v.must("POST", login) },
		"revoke": func(st *site, v *visitor) {
			id, _ := parts(st.tb, v.token)
			must(0, st.Revoke(st.tb.Context(), id))(st.tb)
		},
		"all of the user": func(st *site, _ *visitor) {
			if n, err := st.RevokeOwner(st.tb.Context(), "ada"); n != 1 || err != nil {
				st.tb.Errorf("RevokeOwner ended %d sessions (%v), want 1", n, err)
			}
		},
	}
	each(t, func(t *testing.T, o opened) {
		for name, end := range ends {
			for what, h := range map[string]handler{"writes": write, "reads": read, "rotates": regenerate, "leaves a message": func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Flash("status", "saved")
			}} {
				// Every request is due to record its activity, so even a read writes.
				one := newSite(t, o.store, func(c *session.Config) { c.TouchEvery = -1 })
				two := newSite(t, o.store, func(c *session.Config) { c.Now = one.clock.Now })
				v := one.member("ada")
				slow, old := one.visitor(v.token), v.token
				one.clock.Advance(time.Minute)
				before := v.token
				w := slow.do("POST", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					equal(t, "what the slow request has loaded", s.Owner(), "ada")
					other := two.visitor(v.token) // in another process
					end(two, other)
					if v.token = other.token; name != "login" {
						v.token = ""
					}
					h(w, r, s)
				})
				if want := map[bool]int{true: http.StatusOK, false: http.StatusConflict}[what == "reads"]; w.Code != want {
					t.Errorf("%s, then a request that %s: status %d, want %d", name, what, w.Code, want)
				}
				if slow.token != before {
					t.Errorf("%s, then a request that %s: it got a cookie", name, what)
				}
				one.dead(name+", then a request that "+what, old)
				if v.token != "" {
					two.alive("the session of the login", v.token, "ada/ada")
					two.visitor(v.token).must("POST", logout)
				}
				equal(t, "records after "+name, len(records(t, o.store)), 0)
			}
		}
	})
}

func TestLC4IdleTimeout(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		idle, active := st.member("ada"), st.member("bob")
		st.clock.Advance(time.Hour)
		active.must("GET", read)
		st.clock.Advance(time.Hour - time.Second)
		active.must("GET", read)
		r := must(st.Info(t.Context(), first(parts(t, idle.token))))(t)
		if left := r.ExpiresAt.Sub(st.clock.Now()); left != time.Second {
			t.Errorf("a second before the limit, %v is left", left)
		}
		st.clock.Advance(2 * time.Second)
		st.dead("two hours without a request", idle.token)
		st.clock.Advance(time.Hour)
		st.alive("a session in use", active.token, "bob/bob")
	})
}

func first[A, B any](a A, _ B) A { return a }

func TestLC5AbsoluteTimeout(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v, again, forged := st.member("ada"), st.member("bob"), st.member("eve")
		// A field in the data, or a time in the record, does not extend a session.
		forged.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("expires_at", st.clock.Now().Add(1000*time.Hour))
			s.Set("lifetime", 1000)
		})
		id, _ := parts(t, forged.token)
		r := must(o.store.Load(t.Context(), id))(t)
		r.ExpiresAt = r.ExpiresAt.Add(1000 * time.Hour)
		must(0, o.store.Update(t.Context(), r))(t)
		for i := range 47 {
			st.clock.Advance(30 * time.Minute)
			for _, u := range []*visitor{v, again, forged} {
				u.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("n", i) })
			}
			if i == 20 {
				v.must("POST", regenerate)
				again.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("bob") })
			}
		}
		st.clock.Advance(30*time.Minute - time.Second)
		st.alive("a day less a second", v.token, "ada/ada")
		st.clock.Advance(time.Second)
		st.dead("a day, and in use", v.token)
		st.dead("a day, and forged", forged.token)
		st.alive("a later login", again.token, "bob/bob")
	})
}

func TestLC6ExpiryCheckedOnRead(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store) // which never prunes
		v := st.member("ada")
		id, _ := parts(t, v.token)
		r := must(o.store.Load(t.Context(), id))(t)
		r.ExpiresAt = st.clock.Now()
		must(0, o.store.Update(t.Context(), r))(t)
		if _, err := o.store.Load(t.Context(), id); err != nil {
			t.Fatalf("the stale record: %v", err)
		}
		st.dead("a stale record", v.token)
		late := st.visitor(v.token)
		late.must("POST", write)
		st.dead("a write to a stale record", v.token)
		if late.token == v.token {
			t.Error("the stale record is in use again")
		}
	})
}

func TestLC7ReadingStoresNothing(t *testing.T) {
	looks := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		session.Get(s, "data", "")
		_, _, _, _ = s.Has("data"), s.ID(), s.Owner(), s.All()
		s.Remove("data")
		s.Regenerate()
		s.SetPersistent(true)
		s.Invalidate()
	}
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		cookies := 0
		for i := range 1000 {
			v := st.visitor("")
			if h := v.must("GET", []handler{read, looks}[i%2]).Header(); len(h["Set-Cookie"]) > 0 {
				cookies++
			}
			if v.token = invented(); len(v.must("GET", read).Header()["Set-Cookie"]) > 0 {
				cookies++
			}
		}
		equal(t, "cookies", cookies, 0)
		equal(t, "records", len(records(t, o.store)), 0)
		st.member("ada")
		equal(t, "records after a login", len(records(t, o.store)), 1)
	})
}

func TestLC8StoreIsBounded(t *testing.T) {
	t.Run("flood of the memory store", func(t *testing.T) {
		store := memstore.New(memstore.Config{MaxSessions: 200})
		st := newSite(t, store)
		owned := st.member("ada")
		for range 2000 {
			st.visitor("").must("POST", write)
		}
		if n := store.Len(); n > 200 {
			t.Errorf("the store has %d records, more than its limit of 200", n)
		}
		st.alive("a signed-in user in a flood", owned.token, "ada/ada")
	})
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		for range 20 {
			st.visitor("").must("POST", write)
		}
		equal(t, "records", len(records(t, o.store)), 20)
		st.clock.Advance(2*time.Hour + session.PruneSlack + time.Second)
		kept := st.member("ada")
		must(st.Prune(t.Context()))(t)
		if o.redis == nil { // whose keys expire by the clock of the server; see ST-3
			equal(t, "records after a sweep", len(records(t, o.store)), 1)
		}
		st.alive("a session of today", kept.token, "ada/ada")
	})
}

func TestLC9ListAndEndSessionsOfUser(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		a, b, c, other := st.member("ada"), st.member("ada"), st.member("ada"), st.member("bob")
		n := 0
		for info, err := range st.List(t.Context(), "ada") {
			if err != nil || info.Owner != "ada" {
				t.Errorf("listed %v, %v", info, err)
			}
			n++
		}
		equal(t, "listed sessions", n, 3)
		keep, _ := parts(t, a.token)
		equal(t, "ended sessions", must(st.RevokeOwner(t.Context(), "ada", keep))(t), 2)
		st.dead("end all others", b.token)
		st.dead("end all others", c.token)
		st.alive("the one that is kept", a.token, "ada/ada")
		must(0, st.Revoke(t.Context(), keep))(t)
		st.dead("end one", a.token)
		st.alive("another user", other.token, "bob/bob")
	})
}

func TestLC10LimitOfSessions(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store, func(c *session.Config) { c.MaxPerOwner = 2 })
		var logins []*visitor
		for range 3 {
			logins = append(logins, st.member("ada"))
			st.clock.Advance(10 * time.Minute)
		}
		st.dead("the oldest of three", logins[0].token)
		st.alive("the second of three", logins[1].token, "ada/ada")
		st.alive("the last of three", logins[2].token, "ada/ada")
	})
}

func TestLC11TimeOfAuthentication(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		gate := st.RequireFresh(10*time.Minute, "/confirm")(st.HandlerFunc(read))
		v := st.visitor("")
		answers := func() int {
			r := httptest.NewRequest("POST", "https://example.com/", nil)
			r.Header.Set("Cookie", cookieName+"="+v.token)
			w := httptest.NewRecorder()
			gate.ServeHTTP(w, r)
			return w.Code
		}
		v.must("POST", write)
		equal(t, "anonymous", answers(), http.StatusUnauthorized)
		v.must("POST", login)
		at := st.clock.Now()
		equal(t, "at once", answers(), http.StatusOK)
		st.clock.Advance(10*time.Minute - time.Second)
		equal(t, "after almost ten minutes", answers(), http.StatusOK)
		st.clock.Advance(time.Second)
		v.must("POST", regenerate)
		v.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			if got := s.AuthenticatedAt(); !got.Equal(at) {
				t.Errorf("authenticated at %v, want %v", got, at)
			}
		})
		equal(t, "after ten minutes", answers(), http.StatusUnauthorized)
		v.must("POST", confirm)
		equal(t, "after a confirmation", answers(), http.StatusOK)
	})
}

func TestLC12ConcurrentWritesAreKept(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		sites := []*site{newSite(t, o.store), newSite(t, o.store)} // as two processes
		v := sites[0].member("ada")
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				w := sites[i%2].visitor(v.token).do("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					session.Update(s, "n", func(n int) int { return n + 1 })
					s.Set(fmt.Sprintf("key%d", i), i)
				})
				if w.Code != http.StatusOK {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
			})
		}
		all.Wait()
		s := must(sites[1].Load(t.Context(), session.Token(v.token)))(t)
		equal(t, "increments", session.Get(s, "n", 0), 50)
		equal(t, "keys", len(s.All()), 52)
	})
}
