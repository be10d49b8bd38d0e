package bench

import (
	"net/http"
	"net/url"
	"strings"
)

// HTTP returns a server that calls net/http handlers, one for each action, without TCP. Its
// client makes one allocation per request, the request itself.
func HTTP(handler func(Action) http.Handler, done func() error) Server {
	s := &httpServer{done: done}
	for a := range Actions {
		s.handlers[a] = handler(a)
	}
	return s
}

type httpServer struct {
	handlers [Actions]http.Handler
	done     func() error
}

func (s *httpServer) Close() error {
	if s.done == nil {
		return nil
	}
	return s.done()
}

// ServeHTTP serves requests over real connections. The path determines the action.
func (s *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handlers[int(r.URL.Path[1]-'a')].ServeHTTP(w, r)
}

func (s *httpServer) Client() Client {
	c := &httpClient{s: s, cookies: make([]string, 1)}
	c.header = http.Header{"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}}
	c.request = http.Request{
		Method: "GET", URL: &url.URL{Path: "/"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.header, Host: "localhost", RemoteAddr: "192.0.2.1:1234", RequestURI: "/", Body: http.NoBody,
	}
	c.recorder.header = make(http.Header)
	return c
}

type httpClient struct {
	s        *httpServer
	header   http.Header
	cookies  []string
	request  http.Request
	recorder recorder
}

func (c *httpClient) Do(a Action, cookie string) int {
	if cookie == "" {
		delete(c.header, "Cookie")
	} else {
		c.cookies[0] = cookie
		c.header["Cookie"] = c.cookies
	}
	r := new(http.Request)
	*r = c.request
	c.recorder.reset()
	c.s.handlers[a].ServeHTTP(&c.recorder, r)
	return c.recorder.status
}

func (c *httpClient) Call(a Action, cookie, arg string) (status int, body, setCookie string) {
	c.header["X-Arg"] = []string{arg}
	defer delete(c.header, "X-Arg")
	status = c.Do(a, cookie)
	return status, string(c.recorder.body), NewCookie(c.recorder.header["Set-Cookie"])
}

// NewCookie returns name=value of the last Set-Cookie header line, or "".
func NewCookie(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	cookie, _, _ := strings.Cut(lines[len(lines)-1], ";")
	return cookie
}

// Arg returns the argument of a request.
func Arg(r *http.Request) string {
	if v := r.Header["X-Arg"]; v != nil {
		return v[0]
	}
	return ""
}

// Answer writes a response with the results of Handle.
func Answer(w http.ResponseWriter, status int, body string) {
	w.WriteHeader(status)
	if body == "ok" {
		_, _ = w.Write(okBody) // a recorder does not fail; a closed connection does not matter
		return
	}
	_, _ = w.Write([]byte(body))
}

var okBody = []byte("ok")

// A recorder is a reusable response writer.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) reset() {
	clear(r.header)
	r.status = 0
	r.body = r.body[:0]
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body = append(r.body, b...)
	return len(b), nil
}
