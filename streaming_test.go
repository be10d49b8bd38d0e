package session_test

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// protocols are the HTTP versions to test, with TLS, because the cookie is Secure.
var protocols = map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true}

// site serves a handler with TLS, to a client that keeps cookies.
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

// visitPage sends a request and returns the whole response.
func visitPage(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res := fetch(t, c, request("GET", url))
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(body))
}

// mux returns a handler that serves each path with a session.
func (g *rig) mux(handlers map[string]handler) http.Handler {
	m := http.NewServeMux()
	for path, h := range handlers {
		m.Handle(path, g.HandlerFunc(h))
	}
	return m
}

// closing wraps a handler, and returns a channel that is closed when the request of the
// path is done and its session is committed.
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

// TestStreams: in both protocols, the cookie comes with the first chunk and the rest
// while the handler runs. Changes during the stream are stored.
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

// TestLogoutDuringAStream: the stream continues to its end, stores nothing, and does
// not bring the session back.
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

// TestClosedTab: when the client disconnects during the response, what the handler
// stores then is kept.
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

// TestHTTP2 tests what is special in HTTP/2: many concurrent requests of one session on
// one connection, no hijacking, and early hints.
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
	equal(t, "body of a failed commit", string(body), "Internal Server Error. Nothing was saved.\n")
	equal(t, "header of the failed handler", failed.Header.Get("X-Secret"), "")
}

// A wire is a connection that reports each call of ReadFrom.
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

// TestSendfile: a file behind the middleware goes directly from the file to the
// connection, so that the kernel can send it.
func TestSendfile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file.bin")
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<14)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 1) // receives a value when the handler has returned
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
			if sent < int64(len(want.body))-512 { // the server reads the first 512 itself
				t.Errorf("%s, %s: the connection took %d bytes from the file, want %d but for the first 512", what, header, sent, len(want.body))
			}
		}
		srv.Close()
	}
}

// TestFailedCommitBehindAProxy: the client gets the error response although the proxy
// aborts.
func TestFailedCommitBehindAProxy(t *testing.T) {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") }))
	defer back.Close()
	target, err := url.Parse(back.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{MaxBytes: 10, PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Set("a", 1)
		s.Set("b", "too large")
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	resp, err := front.Client().Get(front.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusInternalServerError || string(body) != "Internal Server Error. Nothing was saved.\n" {
		t.Errorf("status %d, body %q, error %v", resp.StatusCode, body, err)
	}
}

// accept returns the response to the key of a WebSocket handshake (RFC 6455, section
// 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A socket is one end of a WebSocket that sends and receives short texts. A client
// masks its texts, here with zeros.
type socket struct {
	io.Writer
	in     *bufio.Reader
	client bool
}

func (s socket) send(text string) error {
	frame := []byte{0x81, byte(len(text))}
	if s.client {
		frame[1] |= 0x80
		frame = append(frame, 0, 0, 0, 0)
	}
	_, err := s.Write(append(frame, text...))
	return err
}

func (s socket) receive() (string, error) {
	head := make([]byte, 2, 6)
	if !s.client {
		head = head[:6]
	}
	if _, err := io.ReadFull(s.in, head); err != nil {
		return "", err
	}
	text := make([]byte, head[1]&0x7f)
	_, err := io.ReadFull(s.in, text)
	return string(text), err
}

// echo upgrades the connection, answers every text with the owner and the text, and
// stores the text.
func echo(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("opened", true)
	converse(w, r, func(text string) (string, bool) {
		s.Append("texts", text)
		return s.Owner() + " said " + text, true
	})
}

// converse upgrades, and answers every text until there is no answer.
func converse(w http.ResponseWriter, r *http.Request, answer func(text string) (string, bool)) {
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	h := w.Header()
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", "websocket")
	h.Set("Sec-WebSocket-Accept", accept(r.Header.Get("Sec-WebSocket-Key")))
	fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\n")
	h.Write(rw)
	fmt.Fprint(rw, "\r\n")
	rw.Flush()
	for ws := (socket{conn, rw.Reader, false}); ; {
		text, err := ws.receive()
		if err != nil {
			return
		}
		reply, ok := answer(text)
		if !ok {
			return
		}
		ws.send(reply)
	}
}

// dial opens a WebSocket with the cookies of a client, and keeps the cookies of the
// response.
func dial(t *testing.T, c *http.Client, url string) (socket, *http.Response) {
	t.Helper()
	r := request("GET", url)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
		r.Header.Set(name, value)
	}
	res := fetch(t, c, r)
	rwc, ok := res.Body.(io.ReadWriteCloser)
	if res.StatusCode != http.StatusSwitchingProtocols || !ok || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("upgrade: %v", res)
	}
	t.Cleanup(func() { rwc.Close() })
	return socket{rwc, bufio.NewReader(rwc), true}, res
}

// talk exchanges two texts, and closes.
func talk(t *testing.T, ws socket, want string) {
	t.Helper()
	for _, text := range []string{"hello", "bye"} {
		if err := ws.send(text); err != nil {
			t.Error(err)
		}
		if got, err := ws.receive(); got != want+" said "+text || err != nil {
			t.Errorf("answer = %q, %v; want that %q said %q", got, err, want, text)
		}
	}
	ws.Writer.(io.Closer).Close()
}

// TestWebSocket: the handshake carries the session in both directions. What is sent on
// the socket is stored when it closes, unless the visitor has logged out in the
// meantime.
func TestWebSocket(t *testing.T) {
	for _, logout := range []bool{false, true} {
		g := newRig(t)
		h, done := closing(g.mux(map[string]handler{"/login": signIn, "/logout": leave, "/socket": echo}), "/socket")
		srv, c := site(t, h, false)
		visitPage(t, c, srv.URL+"/login")
		ws, res := dial(t, c, srv.URL+"/socket")
		equal(t, "cookies", len(res.Cookies()), 0)
		token := g.spy.all()[0]
		if logout {
			visitPage(t, c, srv.URL+"/logout")
		}
		talk(t, ws, "ada")
		<-done
		if logout {
			equal(t, "records after the logout", len(g.spy.all()), 0)
			continue
		}
		info, err := g.Info(t.Context(), token.ID)
		equal(t, "stored", string(info.Document()), `{"opened":true,"texts":["hello","bye"]}`)
		if err != nil {
			t.Error(err)
		}
	}
	g := newRig(t)
	srv, c := site(t, g.mux(map[string]handler{"/socket": echo}), false)
	_, res := dial(t, c, srv.URL+"/socket")
	equal(t, "cookies for a new session", len(res.Cookies()), 1)
}

// TestTimeoutHandlerServer: with http.TimeoutHandler around or inside the middleware,
// the client gets one complete response, with or without the cookie.
func TestTimeoutHandlerServer(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login("eve")
		<-r.Context().Done()
		io.WriteString(w, "page")
	}
	for proto, http2 := range protocols {
		for _, around := range []bool{true, false} {
			g := newRig(t)
			wrap := func(h handler, d time.Duration) http.Handler {
				if around {
					return http.TimeoutHandler(g.HandlerFunc(h), d, "too slow")
				}
				return g.Handler(http.TimeoutHandler(g.HandlerFunc(h), d, "too slow"))
			}
			m := http.NewServeMux()
			m.Handle("/slow", wrap(slow, time.Millisecond))
			m.Handle("/login", wrap(signIn, time.Hour))
			m.Handle("/show", wrap(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				if _, ok := w.(http.Flusher); ok {
					t.Error("the session offers a flush that http.TimeoutHandler has not")
				}
				showCount(w, r, s)
			}, time.Hour))
			srv, c := site(t, m, http2)
			what := fmt.Sprintf("%s, around: %t: ", proto, around)
			equal(t, what+"login", visitPage(t, c, srv.URL+"/login"), "200 ")
			equal(t, what+"page in time", visitPage(t, c, srv.URL+"/show"), "200 ada 0")
			res := fetch(t, c, request("GET", srv.URL+"/slow"))
			body, _ := io.ReadAll(res.Body)
			equal(t, what+"time-out", fmt.Sprint(res.StatusCode, " ", string(body)), "503 too slow")
			if around { // the client cannot know whether the login was stored
				equal(t, what+"cookies with the time-out", len(res.Cookies()), 0)
				continue
			}
			equal(t, what+"cookies with the time-out", len(res.Cookies()), 0)
			equal(t, what+"page", visitPage(t, c, srv.URL+"/show"), "200 ada 0")
		}
	}
}

// proxy returns a handler that forwards requests to a server.
func proxy(to *httptest.Server) *httputil.ReverseProxy {
	target, err := url.Parse(to.URL)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: to.Client().Transport,
	}
}

// events streams server-sent events, one for each value from next.
func events(next <-chan struct{}) handler {
	return func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		s.Set("stream", true)
		for range next {
			fmt.Fprint(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
		}
	}
}

// follow reads the events of a stream, each of which is sent after the previous one has
// arrived. It also returns the early hints.
func follow(t *testing.T, c *http.Client, url string, next chan<- struct{}) (res *http.Response, hints string) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints += fmt.Sprint(code, h["Link"], h["Set-Cookie"])
		return nil
	}})
	go func() { next <- struct{}{} }() // the header is sent with the first flush
	res, err := c.Do(request("GET", url).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for i := range 3 {
		if line, err := lines.ReadString('\n'); line != "data: 1\n" || err != nil {
			t.Fatalf("event = %q, %v", line, err)
		}
		if lines.ReadString('\n'); i < 2 {
			next <- struct{}{}
		}
	}
	close(next)
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("end of the stream: %q, %v", rest, err)
	}
	return res, hints
}

// TestReverseProxyAround: the server with sessions is behind a proxy, which forwards
// cookies, early hints, events and sockets.
func TestReverseProxyAround(t *testing.T) {
	for proto, http2 := range protocols {
		t.Run(proto, func(t *testing.T) {
			g := newRig(t, func(c *session.Config) { c.TrustedOrigins = []string{"https://trusted.example"} })
			next := make(chan struct{})
			h, done := closing(g.mux(map[string]handler{
				"/show": showCount, "/login": signIn, "POST /count": add, "/events": events(next), "/socket": echo,
			}), "/socket")
			back, _ := site(t, h, false)
			front, c := site(t, proxy(back), http2)
			equal(t, "login", visitPage(t, c, front.URL+"/login"), "200 ")
			equal(t, "page", visitPage(t, c, front.URL+"/show"), "200 ada 0")
			res, hints := follow(t, c, front.URL+"/events", next)
			equal(t, "hints", hints, "103 [</style.css>; rel=preload] []")
			equal(t, "cookies", len(res.Cookies()), 0)

			// The proxy has changed the Host, so the Origin alone looks foreign.
			// Sec-Fetch-Site, which browsers send, says that it is not.
			for header, want := range map[string]int{
				"Sec-Fetch-Site: same-origin": http.StatusOK, "Sec-Fetch-Site: cross-site": http.StatusForbidden,
				"X-Old: 1": http.StatusForbidden, "Origin: https://trusted.example": http.StatusOK,
			} {
				r := request("POST", front.URL+"/count")
				r.Header.Set("Origin", front.URL)
				name, value, _ := strings.Cut(header, ": ")
				r.Header.Set(name, value)
				equal(t, header+": status", fetch(t, c, r).StatusCode, want)
			}
			equal(t, "page", visitPage(t, c, front.URL+"/show"), "200 ada 2")
			if http2 {
				return // the test opens sockets only over HTTP/1.1
			}
			ws, _ := dial(t, c, front.URL+"/socket")
			talk(t, ws, "ada")
			<-done
			info, err := g.Info(t.Context(), g.spy.all()[0].ID)
			equal(t, "stored", string(info.Document()), `{"stream":true,"n":2,"opened":true,"texts":["hello","bye"]}`)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReverseProxyInside: the proxy is a handler with a session; the server behind it
// has none. The cookies, early hints, events and sockets of the server pass, together
// with the cookie of the session.
func TestReverseProxyInside(t *testing.T) {
	for proto, http2 := range protocols {
		for _, path := range []string{"/page", "/events", "/socket"} {
			t.Run(proto+path, func(t *testing.T) {
				if http2 && path == "/socket" {
					return
				}
				next := make(chan struct{})
				plain := newRig(t, func(c *session.Config) { c.Cookie.Name = "back" })
				back, _ := site(t, plain.mux(map[string]handler{
					"/page": signIn, "/events": events(next), "/socket": echo,
				}), false)
				g := newRig(t)
				pass := proxy(back)
				h, done := closing(g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
					add(w, r, s)
					pass.ServeHTTP(w, r)
					s.Set("after", true)
				}), path)
				front, c := site(t, h, http2)
				var res *http.Response
				switch path {
				case "/page":
					res = fetch(t, c, request("GET", front.URL+path))
					equal(t, "status", res.StatusCode, http.StatusOK)
				case "/events":
					var hints string
					res, hints = follow(t, c, front.URL+path, next)
					equal(t, "hints", hints, "103 [</style.css>; rel=preload] []")
				case "/socket":
					var ws socket
					ws, res = dial(t, c, front.URL+path)
					talk(t, ws, "")
				}
				<-done
				equal(t, "cookies", len(res.Cookies()), 2)
				for _, k := range res.Cookies() {
					if k.Name == g.CookieName() {
						equal(t, "values", fmt.Sprint(g.data(t, k.Value)), "map[after:true n:1]")
					}
				}
			})
		}
	}
}

// TestReverseProxyFailedCommit: the client gets the complete error response, and
// nothing of the response of the server behind the proxy.
func TestReverseProxyFailedCommit(t *testing.T) {
	for proto, http2 := range protocols {
		back, _ := site(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Secret", "1")
			io.WriteString(w, strings.Repeat("secret", 1<<16))
		}), false)
		g := newRig(t)
		g.spy.hook(func(string, session.ID) error { return errors.New("down") }, nil)
		pass := proxy(back)
		front, c := site(t, g.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			add(w, r, s)
			pass.ServeHTTP(w, r)
		}), http2)
		equal(t, proto+": page", visitPage(t, c, front.URL), "503 Service Unavailable. Your changes may not have been saved. Check before you try again.\n")
	}
}

// chat answers every text of a socket with the owner, and stores it, by a session of its
// own for each message.
func (g *rig) chat(w http.ResponseWriter, r *http.Request, _ *session.Session) {
	cookie, err := r.Cookie(g.CookieNameOf(r))
	if err != nil {
		return
	}
	converse(w, r, func(text string) (string, bool) {
		s, err := g.Load(r.Context(), session.Token(cookie.Value))
		if err != nil || s.IsNew() {
			return "", false
		}
		s.Append("texts", text)
		k, err := g.Commit(r.Context(), s)
		return fmt.Sprint(s.Owner(), " said ", text), k == nil && err == nil
	})
}

// TestField30Socket: what each message of a socket stores by Load and Commit is there at
// once for other requests, stays when the socket fails, keeps the session alive, and ends
// with the session. The token that the browser holds is never replaced.
func TestField30Socket(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
	h, done := closing(g.mux(map[string]handler{"/login": signIn, "/logout": leave, "/socket": g.chat}), "/socket")
	srv, c := site(t, h, false)
	visitPage(t, c, srv.URL+"/login")
	stored := func() string {
		info, err := g.Info(t.Context(), g.spy.all()[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return string(info.Document())
	}
	ws, _ := dial(t, c, srv.URL+"/socket")
	say := func(text, want string) {
		t.Helper()
		if err := ws.send(text); err != nil {
			t.Fatal(err)
		}
		if got, _ := ws.receive(); got != want {
			t.Errorf("answer = %q, want %q", got, want)
		}
	}
	say("hello", "ada said hello")
	equal(t, "stored during the socket", stored(), `{"texts":["hello"]}`)
	g.kinds()
	g.clock.Advance(time.Hour)
	say("still here", "ada said still here")
	equal(t, "stored during the socket", stored(), `{"texts":["hello","still here"]}`)
	equal(t, "last activity", g.spy.all()[0].LastActivity, g.clock.Now())
	equal(t, "events", g.kinds(), "")
	visitPage(t, c, srv.URL+"/logout")
	say("after the logout", "")
	<-done
	equal(t, "records", len(g.spy.all()), 0)
	equal(t, "alarm", strings.Contains(g.log(), "ERROR"), false)
}

// TestField30Load: a session that is loaded again when the response of its request has
// begun can get no cookie, and says so; before that, and for another token, it can.
func TestField30Load(t *testing.T) {
	g := newRig(t, func(c *session.Config) { c.RotateEvery = 10 * time.Minute })
	b, other := g.signedUp(t, "x"), g.signedUp(t, "y")
	g.clock.Advance(11 * time.Minute)
	g.visit(g.with(g.token(b)), func(w http.ResponseWriter, r *http.Request, _ *session.Session) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		for name, change := range map[string]func(s *session.Session){
			"Login":         func(s *session.Session) { s.Login("eve") },
			"Regenerate":    (*session.Session).Regenerate,
			"SetPersistent": func(s *session.Session) { s.SetPersistent(true) },
		} {
			s, err := g.Load(r.Context(), session.Token(g.token(b)))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, name+": WillRotate", s.WillRotate(), false)
			change(s)
			k, err := g.Commit(r.Context(), s)
			if k != nil || !errors.Is(err, session.ErrCommitted) {
				t.Errorf("%s: Commit = %v, %v, want ErrCommitted", name, k, err)
			}
		}
		for what, token := range map[string]string{"another session": g.token(other), "a new session": ""} {
			s, err := g.Load(r.Context(), session.Token(token))
			if err != nil {
				t.Fatal(err)
			}
			s.Login("bob") // of another device
			if k, err := g.Commit(r.Context(), s); k == nil || err != nil {
				t.Errorf("%s: Commit = %v, %v, want a cookie", what, k, err)
			}
		}
	})
	g.visit(g.with(g.token(b)), func(_ http.ResponseWriter, r *http.Request, _ *session.Session) {
		s, err := g.Load(r.Context(), session.Token(g.token(b)))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "WillRotate before the response", s.WillRotate(), true)
	})
}
