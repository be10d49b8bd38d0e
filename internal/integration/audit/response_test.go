package audit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

func TestRS1VaryOnEveryAccess(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}), func(c *session.Config) { c.TouchEvery = -1 })
	v := st.member("ada")
	accesses := map[string]func(s *session.Session){
		"nothing but From": func(*session.Session) {},
		"Get":              func(s *session.Session) { session.Get(s, "data", "") },
		"Lookup":           func(s *session.Session) { session.Lookup[string](s, "none") },
		"Has":              func(s *session.Session) { s.Has("none") },
		"All":              func(s *session.Session) { s.All() },
		"Keys":             func(s *session.Session) { s.Keys()(func(string) bool { return false }) },
		"Value":            func(s *session.Session) { s.Value("data") },
		"ID":               func(s *session.Session) { s.ID() },
		"IsNew":            func(s *session.Session) { s.IsNew() },
		"Owner":            func(s *session.Session) { s.Owner() },
		"AuthenticatedAt":  func(s *session.Session) { s.AuthenticatedAt() },
		"ExpiresAt":        func(s *session.Session) { s.ExpiresAt() },
		"Set":              func(s *session.Session) { s.Set("n", 1) },
		"Flash":            func(s *session.Session) { s.Flash("n", 1) },
		"Regenerate":       func(s *session.Session) { s.Regenerate() },
	}
	for name, access := range accesses {
		for what, token := range map[string]string{"a session": v.token, "no cookie": "", "an unknown token": invented()} {
			for vary, want := range map[string]string{"": "Cookie", "Accept": "Accept|Cookie", "cookie": "cookie", "Accept, Cookie": "Accept, Cookie", "*": "*"} {
				u := v
				if what != "a session" {
					u = st.visitor(token)
				}
				h := u.must("GET", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
					if vary != "" {
						w.Header().Set("Vary", vary)
					}
					st.clock.Advance(time.Second) // so the session is refreshed
					access(s)
				}).Header()
				equal(t, name+" of "+what+": Vary", strings.Join(h["Vary"], "|"), want)
			}
		}
	}
	w := httptest.NewRecorder()
	st.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "page") })).
		ServeHTTP(w, httptest.NewRequest("GET", "https://example.com/", nil))
	equal(t, "Vary of a page that does not ask", len(w.Header()["Vary"]), 0)
}

func TestRS2CookieIsNotCached(t *testing.T) {
	for _, control := range []string{"", "no-store", "private, max-age=60", "public, max-age=60", "s-maxage=60"} {
		w := newSite(t, memstore.New(memstore.Config{})).visitor("").must("POST", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			if control != "" {
				w.Header().Set("Cache-Control", control)
			}
			s.Login("ada")
		})
		got := strings.Join(w.Header()["Cache-Control"], ", ")
		if !strings.Contains(got, "no-store") && !strings.Contains(got, "private") || strings.Contains(got, "public") || strings.Contains(got, "s-maxage") {
			t.Errorf("Cache-Control %q of the program became %q, want private or no-store", control, got)
		}
	}
	st := newSite(t, memstore.New(memstore.Config{}))
	w := st.member("ada").must("GET", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		w.Header().Set("Cache-Control", "public, max-age=60")
	})
	equal(t, "Cache-Control without a cookie", w.Header().Get("Cache-Control"), "public, max-age=60")
}

// failing returns a store whose calls fail while the name of their operation is in ops.
func failing(store session.Store, ops *atomic.Value) session.Store {
	return sessiontest.Wrap(store, func(_ context.Context, c sessiontest.Call, next func() error) error {
		if names, _ := ops.Load().(string); strings.Contains(names, c.Op) {
			return errors.New("the store is down")
		}
		return next()
	})
}

func TestRS3FailedCommitIsNoSuccess(t *testing.T) {
	begins := map[string]handler{
		"return":      func(http.ResponseWriter, *http.Request, *session.Session) {},
		"WriteHeader": func(w http.ResponseWriter, _ *http.Request, _ *session.Session) { w.WriteHeader(http.StatusCreated) },
		"Write":       func(w http.ResponseWriter, _ *http.Request, _ *session.Session) { io.WriteString(w, "SAVED") },
		"ReadFrom": func(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
			io.Copy(w, strings.NewReader("SAVED"))
		},
		"Flush": func(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
			http.NewResponseController(w).Flush()
		},
		"redirect": func(w http.ResponseWriter, r *http.Request, _ *session.Session) {
			http.Redirect(w, r, "/SAVED", http.StatusSeeOther)
		},
		"ServeContent": func(w http.ResponseWriter, r *http.Request, _ *session.Session) {
			http.ServeContent(w, r, "a.txt", time.Time{}, strings.NewReader("SAVED"))
		},
	}
	each(t, func(t *testing.T, o opened) {
		var ops atomic.Value
		st := newSite(t, failing(o.store, &ops))
		v := st.member("ada")
		for name, begin := range begins {
			for what, change := range map[string]func(*session.Session){
				"write": func(s *session.Session) { s.Set("data", "lost") }, "login": func(s *session.Session) { s.Login("bob") }, "logout": (*session.Session).Invalidate,
			} {
				ops.Store("create update delete")
				for _, token := range []string{v.token, ""} {
					if token == "" && what == "logout" {
						continue
					}
					w := st.visitor(token).do("POST", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
						change(s)
						begin(w, r, s)
					})
					if w.Code < 500 || len(w.Header()["Set-Cookie"]) > 0 || strings.Contains(w.Body.String()+w.Header().Get("Location"), "SAVED") {
						t.Errorf("%s after a %s: status %d, header %v, body %q", name, what, w.Code, w.Header(), w.Body)
					}
				}
				ops.Store("")
			}
		}
		st.alive("what was stored before", v.token, "ada/ada")
		w := st.visitor(v.token)
		func() {
			defer func() { _ = recover() }()
			w.do("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Set("data", "half")
				panic(http.ErrAbortHandler)
			})
		}()
		st.alive("after a panic", v.token, "ada/ada")
	})
}

func TestRS4FailedLoadIsNotAnonymous(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		var ops atomic.Value
		st := newSite(t, failing(o.store, &ops))
		v := st.member("ada")
		ops.Store("load")
		for _, method := range []string{"GET", "POST"} {
			ran := false
			w := st.visitor(v.token).do(method, func(http.ResponseWriter, *http.Request, *session.Session) { ran = true })
			if w.Code != http.StatusServiceUnavailable || len(w.Header()["Set-Cookie"]) > 0 || ran {
				t.Errorf("%s: status %d, Set-Cookie %q, handler ran: %v", method, w.Code, w.Header()["Set-Cookie"], ran)
			}
		}
		ops.Store("")
		st.alive("afterwards", v.token, "ada/ada")
	})
	own := newSite(t, failing(memstore.New(memstore.Config{}), func() *atomic.Value { var v atomic.Value; v.Store("load"); return &v }()),
		func(c *session.Config) {
			c.OnError = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusTeapot) }
		})
	equal(t, "status with a handler of the program", own.visitor(invented()).do("GET", read).Code, http.StatusTeapot)
}

func TestRS5CorruptRecordIsNoSession(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v, other := st.member("ada"), st.member("bob")
		id, _ := parts(t, v.token)
		good := must(o.store.Load(t.Context(), id))(t)
		swapped := must(o.store.Load(t.Context(), first(parts(t, other.token))))(t)
		damaged := map[string][]byte{
			"the record of another session": swapped.Data, "nothing": {}, "text": []byte("written by something else"),
			"JSON": []byte(`{"data":"ada"}`), "gob": []byte("\x0c\xff\x81\x02\x01\x02\xff\x82\x00\x01\x0c"),
			"PHP": []byte(`O:8:"stdClass":0:{}`), "half": good.Data[:len(good.Data)/2], "one byte less": good.Data[:len(good.Data)-1], "one byte more": append(bytes.Clone(good.Data), 0),
		}
		for i := 0; i < len(good.Data); i += 1 + len(good.Data)/12 {
			flipped := bytes.Clone(good.Data)
			flipped[i] ^= 1 << (i % 8)
			damaged["a flipped bit in byte "+string(rune('A'+i%26))+strings.Repeat("'", i/26)] = flipped
		}
		st.took()
		for name, data := range damaged {
			r := must(o.store.Load(t.Context(), id))(t)
			r.Data = data
			must(0, o.store.Update(t.Context(), r))(t)
			st.dead(name, v.token)
			if got := st.took(); got != "corrupt" && got != "unknown-token" {
				t.Errorf("%s: events %q, want corrupt or unknown-token", name, got)
			}
		}
		r := must(o.store.Load(t.Context(), id))(t)
		r.Data = good.Data
		must(0, o.store.Update(t.Context(), r))(t)
		st.alive("the undamaged record", v.token, "ada/ada")
	})
}

// The library sends no Clear-Site-Data by itself; the header of a program survives a logout.
func TestRS6ClearSiteDataOfProgram(t *testing.T) {
	w := newSite(t, memstore.New(memstore.Config{})).member("ada").must("POST", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Invalidate()
		w.Header().Set("Clear-Site-Data", `"cookies"`)
	})
	equal(t, "Clear-Site-Data", strings.Join(w.Header()["Clear-Site-Data"], "|"), `"cookies"`)
	equal(t, "cookies", len(w.Result().Cookies()), 1)
}
