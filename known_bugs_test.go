package session_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func logout(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }
func login(_ http.ResponseWriter, _ *http.Request, s *session.Session)  { s.Login("ada") }

// TestPeers tests for bugs that other libraries had. Each name says which library.
func TestPeers(t *testing.T) {
	tests := []struct {
		name string
		f    func(t *testing.T)
	}{
		{"scs, gorilla, fiber: a slow request loses the fast one's key", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				session.Get(s, "data", "")
				g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("b", 1) })
				s.Set("a", 1)
			})
			equal(t, "values", len(g.data(t, g.token(b))), 3)
		}},
		{"scs, fiber: a request that only reads undoes a logout", func(t *testing.T) {
			for _, every := range []time.Duration{0, -1} {
				g := newRig(t, func(c *session.Config) { c.TouchEvery = every })
				b := g.signedUp(t, "x")
				token := g.token(b)
				g.clock.Advance(time.Hour)
				g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					g.visit(g.with(token), logout)
					read(w, r, s)
				}).expect(t, http.StatusOK, 0)
				equal(t, "records", len(g.spy.all()), 0)
				equal(t, "values for the old token", len(g.data(t, token)), 0)
			}
		}},
		{"scs, gorilla, fiber: a request that writes undoes a logout", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			token := g.token(b)
			g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				g.visit(g.with(token), logout)
				write(w, r, s)
			}).expect(t, http.StatusConflict, 0)
			equal(t, "records", len(g.spy.all()), 0)
		}},
		{"scs: the old token after a rotation gets a cookie that replaces the good one", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			old := g.token(b)
			g.visit(b, login)
			g.visit(g.with(old), write).expect(t, http.StatusOK, 0)
			g.visit(g.submitting(old), write).expect(t, http.StatusConflict, 0)
		}},
		{"scs: Put, Flush, Write sends no cookie", func(t *testing.T) {
			rep := newRig(t).visit(newBrowser(), func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("a", 1)
				w.(http.Flusher).Flush()
				io.WriteString(w, "page")
			})
			rep.expect(t, http.StatusOK, 1)
		}},
		{"scs: Write, then Put is lost without a word", func(t *testing.T) {
			g := newRig(t)
			late := func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				io.WriteString(w, "page")
				s.Set("a", 1)
			}
			g.visit(newBrowser(), late).expect(t, http.StatusOK, 0)
			equal(t, "events", g.kinds(), "late")
			if !strings.Contains(g.log(), "the first write") {
				t.Errorf("log = %q", g.log())
			}
			b := g.signedUp(t, "x")
			g.visit(b, late)
			equal(t, "values", len(g.data(t, g.token(b))), 2)
		}},
		{"scs: the cookie goes out with public, max-age=60", func(t *testing.T) {
			rep := newRig(t).visit(newBrowser(), func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				w.Header().Set("Cache-Control", "public, max-age=60")
				s.Set("a", 1)
			})
			equal(t, "Cache-Control", strings.Join(rep.Header()["Cache-Control"], "|"), "no-store")
		}},
		{"scs, fiber: a page that never asks gets Vary and a cookie", func(t *testing.T) {
			g := newRig(t)
			for _, b := range []*browser{newBrowser(), g.signedUp(t, "x")} {
				rep := b.send(g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })))
				equal(t, "headers beside Content-Type", len(rep.Header()), 1)
			}
		}},
		{"scs: the wrapper is no io.ReaderFrom", func(t *testing.T) {
			newRig(t).HandlerFunc(func(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
				if _, ok := w.(io.ReaderFrom); !ok {
					t.Error("it is not")
				}
			}).ServeHTTP(readerFrom{httptest.NewRecorder()}, newBrowser().request("GET"))
		}},
		{"scs: data that does not decode is a 500 for ever", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			rec := g.spy.all()[0]
			rec.Data = []byte("written by another version")
			g.spy.put(rec)
			g.visit(b, read).expect(t, http.StatusOK, 0)
			g.visit(b, write).expect(t, http.StatusOK, 1)
			equal(t, "data", g.data(t, g.token(b))["data"], any("late"))
		}},
		{"echo-scs: panics when the commit fails", func(t *testing.T) {
			g := newRig(t)
			g.spy.hook(func(string, session.ID) error { return errors.New("down") }, nil)
			g.visit(newBrowser(), write).expect(t, http.StatusServiceUnavailable, 0)
		}},
		{"fiber: Regenerate deletes the old record before the new one is saved", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "mine")
			g.spy.hook(func(op string, _ session.ID) error {
				if op == "load" {
					return nil
				}
				return errors.New("down")
			}, nil)
			for _, rotate := range rotations {
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { rotate(s) }).expect(t, http.StatusServiceUnavailable, 0)
			}
			g.spy.hook(nil, nil)
			equal(t, "data", g.data(t, g.token(b))["data"], any("mine"))
		}},
		{"goravel: the cookie is written before the handler, so a rotation needs a second one", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			old := g.token(b)
			rep := g.visit(b, login)
			rep.expect(t, http.StatusOK, 1)
			if rep.result.Cookies()[0].Value == old {
				t.Error("the old token was sent")
			}
		}},
		{"sessionup: anybody's X-Forwarded-For is believed", func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "True-Client-Ip"} {
				b.header.Set(name, "for=6.6.6.6")
			}
			g.visit(b, write)
			equal(t, "address", g.spy.all()[0].Client.Address, "192.0.2.1")
		}},
		{"ASP.NET: a failed commit is logged after the answer has gone out", func(t *testing.T) {
			g := newRig(t)
			g.spy.hook(func(string, session.ID) error { return errors.New("down") }, nil)
			rep := g.visit(newBrowser(), func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("a", 1)
				w.WriteHeader(http.StatusCreated)
			})
			rep.expect(t, http.StatusServiceUnavailable, 0)
		}},
		{"express: regenerate drops the data, and everybody gets a session", func(t *testing.T) {
			g := newRig(t)
			g.visit(newBrowser(), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				read(nil, nil, s)
				s.Regenerate()
				s.SetPersistent(true)
			}).expect(t, http.StatusOK, 0)
			equal(t, "store calls", g.spy.taken(), "")
			b := g.signedUp(t, "mine")
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
			equal(t, "data", g.data(t, g.token(b))["data"], any("mine"))
		}},
		{"Laravel: Keep turns data into flash, and Set on a flashed key is lost", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "mine")
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Keep("data")
				s.Flash("status", "saved")
				s.Set("status", "for good")
			})
			for range 3 {
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					equal(t, "values", len(s.All()), 2)
				})
			}
		}},
		{"Spring: of two increments of one attribute the last one wins", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				session.Get(s, "n", 0)
				g.visit(g.with(g.token(b)), add)
				add(w, r, s)
			})
			equal(t, "n", g.data(t, g.token(b))["n"], any(int64(2)))
		}},
	}
	for _, c := range tests {
		t.Run(c.name, c.f)
	}
}

// TestAdvisories tests for vulnerabilities in published advisories; those that other
// files test are named there.
func TestAdvisories(t *testing.T) {
	tests := []struct {
		name string
		f    func(t *testing.T)
	}{
		{"CVE-2024-38513 fiber: the client chose the session's ID", func(t *testing.T) {
			g := newRig(t)
			chosen := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 48))
			b := g.with(chosen)
			g.visit(b, write).expect(t, http.StatusOK, 1)
			if g.token(b)[:16] == chosen[:16] {
				t.Error("the chosen ID is in use")
			}
			equal(t, "values for the chosen token", len(g.data(t, chosen)), 0)
		}},
		{"CVE-2025-66630 fiber: tokens that can be guessed", func(t *testing.T) {
			g := newRig(t)
			seen := map[string]bool{}
			var alike [64]map[byte]bool
			for range 2000 {
				b := newBrowser()
				g.visit(b, write)
				token := g.token(b)
				for i := range alike {
					if alike[i] == nil {
						alike[i] = map[byte]bool{}
					}
					alike[i][token[i]] = true
				}
				if len(token) != 64 || seen[token[:22]] || seen[token[22:]] {
					t.Fatal("a token repeats, in whole or in part")
				}
				seen[token[:22]], seen[token[22:]] = true, true
			}
			for i, chars := range alike {
				if len(chars) < 60 { // of 64, in 2000 tries
					t.Errorf("position %d has only %d different characters", i, len(chars))
				}
			}
		}},
		{"fiber PR 4469: a token from the query", func(t *testing.T) {
			g := newRig(t)
			token := g.token(g.signedUp(t, "x"))
			r := httptest.NewRequest("GET", "https://example.com/?"+g.CookieName()+"="+token+"&session="+token, nil)
			r.Header.Set(g.CookieName(), token)
			r.Header.Set("Authorization", "Bearer "+token)
			w := httptest.NewRecorder()
			g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				equal(t, "values", len(s.All()), 0)
			}).ServeHTTP(w, r)
			equal(t, "cookies", len(w.Result().Cookies()), 0)
		}},
		{"CVE-2025-58186 Go: cookies without number", func(t *testing.T) {
			g := newRig(t)
			good := g.CookieName() + "=" + g.token(g.signedUp(t, "x"))
			r := httptest.NewRequest("GET", "https://example.com/", nil)
			r.Header.Set("Cookie", strings.Repeat("a=b; ", 200_000)+good)
			allocs := testing.AllocsPerRun(1, func() {
				g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					equal(t, "values", len(s.All()), 1)
				}).ServeHTTP(httptest.NewRecorder(), r)
			})
			if allocs > 100 {
				t.Errorf("%v allocations for a megabyte of cookies", allocs)
			}
		}},
		{"CVE-2024-28197 zitadel: fixation", func(t *testing.T) {
			g := newRig(t)
			victim := g.signedUp(t, "planted")
			attacker := g.with(g.token(victim))
			g.visit(victim, login)
			g.visit(attacker, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				equal(t, "attacker's owner", s.Owner(), "")
			})
		}},
		{"CVE-2024-21492, CVE-2021-32923, CVE-2023-20862: a logout that ends nothing", func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			g.visit(b, login)
			old := g.with(g.token(b))
			g.visit(b, logout).expect(t, http.StatusOK, 1)
			equal(t, "cookies kept", len(b.cookies), 0)
			equal(t, "records", len(g.spy.all()), 0)
			g.visit(old, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { equal(t, "owner", s.Owner(), "") })
		}},
		{"CVE-2026-56750 gitea: the thief's session goes on", func(t *testing.T) {
			g := newRig(t)
			var all []*browser
			var keep session.ID
			for range 3 {
				b := newBrowser()
				g.visit(b, login)
				all = append(all, b)
			}
			g.visit(all[0], func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { keep = s.ID() })
			if n, err := g.RevokeOwner(t.Context(), "ada", keep); n != 2 || err != nil {
				t.Errorf("RevokeOwner = %d, %v", n, err)
			}
			for i, b := range all {
				g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					equal(t, "signed in", s.Owner() == "ada", i == 0)
				})
			}
		}},
		{"CVE-2025-46336 rack: a slow request saves a deleted session back", func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			g.visit(b, login)
			token := g.token(b)
			g.visit(g.with(token), func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				g.visit(b, logout)
				add(w, r, s)
				s.Regenerate()
			}).expect(t, http.StatusConflict, 0)
			equal(t, "records", len(g.spy.all()), 0)
		}},
		{"CVE-2019-16782 rack: the store holds what the cookie holds", func(t *testing.T) {
			g := newRig(t)
			b := newBrowser()
			for _, h := range []handler{write, login, add} {
				g.visit(b, h)
				raw, err := base64.RawURLEncoding.DecodeString(g.token(b))
				if err != nil {
					t.Fatal(err)
				}
				dump := fmt.Appendf(nil, "%s %x", g.spy.all()[0].Data, g.spy.all()[0].Data)
				for _, form := range [][]byte{raw[16:], []byte(g.token(b)[22:]), fmt.Appendf(nil, "%x", raw[16:])} {
					if bytes.Contains(dump, form) {
						t.Error("the record holds the secret")
					}
				}
			}
		}},
		{"CVE-2023-30861 Flask: a refresh without Vary", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			g.clock.Advance(time.Hour)
			rep := g.visit(b, func(http.ResponseWriter, *http.Request, *session.Session) {})
			equal(t, "store calls", g.spy.taken(), "load touch")
			equal(t, "Vary", rep.Header().Get("Vary"), "Cookie")
		}},
		{"CVE-2015-5143, CVE-2015-5963, CVE-2015-5964 Django: visitors fill the store", func(t *testing.T) {
			g := newRig(t)
			for range 100 {
				g.visit(newBrowser(), func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
					read(nil, nil, s)
					session.Pop(s, "data", "")
					s.Remove("data")
					s.Clear()
					s.Reflash()
					s.Invalidate()
				}).expect(t, http.StatusOK, 0)
			}
			equal(t, "store calls", g.spy.taken(), "")
		}},
		{"CVE-2020-15148 Laravel: a value moved to another cookie's name", func(t *testing.T) {
			g := newRig(t)
			other := newRigOn(t, g.spy, func(c *session.Config) { c.Cookie.Name = "admin" })
			equal(t, "values", len(other.data(t, g.token(g.signedUp(t, "x")))), 0)
		}},
		{"tower-sessions 0.12: a collision takes a session over", func(t *testing.T) {
			g := newRig(t)
			victim := g.signedUp(t, "victim")
			s, err := g.Load(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			s.Set("data", "second")
			rec := g.spy.all()[0]
			rec.ID = s.ID() // the ID that the new session will have
			g.spy.put(rec)
			c, err := g.Commit(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "the second session", g.data(t, c.Value)["data"], any("second"))
			equal(t, "the first one", g.data(t, g.token(victim))["data"], any("victim"))
			for _, r := range g.spy.all() {
				if r.ID == rec.ID && !bytes.Equal(r.Data, rec.Data) {
					t.Error("the record that was there is overwritten")
				}
			}
		}},
		{"starsessions #87: regenerate keeps the old record", func(t *testing.T) {
			g := newRig(t)
			b := g.signedUp(t, "x")
			old := g.token(b)
			g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
			equal(t, "records", len(g.spy.all()), 1)
			equal(t, "values for the old token", len(g.data(t, old)), 0)
		}},
	}
	for _, c := range tests {
		t.Run(c.name, c.f)
	}
}

// TestFiftyOfFifty: concurrent requests that loaded the same version each set a key of
// their own and increment a counter. Nothing is lost, in one process and in two.
func TestFiftyOfFifty(t *testing.T) {
	stores := map[string]func() session.Store{
		"spy":      func() session.Store { return newSpyStore() },
		"memstore": func() session.Store { return memstore.New(memstore.Config{}) },
	}
	const requests, rounds = 50, 100
	for name, open := range stores {
		for _, managers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d managers", name, managers), func(t *testing.T) {
				t.Parallel()
				store := open()
				rigs := []*rig{newRigOn(t, store), newRigOn(t, store)}[:managers]
				for round := range rounds {
					b := rigs[0].signedUp(t, "x")
					gate := newGate()
					var wg sync.WaitGroup
					for i := range requests {
						wg.Go(func() {
							g := rigs[i%managers]
							g.visit(g.with(g.token(b)), func(w http.ResponseWriter, r *http.Request, s *session.Session) {
								s.Set(fmt.Sprintf("keys.k%d", i), i)
								add(w, r, s)
								gate.pass()
							}).expect(t, http.StatusOK, 0)
						})
					}
					for range requests {
						<-gate.reached
					}
					close(gate.open)
					wg.Wait()
					got := rigs[0].data(t, rigs[0].token(b))
					keys, _ := got["keys"].(map[string]any)
					if len(keys) != requests || got["n"] != int64(requests) {
						t.Fatalf("round %d: %d keys and %v, want %d of each", round, len(keys), got["n"], requests)
					}
				}
			})
		}
	}
}
