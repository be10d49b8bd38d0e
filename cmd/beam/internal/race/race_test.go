package race

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An application keeps a set of keys for each session. By default it is correct; tests
// replace handlers with faulty ones.
type application struct {
	*http.ServeMux

	mu       sync.Mutex
	sessions map[string]map[string]bool
	begun    int // sessions
}

func newApplication() *application {
	a := &application{ServeMux: http.NewServeMux(), sessions: map[string]map[string]bool{}}
	a.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("user") != "ada" {
			http.Error(w, "no such user", http.StatusUnauthorized)
			return
		}
		a.begin(w)
	})
	a.HandleFunc("POST /logout", func(_ http.ResponseWriter, r *http.Request) { a.end(id(r)) })
	a.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
		keys := a.load(id(r))
		if keys == nil {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		}
		fmt.Fprintf(w, "ada has %d: %q\n", len(keys), slices.Sorted(maps.Keys(keys)))
	})
	a.HandleFunc("GET /sign-in", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "please sign in") })
	return a
}

func (a *application) begin(w http.ResponseWriter) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun++
	name := fmt.Sprint("s", a.begun)
	a.sessions[name] = map[string]bool{"seed": true}
	http.SetCookie(w, &http.Cookie{Name: "id", Value: name, Path: "/", Secure: true})
}

func (a *application) end(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.sessions, id)
}

// load returns a copy, and save stores one even if the session no longer exists. Together
// they lose writes and revive sessions.
func (a *application) load(id string) map[string]bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.sessions[id])
}

func (a *application) save(id string, keys map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sessions[id] = keys
}

// set is the correct way to write.
func (a *application) set(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	keys := a.sessions[id(r)]
	if keys == nil {
		http.Error(w, "the session has ended", http.StatusConflict)
		return
	}
	keys[r.FormValue("key")] = true
}

func id(r *http.Request) string {
	c, err := r.Cookie("id")
	if err != nil {
		return ""
	}
	return c.Value
}

// alone reports whether a request is the single write.
func alone(r *http.Request) bool { return strings.HasSuffix(r.FormValue("key"), "00") }

const writes = 12

// planFor returns a plan that uses every kind of request.
func planFor(t *testing.T, s *httptest.Server) Plan {
	t.Helper()
	base, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	request := func(line string) Request {
		r, err := Parse(base, http.MethodPost, line)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	login, logout := request("/login user=ada"), request("/logout")
	return Plan{
		Write: request("GET /set?key={n}"), Read: request("GET /all"), Login: &login, Logout: &logout,
		Writes: writes, Concurrent: writes, Rounds: 2, Timeout: time.Minute,
	}
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// race runs a plan that must succeed.
func race(t *testing.T, p Plan) Report {
	t.Helper()
	r, err := Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func want(t *testing.T, got Report, kept, refused, unanswered, lost int) {
	t.Helper()
	if got.Kept != kept || got.Refused != refused || got.Unanswered != unanswered || got.Lost != lost {
		t.Errorf("kept, refused, unanswered, lost = %d, %d, %d, %d, want %d, %d, %d, %d",
			got.Kept, got.Refused, got.Unanswered, got.Lost, kept, refused, unanswered, lost)
	}
	if sum := kept + refused + unanswered + lost; got.Sent != sum {
		t.Errorf("sent = %d, want %d", got.Sent, sum)
	}
}

func TestRightApplicationKeepsAll(t *testing.T) {
	a := newApplication()
	a.HandleFunc("/set", a.set)
	var said []string
	for name, s := range map[string]*httptest.Server{"http": serve(t, a), "https": httptest.NewTLSServer(a)} {
		t.Run(name, func(t *testing.T) {
			defer s.Close()
			p := planFor(t, s)
			p.SignedIn = regexp.MustCompile("^ada has")
			p.Progress = func(what string) { said = append(said, what) }
			got := race(t, p)
			// Among the writes of the last part some come after the logout, but those
			// are not counted.
			want(t, got, 2*writes, 0, 0, 0)
			if l := got.Logout; !l.Stayed() || l.Rounds != 2 || l.Refused != 0 {
				t.Errorf("logout = %+v, want it to stay one", l)
			}
			if len(got.Rounds) != 2 || got.Rounds[1].Kept != writes || got.Statuses[200] != 2*writes {
				t.Errorf("rounds = %+v", got.Rounds)
			}
		})
	}
	if len(said) != 2*(2+1+2) {
		t.Errorf("progress = %q", said)
	}
}

// All writers load a copy before the first one stores its copy, so only one write is kept.
func TestLostWrites(t *testing.T) {
	a := newApplication()
	var loaded sync.WaitGroup
	loaded.Add(writes)
	a.HandleFunc("/set", func(_ http.ResponseWriter, r *http.Request) {
		keys := a.load(id(r))
		if !alone(r) {
			loaded.Done()
			loaded.Wait()
		}
		keys[r.FormValue("key")] = true
		a.save(id(r), keys)
	})
	p := planFor(t, serve(t, a))
	p.Rounds, p.Logout = 1, nil
	got := race(t, p)
	want(t, got, 1, 0, 0, writes-1)
	if got.Logout != nil {
		t.Errorf("logout = %+v, want none, which was not asked for", got.Logout)
	}
}

// In the third session, the writes load a copy before the logout and store it afterwards. In
// the one before, nothing overlaps.
func TestRevivedLogout(t *testing.T) {
	a := newApplication()
	loaded, ended := make(chan struct{}, writes), make(chan struct{})
	a.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		if id(r) != "s3" || alone(r) {
			a.set(w, r)
			return
		}
		keys := a.load(id(r))
		loaded <- struct{}{}
		<-ended
		keys[r.FormValue("key")] = true
		a.save(id(r), keys)
	})
	h := http.NewServeMux()
	h.Handle("/", a)
	h.HandleFunc("POST /logout", func(_ http.ResponseWriter, r *http.Request) {
		if id(r) != "s3" {
			a.end(id(r))
			return
		}
		for range writes {
			<-loaded
		}
		a.end(id(r))
		close(ended)
	})
	p := planFor(t, serve(t, h))
	p.Rounds = 1
	got := race(t, p)
	want(t, got, writes, 0, 0, 0)
	if l := got.Logout; !l.Alone || l.Rounds != 1 || l.Undone != 1 || l.Stayed() {
		t.Errorf("logout = %+v, want it undone in its only round", l)
	}
}

// A new session under the old ID is not the session that was ended.
func TestAdoptedNameIsNoRevival(t *testing.T) {
	a := newApplication()
	a.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		if a.sessions[id(r)] == nil {
			a.sessions[id(r)] = map[string]bool{}
		}
		a.mu.Unlock()
		a.set(w, r)
	})
	got := race(t, planFor(t, serve(t, a)))
	if !got.Logout.Stayed() {
		t.Errorf("logout = %+v, want it to stay one", got.Logout)
	}
}

// The session is stored in the cookie, and the last response wins.
func TestSessionInTheCookie(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{} // the cookies of the parallel writes
	h := http.NewServeMux()
	h.HandleFunc("POST /login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "id", Value: "ada", Path: "/"})
	})
	h.HandleFunc("POST /logout", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "id", Path: "/", MaxAge: -1})
	})
	h.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		if !alone(r) {
			mu.Lock()
			seen[id(r)] = true
			mu.Unlock()
		}
		http.SetCookie(w, &http.Cookie{Name: "id", Value: id(r) + "." + r.FormValue("key"), Path: "/"})
	})
	h.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, id(r)) })
	p := planFor(t, serve(t, h))
	p.Concurrent = 1 // also the later ones are sent with the cookie from the begin
	got := race(t, p)
	want(t, got, 2, 0, 0, 2*(writes-1))
	if len(seen) != 2 {
		t.Errorf("the writes of two rounds came with %d different cookies, want one a round", len(seen))
	}
	if l := got.Logout; l.Alone || l.Stayed() || l.Rounds != 0 {
		t.Errorf("logout = %+v, want that it ends nothing", l)
	}
}

func TestRefusedAndUnanswered(t *testing.T) {
	for name, c := range map[string]struct {
		wrong               http.HandlerFunc
		refused, unanswered int
		status              int
	}{
		"busy": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "busy", http.StatusServiceUnavailable) }, 1, 0, 503},
		"to sign in": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		}, 1, 0, 303},
		"hangs":  {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, 1, 0},
		"breaks": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApplication()
			a.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.FormValue("key"), "07") {
					c.wrong(w, r)
					return
				}
				a.set(w, r)
				http.Redirect(w, r, "/all?saved="+r.FormValue("key"), http.StatusSeeOther)
			})
			p := planFor(t, serve(t, a))
			p.Logout, p.Rounds = nil, 1
			if name == "hangs" {
				p.Timeout = 2 * time.Second
			}
			got := race(t, p)
			want(t, got, writes-1, c.refused, c.unanswered, 0)
			if c.status != 0 && got.Statuses[c.status] == 0 {
				t.Errorf("statuses = %v, want a %d", got.Statuses, c.status)
			}
		})
	}
}

// A redirect that contains the mark counts as the same redirect as for the single write.
func TestRedirectToTheWritten(t *testing.T) {
	a := newApplication()
	a.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		a.set(w, r)
		http.Redirect(w, r, "/keys/"+r.FormValue("key"), http.StatusSeeOther)
	})
	p := planFor(t, serve(t, a))
	p.Logout = nil
	want(t, race(t, p), 2*writes, 0, 0, 0)
}

func TestCounter(t *testing.T) {
	for name, c := range map[string]struct{ together, kept int }{"right": {0, writes}, "lossy": {writes, 1}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var loaded sync.WaitGroup
			loaded.Add(c.together)
			number, lone := 40, true
			h := http.NewServeMux()
			h.HandleFunc("/add", func(w http.ResponseWriter, _ *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "id", Value: "x", Path: "/"})
				mu.Lock()
				defer mu.Unlock()
				if c.together == 0 || lone {
					number, lone = number+1, false
					return
				}
				seen := number
				mu.Unlock()
				loaded.Done()
				loaded.Wait()
				mu.Lock()
				number = seen + 1
			})
			h.HandleFunc("/all", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, "%d visits", number) })
			p := planFor(t, serve(t, h))
			p.Write.URL, p.Count, p.Login, p.Logout, p.Rounds = "/add", regexp.MustCompile(`(\d+) visits`), nil, nil, 1
			want(t, race(t, p), c.kept, 0, 0, writes-c.kept)
		})
	}
}

// If the application accepts only certain values, {i} is part of the value.
func TestNumbersAsMarks(t *testing.T) {
	a := newApplication()
	a.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) {
		if key := r.FormValue("key"); !regexp.MustCompile(`^w\d\d$`).MatchString(key) {
			http.Error(w, key, http.StatusBadRequest)
			return
		}
		a.set(w, r)
	})
	p := planFor(t, serve(t, a))
	p.Write = Request{Method: http.MethodPost, Base: p.Read.Base, URL: "/set", Body: "key=w{i}"}
	p.Mark = `"w{i}"`
	want(t, race(t, p), 2*writes, 0, 0, 0)
}

func TestFewAtATime(t *testing.T) {
	a := newApplication()
	var mu sync.Mutex
	now, most := 0, 0
	step := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		now += n
		most = max(most, now)
	}
	a.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		step(1)
		defer step(-1)
		a.set(w, r)
	})
	p := planFor(t, serve(t, a))
	p.Concurrent, p.Logout = 3, nil
	want(t, race(t, p), 2*writes, 0, 0, 0)
	if most > 3 {
		t.Errorf("%d writes at a time, want 3 at most", most)
	}
}

// The cookie may be set after a redirect.
func TestLoginThatRedirects(t *testing.T) {
	a := newApplication()
	a.HandleFunc("/set", a.set)
	a.HandleFunc("POST /enter", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/welcome", http.StatusSeeOther) })
	a.HandleFunc("GET /welcome", func(w http.ResponseWriter, _ *http.Request) { a.begin(w) })
	p := planFor(t, serve(t, a))
	p.Login.URL = "/enter"
	want(t, race(t, p), 2*writes, 0, 0, 0)
}

// Cookies of a recording and of the plan are in the jar of every session, until the
// application replaces them.
func TestCookiesOfTheRecording(t *testing.T) {
	a := newApplication()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		csrf, err1 := r.Cookie("csrf")
		lang, err2 := r.Cookie("lang")
		if err1 != nil || err2 != nil || csrf.Value != "x" || lang.Value != "en" || r.Header.Get("X-From") != "here" {
			http.Error(w, "forged", http.StatusForbidden)
			return
		}
		a.ServeHTTP(w, r)
	})
	a.HandleFunc("/deep/set", a.set)
	p := planFor(t, serve(t, h))
	p.Write.URL = "/deep/set?key={n}"
	p.Login.Header = http.Header{"Cookie": {"csrf=x; id=stale"}}
	p.Header = http.Header{"Cookie": {"lang=en; id=stale"}, "X-From": {"here"}}
	want(t, race(t, p), 2*writes, 0, 0, 0)
}

// If a request fails that must work even without a race, the error says which.
func TestNothingToRace(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *Plan)
		want   string
	}{
		"login fails":       {func(p *Plan) { p.Login.Body = "user=eve" }, "the login failed: POST /login got the response 401 Unauthorized (no such user)"},
		"login is none":     {func(p *Plan) { p.Login.URL = "/ok"; p.SignedIn = regexp.MustCompile("ada") }, "does not match the --signed-in pattern: ada"},
		"no cookie":         {func(p *Plan) { p.Login, p.Write.URL = nil, "/ok?{n}" }, "has not set a cookie for GET /ok?{n}"},
		"write fails":       {func(p *Plan) { p.Write.URL = "/nowhere?{n}" }, "a single write fails: GET /nowhere?{n} got the response 404 Not Found"},
		"write is not kept": {func(p *Plan) { p.Write.URL = "/ok?{n}" }, "GET /all does not show a single write: it does not contain \"n"},
		"write redirects":   {func(p *Plan) { p.Write.URL = "/away?{n}" }, "the write was redirected to http://"},
		"read fails":        {func(p *Plan) { p.Read.URL = "/nowhere" }, "GET /nowhere got the response 404 Not Found"},
		"read leaves":       {func(p *Plan) { p.Read.URL = "/leave" }, "GET /leave got the response 302 Found to http://192.0.2.1/elsewhere"},
		"shown before": {func(p *Plan) {
			p.Write.URL, p.Mark = "/set?key={n}", "see{i}"
			p.Write.URL += "{i}"
			p.Read.URL = "/echo"
		}, `GET /echo shows "see03" before it was written`},
		"hangs":            {func(p *Plan) { p.Write.URL, p.Timeout = "/hang?{n}", 200*time.Millisecond }, "GET /hang?{n}: no response within 200ms"},
		"no number":        {func(p *Plan) { p.Count, p.Logout = regexp.MustCompile(`(\d+) visits`), nil }, `does not show the number: no match for (\d+) visits`},
		"not by one":       {func(p *Plan) { p.Count, p.Logout, p.Write.URL = regexp.MustCompile(`has (\d+)`), nil, "/ok" }, "from 1 to 1, not by one"},
		"logout fails":     {func(p *Plan) { p.Logout.URL = "/nowhere" }, "a logout without concurrent writes fails: POST /nowhere got the response 404"},
		"shown to all":     {func(p *Plan) { p.Read.URL, p.SignedIn, p.Login.URL = "/echo", regexp.MustCompile("see"), "/login" }, "does not show a single write"},
		"signed in always": {func(p *Plan) { p.SignedIn = regexp.MustCompile("ada|please") }, "GET /all shows the same without a cookie"},
		"read breaks":      {func(p *Plan) { p.Read.URL = "/fragile" }, "GET /fragile got the response 500 Internal Server Error (no session)"},
		"all refused":      {func(p *Plan) { p.Write.URL = "/lone?key={n}" }, "no concurrent write was successful"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApplication()
			a.HandleFunc("/set", a.set)
			a.HandleFunc("/ok", func(http.ResponseWriter, *http.Request) {})
			a.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/sign-in", http.StatusFound) })
			a.HandleFunc("/leave", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://192.0.2.1/elsewhere?token=secret", http.StatusFound)
			})
			a.HandleFunc("/fragile", func(w http.ResponseWriter, r *http.Request) {
				if id(r) == "" {
					http.Error(w, "no session", http.StatusInternalServerError)
					return
				}
				fmt.Fprintf(w, "%q", slices.Collect(maps.Keys(a.load(id(r)))))
			})
			a.HandleFunc("/echo", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "see03") })
			a.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			a.HandleFunc("/lone", func(w http.ResponseWriter, r *http.Request) {
				if !alone(r) {
					http.Error(w, "busy", http.StatusServiceUnavailable)
					return
				}
				a.set(w, r)
			})
			p := planFor(t, serve(t, a))
			c.change(&p)
			_, err := Run(t.Context(), p)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	a := newApplication()
	ctx, cancel := context.WithCancel(t.Context())
	a.HandleFunc("/set", func(_ http.ResponseWriter, r *http.Request) {
		if !alone(r) {
			cancel()
			<-r.Context().Done()
			return
		}
		a.set(nil, r)
	})
	_, err := Run(ctx, planFor(t, serve(t, a)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want that of the context", err)
	}
}
