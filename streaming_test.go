package session_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
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

// protocols are the servers that a client may meet, with TLS, because the cookie is
// Secure.
var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true}

// site serves a handler by TLS, to a client that keeps cookies.
func site(t *testing.T, h http.Handler, http2 bool) (*httptest.Server, *http.Client) {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.EnableHTTP2 = http2
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := srv.Client()
	c.Jar, _ = cookiejar.New(nil)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return srv, c
}

func fetch(t *testing.T, c *http.Client, r *http.Request) *http.Response {
	t.Helper()
	res, err := c.Do(r.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func request(method, url string) *http.Request {
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// visitPage is what a request for a whole answer gets.
func visitPage(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res := fetch(t, c, request("GET", url))
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(body))
}

// mux serves handlers with a session by path.
func (g *rig) mux(handlers map[string]handler) http.Handler {
	m := http.NewServeMux()
	for path, h := range handlers {
		m.Handle(path, g.HandlerFunc(h))
	}
	return m
}

// closing tells when a handler has returned and its session is committed.
func closing(h http.Handler, path string) (http.Handler, chan struct{}) {
	done := make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.URL.Path == path {
			close(done)
		}
	}), done
}

func signIn(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") }

func showCount(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	fmt.Fprint(w, s.Owner(), " ", session.Get(s, "n", 0))
}

func leave(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() }

// TestStreams: in both protocols the cookie comes with the first chunk, the rest
// while the handler runs, and what it changes on the way is there afterwards.
func TestStreams(t *testing.T) {
	for proto, http2 := range protocols {
		t.Run(proto, func(t *testing.T) {
			g := newRig(t)
			next := make(chan struct{})
			h, done := closing(g.mux(map[string]handler{"/show": showCount, "/stream": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
				w.Header().Set("Trailer", "X-Sum")
				s.Login("ada")
				for i := range 3 {
					fmt.Fprintln(w, i)
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Errorf("Flush: %v", err)
					}
					add(w, nil, s)
					<-next
				}
				w.Header().Set("X-Sum", "3")
			}}), "/stream")
			srv, c := site(t, h, http2)
			res := fetch(t, c, request("GET", srv.URL+"/stream"))
			equal(t, "protocol", res.Proto, proto)
			equal(t, "cookies", len(res.Cookies()), 1)
			equal(t, "length", res.ContentLength, -1)
			lines := bufio.NewReader(res.Body)
			for i := range 3 {
				if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintln(i) {
					t.Fatalf("chunk %d = %q, %v", i, line, err)
				}
				if i == 0 {
					equal(t, "page during the stream", visitPage(t, c, srv.URL+"/show"), "200 ada 0")
				}
				next <- struct{}{}
			}
			rest, err := io.ReadAll(lines)
			if len(rest) > 0 || err != nil {
				t.Errorf("end of the stream: %q, %v", rest, err)
			}
			equal(t, "trailer", res.Trailer.Get("X-Sum"), "3")
			equal(t, "cookies in the trailer", len(res.Trailer["Set-Cookie"]), 0)
			<-done
			equal(t, "data", g.data(t, res.Cookies()[0].Value)["n"], any(int64(3)))
		})
	}
}

// TestLogoutDuringAStream: the stream goes on to its end, stores nothing, and brings
// nothing back.
func TestLogoutDuringAStream(t *testing.T) {
	for proto, http2 := range protocols {
		t.Run(proto, func(t *testing.T) {
			g := newRig(t)
			next := make(chan struct{})
			h, done := closing(g.mux(map[string]handler{
				"/show": showCount, "/login": signIn, "/logout": leave,
				"/stream": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
					add(w, nil, s)
					w.(http.Flusher).Flush()
					<-next
					add(w, nil, s)
					fmt.Fprint(w, "end")
				},
			}), "/stream")
			srv, c := site(t, h, http2)
			visitPage(t, c, srv.URL+"/login")
			res := fetch(t, c, request("GET", srv.URL+"/stream"))
			equal(t, "before the logout", visitPage(t, c, srv.URL+"/show"), "200 ada 1")
			visitPage(t, c, srv.URL+"/logout")
			close(next)
			body, err := io.ReadAll(res.Body)
			if string(body) != "end" || err != nil {
				t.Errorf("stream = %q, %v", body, err)
			}
			equal(t, "after the logout", visitPage(t, c, srv.URL+"/show"), "200  0")
			<-done
			equal(t, "records", len(g.spy.all()), 0)
			if got := g.kinds(); !strings.HasSuffix(got, "dropped late") {
				t.Errorf("events = %q, want dropped and late in the end", got)
			}
		})
	}
}

// TestClosedTab: the client goes away in the middle; what the handler stores when it
// notices is stored.
func TestClosedTab(t *testing.T) {
	for proto, http2 := range protocols {
		t.Run(proto, func(t *testing.T) {
			g := newRig(t)
			h, done := closing(g.mux(map[string]handler{"/": func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				s.Set("stream", true)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				s.Set("closed", true)
			}}), "/")
			srv, c := site(t, h, http2)
			res := fetch(t, c, request("GET", srv.URL+"/"))
			res.Body.Close()
			<-done
			equal(t, "values", len(g.data(t, res.Cookies()[0].Value)), 2)
		})
	}
}

// TestHTTP2 is what that protocol has of its own: many requests of one session at
// once on one connection, no hijacking, and hints before the answer.
func TestHTTP2(t *testing.T) {
	g := newRig(t)
	srv, c := site(t, g.mux(map[string]handler{
		"/show": showCount, "/count": add,
		"/login": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			_, flushes := w.(http.Flusher)
			_, hijacks := w.(http.Hijacker)
			equal(t, "http.Flusher", flushes, true)
			equal(t, "http.Hijacker", hijacks, false)
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
				t.Errorf("Hijack: %v", err)
			}
			if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
				t.Errorf("SetWriteDeadline: %v", err)
			}
			s.Login("ada")
		},
		"/fail": func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
			s.Set("bad", make(chan int))
			w.Header().Set("X-Secret", "1")
			io.WriteString(w, "secret")
		},
	}), true)
	var hints []string
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h["Link"], h["Set-Cookie"]))
		return nil
	}})
	res, err := c.Do(request("GET", srv.URL+"/login").WithContext(trace))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	equal(t, "hints", strings.Join(hints, " "), "103 [</style.css>; rel=preload] []")
	equal(t, "cookies", len(res.Cookies()), 1)

	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { equal(t, "answer", visitPage(t, c, srv.URL+"/count"), "200 ") })
	}
	wg.Wait()
	equal(t, "page", visitPage(t, c, srv.URL+"/show"), "200 ada 50")

	failed := fetch(t, c, request("GET", srv.URL+"/fail"))
	body, _ := io.ReadAll(failed.Body)
	equal(t, "status of a failed commit", failed.StatusCode, http.StatusInternalServerError)
	equal(t, "body of a failed commit", string(body), "Internal Server Error\n")
	equal(t, "header of the failed handler", failed.Header.Get("X-Secret"), "")
}

// A wire is a connection that notes what it is asked to send by itself.
type wire struct {
	net.Conn
	note func(r io.Reader, n int64)
}

func (w *wire) ReadFrom(r io.Reader) (int64, error) {
	source := r
	if l, ok := r.(*io.LimitedReader); ok {
		source = l.R
	}
	n, err := w.Conn.(*net.TCPConn).ReadFrom(r)
	w.note(source, n)
	return n, err
}

type wires struct {
	net.Listener
	note func(r io.Reader, n int64)
}

func (l wires) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &wire{c, l.note}, err
}

// TestSendfile: a file with a session around it goes from the file itself to the
// connection, which is where the kernel takes over.
func TestSendfile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file.bin")
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 1) // the handler has returned
	inner, outer := newRig(t), newRig(t, func(c *session.Config) { c.Cookie.Name = "outer" })
	files := inner.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		defer func() { done <- struct{}{} }()
		s.Set("download", true)
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		http.ServeContent(w, r, "file.bin", time.Unix(1, 0), f)
	})
	later := time.Unix(2, 0).UTC().Format(http.TimeFormat)
	var sent int64
	note := func(r io.Reader, n int64) {
		if _, ok := r.(*os.File); !ok {
			t.Errorf("the connection reads from a %T, want the file", r)
		}
		sent += n
	}
	for what, h := range map[string]http.Handler{"one manager": files, "two managers": outer.Handler(files)} {
		srv := httptest.NewUnstartedServer(h)
		srv.Listener = wires{srv.Listener, note}
		srv.Start()
		for header, want := range map[string]struct {
			status int
			body   []byte
		}{
			"Range: bytes=0-":             {http.StatusPartialContent, content},
			"Range: bytes=1000-100999":    {http.StatusPartialContent, content[1000:101000]},
			"Range: bytes=-16":            {http.StatusPartialContent, content[:16]},
			"If-Range: \"another\"":       {http.StatusOK, content},
			"If-Modified-Since: " + later: {http.StatusNotModified, nil},
		} {
			r := request("GET", srv.URL)
			name, value, _ := strings.Cut(header, ": ")
			r.Header.Set(name, value)
			sent = 0
			res := fetch(t, srv.Client(), r)
			body, err := io.ReadAll(res.Body)
			<-done
			if res.StatusCode != want.status || err != nil || !bytes.Equal(body, want.body) || len(res.Cookies()) == 0 {
				t.Errorf("%s, %s: status %d, %d bytes, %v, cookies %v; want %d and %d", what, header, res.StatusCode, len(body), err, res.Cookies(), want.status, len(want.body))
			}
			if sent < int64(len(want.body))-512 { // the server looks at the first 512 by itself
				t.Errorf("%s, %s: the connection took %d bytes from the file, want %d but for the first 512", what, header, sent, len(want.body))
			}
		}
		srv.Close()
	}
}
