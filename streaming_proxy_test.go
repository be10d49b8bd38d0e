package session_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// accept is the answer to the key of a WebSocket handshake (RFC 6455, section 4.2.2).
func accept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A socket is one end of a WebSocket that sends and receives short texts. Those of a
// client are masked, with zeros here.
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

// echo upgrades, and answers every text with the owner and the text, which it stores.
func echo(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("opened", true)
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
		s.Append("texts", text)
		ws.send(s.Owner() + " said " + text)
	}
}

// dial opens a WebSocket with a client's cookies, which keeps those that it gets.
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

// TestWebSocket: the handshake carries the session, both ways; what is said on the
// socket is stored when it closes, unless the visitor has logged out meanwhile.
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
		info, err := g.Show(t.Context(), token.ID)
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

// TestTimeoutHandlerServer: around and inside, the client gets one whole answer,
// with the cookie or without it.
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
			if around { // nobody is told whether the login was stored
				equal(t, what+"cookies with the time-out", len(res.Cookies()), 0)
				continue
			}
			want := "200 ada 0"
			if len(res.Cookies()) == 1 { // the login was in time for the answer
				want = "200 eve 0"
			}
			equal(t, what+"page", visitPage(t, c, srv.URL+"/show"), want)
		}
	}
}

// proxy passes requests on to a server.
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

// events streams server-sent events, as many as next lets it.
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

// follow reads the events of a stream, of which each is sent when the one before has
// arrived, and returns what came before its header.
func follow(t *testing.T, c *http.Client, url string, next chan<- struct{}) (res *http.Response, hints string) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints += fmt.Sprint(code, h["Link"], h["Set-Cookie"])
		return nil
	}})
	go func() { next <- struct{}{} }() // the header comes with the first flush
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

// TestReverseProxyAround: the session is behind a proxy, which passes on cookies,
// hints, events and sockets.
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

			// The proxy has given the request another Host, so that its Origin alone looks
			// foreign. A browser says by Sec-Fetch-Site that it is not.
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
				return // which upgrades to no socket
			}
			ws, _ := dial(t, c, front.URL+"/socket")
			talk(t, ws, "ada")
			<-done
			info, err := g.Show(t.Context(), g.spy.all()[0].ID)
			equal(t, "stored", string(info.Document()), `{"stream":true,"n":2,"opened":true,"texts":["hello","bye"]}`)
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReverseProxyInside: the proxy is a handler with a session; what stands behind
// it has none. Its cookies, hints, events and sockets pass, and the session's cookie
// comes with them.
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

// TestReverseProxyFailedCommit: the client gets the error, whole, and nothing of what
// the server behind has answered.
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
		equal(t, proto+": page", visitPage(t, c, front.URL), "503 Service Unavailable\n")
	}
}
