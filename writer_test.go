package session_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// serve runs a handler with a session on a real server on the loopback interface.
func (g *rig) serve(t *testing.T, h handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(g.HandlerFunc(h))
	t.Cleanup(srv.Close)
	return srv
}

func get(ctx context.Context, t *testing.T, url string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// TestEarlyHints: a 1xx status is not final, and the session may change after it.
func TestEarlyHints(t *testing.T) {
	g := newRig(t)
	srv := g.serve(t, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		w.Header().Set("Link", "</style.css>; rel=preload; as=style")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		s.Set("a", 1)
		w.WriteHeader(http.StatusOK)
	})
	var hints []string
	res := get(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			hints = append(hints, fmt.Sprint(code, " ", h["Set-Cookie"], h["Link"] != nil))
			return nil
		},
	}), t, srv.URL)
	equal(t, "informational answers", strings.Join(hints, ", "), "103 [] true, 102 [] true")
	equal(t, "status", res.StatusCode, http.StatusOK)
	equal(t, "cookies", len(res.Cookies()), 1)
}

// TestServerSentEvents: the cookie comes with the first flush, the events while the
// handler runs, and changes during the stream are committed at the end.
func TestServerSentEvents(t *testing.T) {
	g := newRig(t)
	next, done := make(chan struct{}), make(chan struct{})
	srv := g.serve(t, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		defer close(done)
		w.Header().Set("Content-Type", "text/event-stream")
		rc := http.NewResponseController(w)
		if err := rc.SetWriteDeadline(time.Time{}); err != nil {
			t.Errorf("SetWriteDeadline: %v", err)
		}
		s.Set("stream", true)
		for i := range 3 {
			if err := rc.Flush(); err != nil {
				t.Errorf("Flush: %v", err)
			}
			<-next
			fmt.Fprintf(w, "data: %d\n\n", i)
			s.Set("last", i)
		}
	})
	res := get(t.Context(), t, srv.URL)
	if len(res.Cookies()) != 1 {
		t.Fatalf("cookies = %v, want one", res.Cookies())
	}
	equal(t, "stored at the first flush", g.data(t, res.Cookies()[0].Value)["stream"], any(true))
	body := bufio.NewReader(res.Body)
	for i := range 3 {
		next <- struct{}{}
		if line, err := body.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d = %q, %v", i, line, err)
		}
		body.ReadString('\n')
	}
	if _, err := body.ReadByte(); err != io.EOF {
		t.Errorf("end of stream: %v", err)
	}
	srv.Close()
	equal(t, "stored at the end", g.data(t, res.Cookies()[0].Value)["last"], any(int64(2)))
}

// TestHijackServer: the handler owns the connection, and finds the cookie in the header
// for the response that it writes.
func TestHijackServer(t *testing.T) {
	g := newRig(t)
	srv := g.serve(t, func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("socket", true)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		defer conn.Close()
		h := w.Header().Clone()
		h.Set("Connection", "Upgrade")
		h.Set("Upgrade", "echo")
		fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\n")
		h.Write(rw)
		fmt.Fprint(rw, "\r\nhello")
		rw.Flush()
	})
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols || len(res.Cookies()) != 1 {
		t.Fatalf("answer = %v, %v", res, err)
	}
	rest, err := io.ReadAll(in)
	equal(t, "after the upgrade", string(rest), "hello")
	equal(t, "stored", g.data(t, res.Cookies()[0].Value)["socket"], any(true))
	if err != nil {
		t.Error(err)
	}
}

// TestServeFile: a file reaches the ReadFrom of the server through the wrapper, so that
// sendfile can be used.
func TestServeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file.bin")
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	g := newRig(t)
	files := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("download", true)
		http.ServeFile(w, r, name)
	}
	res := get(t.Context(), t, g.serve(t, files).URL+"/file.bin")
	got, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Equal(got, content) || len(res.Cookies()) != 1 {
		t.Errorf("%d bytes, %v, cookies %v; want %d bytes and a cookie", len(got), err, res.Cookies(), len(content))
	}

	w := &witness{ResponseRecorder: httptest.NewRecorder(), stored: -1, count: func() int { return len(g.spy.all()) }}
	g.HandlerFunc(files).ServeHTTP(w, newBrowser().request("GET"))
	equal(t, "calls below", strings.Join(w.calls, " "), "WriteHeader ReadFrom")
	equal(t, "stored at the first byte", w.stored, 2)
}

// The kinds of writers that a server or another middleware may pass.
type (
	bare        struct{ http.ResponseWriter }
	flusher     struct{ http.ResponseWriter }
	hijacker    struct{ http.ResponseWriter }
	both        struct{ http.ResponseWriter }
	errFlusher  struct{ http.ResponseWriter }
	unwrapper   struct{ http.ResponseWriter } // hides what it can unwrap to
	pushingBoth struct{ both }
	notifier    struct{ http.ResponseWriter }
	readerFrom  struct{ http.ResponseWriter }
)

var errTest = errors.New("test")

func (flusher) Flush()                                              {}
func (hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error)       { return nil, nil, errTest }
func (both) Flush()                                                 {}
func (both) Hijack() (net.Conn, *bufio.ReadWriter, error)           { return nil, nil, errTest }
func (errFlusher) FlushError() error                                { return errTest }
func (u unwrapper) Unwrap() http.ResponseWriter                     { return u.ResponseWriter }
func (p pushingBoth) Push(target string, _ *http.PushOptions) error { return errors.New(target) }
func (notifier) CloseNotify() <-chan bool                           { return nil }
func (readerFrom) ReadFrom(io.Reader) (int64, error)                { return 0, errTest }

// TestField17Below is TestField17Combinations on the writers of servers and of other
// middleware. Of Flush and Hijack, what can be unwrapped counts: a ResponseController
// would find it there, past the commit.
func TestField17Below(t *testing.T) {
	rec := httptest.NewRecorder()
	tests := []struct {
		name string
		w    http.ResponseWriter
		want string
	}{
		{"nothing", bare{rec}, ""},
		{"recorder", rec, "Flush WriteString"},
		{"flusher", flusher{rec}, "Flush"},
		{"hijacker", hijacker{rec}, "Hijack"},
		{"both", both{rec}, "Flush Hijack"},
		{"flusher with an error", errFlusher{rec}, "Flush"},
		{"hidden flusher", unwrapper{flusher{rec}}, "Flush"},
		{"hidden hijacker", unwrapper{unwrapper{hijacker{rec}}}, "Hijack"},
		{"both hidden", unwrapper{both{rec}}, "Flush Hijack"},
		{"nothing hidden", unwrapper{bare{rec}}, ""},
		{"hidden in part", unwrapper{pushingBoth{both{rec}}}, "Flush Hijack"},
		{"pusher", pushingBoth{both{rec}}, "Flush Hijack Push"},
		{"notifier", notifier{rec}, "CloseNotify"},
		{"reader", readerFrom{rec}, "ReadFrom"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := newRig(t)
			g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				equal(t, "offers", offered(w), c.want)
				canFlush, canHijack := strings.Contains(c.want, "Flush"), strings.Contains(c.want, "Hijack")
				s.Set("a", 1)
				rc := http.NewResponseController(w)
				equal(t, "Flush not supported", errors.Is(rc.Flush(), http.ErrNotSupported), !canFlush)
				equal(t, "committed by Flush", !s.IsNew(), canFlush)
				_, _, err := rc.Hijack()
				equal(t, "Hijack not supported", errors.Is(err, http.ErrNotSupported), !canHijack)
				equal(t, "committed", !s.IsNew(), canFlush || canHijack)
			}).ServeHTTP(c.w, newBrowser().request("GET"))
		})
	}
}

// offered lists what a writer offers, FlushError with Flush.
func offered(w http.ResponseWriter) string {
	var names []string
	add := func(ok bool, name string) {
		if ok {
			names = append(names, name)
		}
	}
	_, flush := w.(http.Flusher)
	_, flushError := w.(interface{ FlushError() error })
	_, hijack := w.(http.Hijacker)
	_, push := w.(http.Pusher)
	_, notify := w.(interface{ CloseNotify() <-chan bool })
	_, read := w.(io.ReaderFrom)
	_, str := w.(io.StringWriter)
	add(flush || flushError, "Flush")
	add(hijack, "Hijack")
	add(push, "Push")
	add(notify, "CloseNotify")
	add(read, "ReadFrom")
	add(str, "WriteString")
	return strings.Join(names, " ")
}

// TestField17Servers: around the handler there is what the servers of net/http offer
// without the middleware, deadlines and full duplex included.
func TestField17Servers(t *testing.T) {
	for proto, http2 := range protocols {
		g := newRig(t)
		var without, with string
		look := func(w http.ResponseWriter) string {
			rc := http.NewResponseController(w)
			return fmt.Sprint(offered(w), rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}), rc.EnableFullDuplex())
		}
		inner := g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
			with = look(w)
			select {
			case <-w.(interface{ CloseNotify() <-chan bool }).CloseNotify():
				t.Error("the client is said to be gone")
			default:
			}
		})
		srv, c := site(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			without = look(w)
			inner.ServeHTTP(w, r)
		}), http2)
		equal(t, proto, visitPage(t, c, srv.URL), "200 ")
		equal(t, proto+": with the middleware", with, without)
		if want := map[bool]string{true: "Push", false: "Hijack"}[http2]; !strings.Contains(without, want) {
			t.Errorf("%s offers %s, want %s among it", proto, without, want)
		}
	}
}

// TestPush is passed down, and commits nothing.
func TestPush(t *testing.T) {
	g := newRig(t)
	g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("a", 1)
		if err := w.(http.Pusher).Push("/style.css", nil); err == nil || err.Error() != "/style.css" {
			t.Errorf("Push = %v, want what is below to answer", err)
		}
		equal(t, "still new", s.IsNew(), true)
	}).ServeHTTP(pushingBoth{both{httptest.NewRecorder()}}, newBrowser().request("GET"))
}

// TestTimeoutHandlerAround: after the timeout, writes of the handler fail, and what it
// stored stays stored.
func TestTimeoutHandlerAround(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	finished := make(chan error)
	h := http.TimeoutHandler(g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		<-r.Context().Done()
		s.Set("data", "after")
		for {
			if _, err := io.WriteString(w, "page"); err != nil {
				finished <- err
				return
			}
		}
	}), time.Millisecond, "too slow")
	rep := b.send(h)
	rep.expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "body", rep.Body.String(), "too slow")
	if err := <-finished; !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("write after the time-out: %v", err)
	}
	equal(t, "data", g.data(t, g.token(b))["data"], any("after"))

	quick := http.TimeoutHandler(g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login("ada")
		io.WriteString(w, "page")
	}), time.Hour, "")
	b.send(quick).expect(t, http.StatusOK, 1)
}

// TestTimeoutHandlerInside: the response of the timeout begins the response. What the
// handler does afterwards reaches neither client nor store.
func TestTimeoutHandlerInside(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "before")
	asked, over, finished := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	rep := b.send(g.Handler(http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			t.Error(err)
		}
		close(asked)
		<-over
		s.Login("eve")
		_, err = io.WriteString(w, "page")
		finished <- err
	}), time.Millisecond, "too slow")))
	<-asked
	close(over)
	rep.expect(t, http.StatusServiceUnavailable, 0)
	equal(t, "body", rep.Body.String(), "too slow")
	if err := <-finished; !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("write after the time-out: %v", err)
	}
	s, err := g.Load(t.Context(), session.Token(g.token(b)))
	if err != nil || s.Owner() != "" || session.Get(s, "data", "") != "before" {
		t.Errorf("owner %q, data %v, %v", s.Owner(), s.All(), err)
	}

	b.send(g.Handler(http.TimeoutHandler(g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Login("ada")
		io.WriteString(w, "page")
	}), time.Hour, ""))).expect(t, http.StatusOK, 1)
}

// TestFullDuplex: methods that the wrapper does not know are reached through Unwrap.
func TestFullDuplex(t *testing.T) {
	srv := newRig(t).serve(t, func(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Errorf("EnableFullDuplex: %v", err)
		}
	})
	equal(t, "status", get(t.Context(), t, srv.URL).StatusCode, http.StatusOK)
}

// TestGoroutinesOfOneRequest: several goroutines use the session while the response
// begins. The race detector checks it, and no write before the first byte is lost.
func TestGoroutinesOfOneRequest(t *testing.T) {
	g := newRig(t)
	b := g.signedUp(t, "x")
	g.visit(b, func(w http.ResponseWriter, r *http.Request, _ *session.Session) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				s, err := session.From(r.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for range 10 {
					s.Set(fmt.Sprintf("keys.k%d", i), i)
					s.Append("list", i)
					session.Update(s, "n", func(n int) int { return n + 1 })
					session.Get(s, "n", 0)
					session.Pop(s, "data", "")
					s.Flash("f", i)
					s.Keep("f")
					s.All()
					s.Has("keys")
					s.Keys()
					s.Owner()
					s.ExpiresAt()
					s.ID()
					s.Err()
					_ = fmt.Sprint(s)
				}
				if i == 0 {
					io.WriteString(w, "page") // the others continue
				}
			})
		}
		wg.Wait()
	}).expect(t, http.StatusOK, 0)
	got := g.data(t, g.token(b))
	list, _ := got["list"].([]any)
	keys, _ := got["keys"].(map[string]any)
	if got["n"] != int64(80) || len(list) != 80 || len(keys) != 8 || got["data"] != nil {
		t.Errorf("n = %v, %d in the list, %d keys, data %v", got["n"], len(list), len(keys), got["data"])
	}
}

// A lookingStore gets the session from its context, as a store with tracing may do.
type lookingStore struct {
	*spyStore
	look func(context.Context)
}

func (s lookingStore) Load(ctx context.Context, id session.ID) (session.Record, error) {
	s.look(ctx)
	return s.spyStore.Load(ctx, id)
}

func (s lookingStore) Create(ctx context.Context, r session.Record) error {
	s.look(ctx)
	return s.spyStore.Create(ctx, r)
}

func (s lookingStore) Update(ctx context.Context, r session.Record) error {
	s.look(ctx)
	return s.spyStore.Update(ctx, r)
}

func (s lookingStore) Delete(ctx context.Context, id session.ID) error {
	s.look(ctx)
	return s.spyStore.Delete(ctx, id)
}

type lookingHandler struct {
	slog.Handler
	look func(context.Context)
}

func (h lookingHandler) Handle(ctx context.Context, r slog.Record) error {
	h.look(ctx)
	return h.Handler.Handle(ctx, r)
}

// TestLookingFromBelow: a store, a log handler or an OnEvent that gets the session from
// its context never waits for the request that waits for it.
func TestLookingFromBelow(t *testing.T) {
	type key struct{}
	looks := 0
	look := func(ctx context.Context) {
		looks++
		if ctx.Value(key{}) != "value" {
			t.Error("the context has not the values of the request")
		}
		if s, err := session.From(ctx); err == nil {
			s.Owner()
		}
	}
	spy := newSpyStore()
	g := newRigOn(t, lookingStore{spy, look}, func(c *session.Config) {
		c.OnEvent = func(ctx context.Context, _ session.Event) { look(ctx) }
		c.Logger = slog.New(lookingHandler{c.Logger.Handler(), look})
	})
	b := g.with("malformed")
	visit := func(f func(s *session.Session)) {
		h := g.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			f(s)
			io.WriteString(w, "page")
			s.SetPersistent(true)
		})
		b.send(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "value")))
		}))
	}
	visit(func(s *session.Session) { s.Set("a", 1) })
	visit(func(s *session.Session) { s.Login("ada") })
	visit(func(s *session.Session) { s.Set("a", make(chan int)) })
	visit(func(s *session.Session) { s.Invalidate() })
	visit(func(s *session.Session) { s.Set("a", 1) })
	spy.hook(func(string, session.ID) error { return session.ErrFull }, nil)
	visit(func(s *session.Session) { s.Set("a", 1) })
	if looks < 20 {
		t.Errorf("only %d looks", looks)
	}
}

// hijack takes over the connection, as gorilla/websocket does.
func hijack(w http.ResponseWriter, _ *http.Request, _ *session.Session) {
	http.NewResponseController(w).Hijack()
}

// switchProtocols answers a 101 first, as coder/websocket does.
func switchProtocols(w http.ResponseWriter, r *http.Request, s *session.Session) {
	w.WriteHeader(http.StatusSwitchingProtocols)
	hijack(w, r, s)
}

// TestField08Rotation: a connection that is taken over may carry no cookie, so its token
// is not replaced; the next page does that.
func TestField08Rotation(t *testing.T) {
	for what, take := range map[string]handler{"Hijack": hijack, "101": switchProtocols} {
		for _, change := range []handler{read, add} {
			g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
			b := g.signedUp(t, "x")
			old := g.token(b)
			g.clock.Advance(11 * time.Minute)
			w := &witness{ResponseRecorder: httptest.NewRecorder(), count: func() int { return 0 }}
			g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				change(w, r, s)
				take(w, r, s)
			}).ServeHTTP(w, b.request("GET"))
			equal(t, what+": cookies", len(w.Header()["Set-Cookie"]), 0)
			equal(t, what+": last activity", g.spy.all()[0].LastActivity, g.clock.Now())
			g.clock.Advance(5 * time.Minute)
			equal(t, what+": data after the grace", g.data(t, old)["data"], any("x"))
			g.visit(b, read).expect(t, http.StatusOK, 1)
			equal(t, what+": warnings", g.log(), "")
		}
	}
}

// TestField08NewToken: a session that begins on a hijacked connection, or a login there, is
// stored, and its cookie is in the headers for whoever sends them. That they must be sent
// is logged once. A 101 sends them itself.
func TestField08NewToken(t *testing.T) {
	for what, change := range map[string]handler{"new session": write, "login": login} {
		for _, take := range []struct {
			h    handler
			warn int
		}{{hijack, 1}, {switchProtocols, 0}} {
			g := newRig(t)
			for range 2 {
				b := newBrowser()
				if what == "login" {
					b = g.signedUp(t, "x")
				}
				w := &witness{ResponseRecorder: httptest.NewRecorder(), count: func() int { return 0 }}
				g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					change(w, r, s)
					take.h(w, r, s)
				}).ServeHTTP(w, b.request("GET"))
				cookies := (&http.Response{Header: w.Header()}).Cookies()
				if len(cookies) != 1 {
					t.Fatalf("%s: cookies = %v, want one in the headers", what, cookies)
				}
				s := load(t, g.Manager, session.Token(cookies[0].Value))
				equal(t, what+": stored", s.IsNew(), false)
			}
			equal(t, what+": warnings", strings.Count(g.log(), "Upgrade(w, r, w.Header())"), take.warn)
		}
	}
}

// A knowing writer knows whether a response has begun, as those of gin and negroni do.
type knowing struct {
	http.ResponseWriter
	written bool
}

func (k *knowing) Written() bool { return k.written }

func (k *knowing) Write(b []byte) (int, error) {
	k.written = true
	return k.ResponseWriter.Write(b)
}

// TestField27PassedBy: a handler that was given another writer answers past the
// middleware. What needs a cookie then fails instead of signing the visitor out, the rest
// is stored, the page stays whole, and the remedy is logged once.
func TestField27PassedBy(t *testing.T) {
	tests := []struct {
		name   string
		change handler
		exists bool
		owner  string // of the session before
		stored bool
	}{
		{"new session", write, false, "", false},
		{"Set", write, true, "", true},
		{"Login", login, true, "", false},
		{"Login over the session of another owner", login, true, "bob", false},
		{"a write that fails", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("", 1) }, true, "", false},
	}
	for _, c := range tests {
		for _, hidden := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				g := newRig(t)
				b := newBrowser()
				if c.exists {
					b = g.signedUp(t, "x")
				}
				if c.owner != "" {
					g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login(c.owner) })
				}
				old := g.token(b)
				for range 2 {
					rep := b.send(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						w = &knowing{ResponseWriter: w}
						below := w
						if hidden {
							below = unwrapper{w}
						}
						g.Handler(plain(func(_ http.ResponseWriter, r *http.Request, s *session.Session) {
							c.change(w, r, s)
							io.WriteString(w, "page")
						})).ServeHTTP(below, r)
					}))
					rep.expect(t, http.StatusOK, 0)
					equal(t, "body", rep.Body.String(), "page")
				}
				equal(t, "events", strings.Contains(g.kinds(), "late"), !c.stored)
				equal(t, "warnings", strings.Count(g.log(), "manager.Handler(router)"), 1)
				if c.exists {
					s := load(t, g.Manager, session.Token(old))
					equal(t, "stored", session.Get(s, "data", "") == "late", c.stored)
					equal(t, "owner", s.Owner(), c.owner)
				} else {
					equal(t, "records", len(g.spy.all()), 0)
				}
			})
		}
	}
}

// TestField27Flash: a page that went past the middleware has used up the messages that it
// showed, and no others: nobody knows whether it was a redirect.
func TestField27Flash(t *testing.T) {
	g := newRig(t)
	b := newBrowser()
	g.visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Flash("shown", 1)
		s.Flash("other", 1)
	})
	b.send(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k := &knowing{ResponseWriter: w}
		g.Handler(plain(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			fmt.Fprint(k, session.Get(s, "shown", 0))
		})).ServeHTTP(k, r)
	}))
	left := g.data(t, g.token(b))
	equal(t, "left", fmt.Sprint(left), "map[other:1]")
}

// TestAttackS8VaryLate: a response that began before its handler asked for the session has
// no Vary: Cookie, so that a cache may give it to another visitor. That is logged once.
func TestAttackS8VaryLate(t *testing.T) {
	early := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { session.From(r.Context()); io.WriteString(w, "page") })
	late := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page"); session.From(r.Context()) })
	socket := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		session.From(r.Context())
	})
	const text = "call From before the first write"
	g := newRig(t)
	b := g.signedUp(t, "x")
	equal(t, "Vary", b.send(g.Handler(early)).Header().Get("Vary"), "Cookie")
	b.send(g.Handler(socket))
	equal(t, "warnings", strings.Count(g.log(), text), 0)
	for range 2 {
		equal(t, "Vary", b.send(g.Handler(late)).Header().Get("Vary"), "")
		equal(t, "warnings", strings.Count(g.log(), text), 1)
	}
}
