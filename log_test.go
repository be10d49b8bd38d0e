package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// A watcher sees all that managers log and send as events, and all secrets that must not be
// there.
type watcher struct {
	mu       sync.Mutex
	out      bytes.Buffer
	lines    []map[string]any
	messages map[string]slog.Level
	secrets  map[string]string // text: what it is
}

// Write takes a line of the JSON handler.
func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out.Write(b)
	var line map[string]any
	if json.Unmarshal(b, &line) == nil {
		w.lines = append(w.lines, line)
	}
	return len(b), nil
}

func (w *watcher) Enabled(context.Context, slog.Level) bool { return true }
func (w *watcher) WithAttrs([]slog.Attr) slog.Handler       { panic("not used") }
func (w *watcher) WithGroup(string) slog.Handler            { panic("not used") }
func (w *watcher) Handle(ctx context.Context, r slog.Record) error {
	w.mu.Lock()
	w.messages[r.Message] = r.Level
	w.mu.Unlock()
	for _, h := range []slog.Handler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}), slog.NewTextHandler(w, nil)} {
		if err := h.Handle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) event(_ context.Context, e session.Event) {
	js, err := json.Marshal(e)
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(&w.out, "%v %+v %#v %s %v\n", e, e, e, js, err)
	for err := e.Err; err != nil; err = errors.Unwrap(err) {
		fmt.Fprintf(&w.out, "%v %+v\n", err, err)
	}
}

// secret notes a text that must not be seen, in the forms in which it might be.
func (w *watcher) secret(what, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, form := range []string{text, hex.EncodeToString([]byte(text)), base64.StdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text)), fmt.Sprint([]byte(text)), fmt.Sprintf("%q", text)} {
		w.secrets[strings.Trim(form, "[]\"")] = what
	}
}

// keep notes the token that a browser has, and the digest that the store has.
func (w *watcher) keep(g *rig, b *browser) {
	token := g.token(b)
	w.secret("token", token)
	id, sec, _ := strings.Cut(token, ".")
	if sec == "" { // no separator: what follows the ID
		sec = token[len(token)/3:]
	}
	_ = id
	w.secret("secret of a token", sec)
	for _, r := range g.spy.all() {
		w.secret("digest", string(r.Data[8:40])) // see the envelope
	}
}

// signedUp returns a browser with a session, and notes its secrets.
func (w *watcher) signedUp(t *testing.T, g *rig, data string) *browser {
	b := g.signedUp(t, data)
	w.keep(g, b)
	return b
}

// rig returns a rig that the watcher observes.
func (w *watcher) rig(t *testing.T, configure ...func(*session.Config)) *rig {
	return newRig(t, append([]func(*session.Config){func(c *session.Config) {
		c.Logger, c.OnEvent = slog.New(w), w.event
	}}, configure...)...)
}

// TestLogsAndEventsHaveNoSecrets provokes each line that the manager can write, and looks for
// tokens, digests and values, also in the events.
func TestLogsAndEventsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	w := &watcher{messages: map[string]slog.Level{}, secrets: map[string]string{canary: "value"}}
	set := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("data", canary+"2") }
	login := func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") }

	provokeStore(t, w, canary, set)
	provokeData(t, w, canary)
	provokeTokens(t, w, canary, set, login)
	provokeAdvice(t, w, set)
	provokeLate(t, w, canary)

	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.out.String()
	for text, what := range w.secrets {
		if i := strings.Index(seen, text); i >= 0 {
			t.Errorf("a %s is in the log or in an event: …%s", what, seen[max(0, i-200):i+len(text)])
		}
	}
	if len(w.secrets) < 20 {
		t.Errorf("only %d secrets were noted", len(w.secrets))
	}
	for _, line := range w.lines {
		for key := range line {
			if !slices.Contains([]string{"time", "level", "source", "msg", "session"}, key) {
				t.Errorf("attribute %s is outside the group: %v", key, line)
			}
		}
		if source := fmt.Sprint(line["source"]); strings.Contains(source, "(*settings).log ") {
			t.Errorf("the source of a line is the function that writes it: %v", line)
		}
	}
	for _, message := range messagesOf(t) {
		found := false
		for m := range w.messages {
			found = found || strings.HasPrefix(m, message)
		}
		if !found && !strings.Contains(message, "DangerouslyLogChanges") && !strings.Contains(message, "has changed a value") {
			t.Errorf("the test does not provoke %q", message)
		}
	}
	for message, want := range map[string]slog.Level{
		"session: store failed":                  slog.LevelError,
		"session: changes were not stored":       slog.LevelWarn,
		"session: stored record does not":        slog.LevelWarn,
		"session: commit was applied to a newer": slog.LevelDebug,
	} {
		for m, got := range w.messages {
			if strings.HasPrefix(m, message) && got != want {
				t.Errorf("%q has the level %v, want %v", m, got, want)
			}
		}
	}
}

// messagesOf returns the messages in the source.
func messagesOf(t *testing.T) (all []string) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?:\.log\(|\.advise\(|slog\.Level\w+, )[^"\n]*"(session: [^"]*)"`)
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(text), -1) {
			all = append(all, m[1])
		}
	}
	if len(all) < 20 {
		t.Fatalf("the source has %d messages: %q", len(all), all)
	}
	return all
}

// provokeStore lets the store fail, lose a race, and have a damaged record.
func provokeStore(t *testing.T, w *watcher, canary string, set handler) {
	for _, op := range []string{"load", "update", "create", "touch", "delete"} {
		g := w.rig(t)
		b := w.signedUp(t, g, canary)
		g.spy.hook(func(o string, _ session.ID) error {
			if o == op {
				return errors.New("down")
			}
			return nil
		}, nil)
		g.clock.Advance(time.Hour)
		h := set
		switch op {
		case "create":
			b = newBrowser()
		case "touch":
			h = func(http.ResponseWriter, *http.Request, *session.Session) {}
		case "delete":
			h = func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }
		}
		g.visit(b, h)
	}

	g := w.rig(t)
	b := w.signedUp(t, g, canary)
	g.visit(b, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		other := load(t, g.Manager, session.Token(g.token(b)))
		other.Set("other", canary)
		commitOf(t, g.Manager, other)
		set(w, r, s) // is replayed
	})
	r := g.spy.all()[0]
	r.Data = append([]byte(canary), r.Data...)
	g.spy.put(r)
	g.visit(b, set)

	swept := make(chan struct{}, 1)
	m, err := session.New(&failingLister{newSpyStore()}, session.Config{PruneEvery: time.Millisecond, Logger: slog.New(w), OnEvent: func(ctx context.Context, e session.Event) {
		w.event(ctx, e)
		if e.Op == session.OpPrune {
			select {
			case swept <- struct{}{}:
			default:
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	stored(t, m, func(s *session.Session) { s.Set("data", canary) })
	<-swept
	if err := m.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A failingLister cannot prune.
type failingLister struct{ *spyStore }

func (failingLister) Prune(context.Context, time.Time, int) (int, error) {
	return 0, errors.New("down")
}

// A pastWriter tells whether a response has begun, as the writers of gin do.
type pastWriter struct {
	http.ResponseWriter
	written bool
}

func (w *pastWriter) Written() bool { return w.written }
func (w *pastWriter) WriteHeader(status int) {
	w.written = true
	w.ResponseWriter.WriteHeader(status)
}

// provokeData reads and writes values that do not have their type.
func provokeData(t *testing.T, w *watcher, canary string) {
	g := w.rig(t)
	b := w.signedUp(t, g, canary)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		session.Get(s, "data", 0)
		session.Update(s, "data", func(n int) int { return n + 1 })
		s.Set("text", canary)
		s.Set("text.below", canary)
		s.Set("channel", make(chan int))
		_ = s.Err()
		s.Rollback()
	})
	forge(t, g, `{"`+canary+`": nonsense}`)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.All() })
}

// provokeTokens uses tokens that are old, unknown, malformed or several.
func provokeTokens(t *testing.T, w *watcher, canary string, set, login handler) {
	g := w.rig(t, func(c *session.Config) { c.RevokeOnReuse = true })
	b := w.signedUp(t, g, canary)
	old := g.submitting(g.token(b))
	g.visit(b, login)
	w.keep(g, b)
	g.visit(old, set) // replaced
	g.visit(g.with(string(otherToken(t))), set)
	g.visit(g.with("malformed-"+canary), set)

	// The session ends while a request writes.
	g.visit(b, func(rw http.ResponseWriter, r *http.Request, s *session.Session) {
		if err := g.Revoke(context.Background(), s.ID()); err != nil {
			t.Error(err)
		}
		set(rw, r, s)
	})

	// Two valid cookies.
	one, two := w.signedUp(t, g, canary), w.signedUp(t, g, canary)
	r := one.request("GET")
	r.AddCookie(&http.Cookie{Name: g.CookieName(), Value: g.token(two)})
	g.HandlerFunc(set).ServeHTTP(httptest.NewRecorder(), r)

	// Another site has caused the request.
	r = newBrowser().request("GET")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Mode", "no-cors")
	g.HandlerFunc(set).ServeHTTP(httptest.NewRecorder(), r)
	for _, header := range []http.Header{
		{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"}},
		{"Origin": {"https://evil.example"}},
	} {
		r := one.request("POST")
		r.Header["Origin"], r.Header["Sec-Fetch-Site"] = header["Origin"], header["Sec-Fetch-Site"]
		g.HandlerFunc(set).ServeHTTP(httptest.NewRecorder(), r)
	}
}

// provokeAdvice makes the mistakes of a deployment.
func provokeAdvice(t *testing.T, w *watcher, set handler) {
	g := w.rig(t, func(c *session.Config) { c.Cookie.Domain, c.Cookie.DangerouslyDropHostPrefix = "other.example", true })
	g.visit(newBrowser(), set)
	g = w.rig(t)
	g.HandlerFunc(set).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "http://example.com/", nil))
	g = w.rig(t, func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true })
	g.visit(newBrowser(), set)
}

// provokeLate makes changes after the response began, after the request, and in a panic; and
// hijacks.
func provokeLate(t *testing.T, w *watcher, canary string) {
	g := w.rig(t)
	b := w.signedUp(t, g, canary)
	var kept *session.Session
	for _, late := range []handler{
		func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") },
		func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
			other := load(t, g.Manager, session.Token(g.token(b)))
			other.Invalidate()
			commitOf(t, g.Manager, other)
			s.Set("late", canary)
		},
	} {
		g.visit(b, func(rw http.ResponseWriter, r *http.Request, s *session.Session) {
			io.WriteString(rw, "page")
			late(rw, r, s)
			kept = s
		})
	}
	kept.Set("after", canary)

	b = w.signedUp(t, g, canary)
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("big", strings.Repeat(canary, 1<<20))
	})
	recovers := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				rw.WriteHeader(http.StatusInternalServerError)
			}
		}()
		s, err := session.From(r.Context())
		if err != nil {
			t.Error(err)
		}
		s.Set("data", canary)
		panic("test")
	})
	b.send(g.Handler(recovers))
	b.send(g.Handler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, "page")
		_, _ = session.From(r.Context())
	})))
	// A handler writes past the middleware.
	b.send(http.HandlerFunc(func(outer http.ResponseWriter, r *http.Request) {
		past := &pastWriter{ResponseWriter: outer}
		g.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("data", canary)
			past.WriteHeader(http.StatusOK)
		}).ServeHTTP(past, r)
	}))
	server := httptest.NewServer(g.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("data", canary)
		if conn, _, err := http.NewResponseController(rw).Hijack(); err == nil {
			conn.Close()
		}
	}))
	defer server.Close()
	if res, err := http.Get(server.URL); err == nil {
		res.Body.Close()
	}
}
