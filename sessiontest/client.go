package sessiontest

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// A Client is one browser, as far as a session notices: it keeps cookies by the
// rules of RFC 6265bis, prefixes and SameSite included, follows redirects, and
// sends the Sec-Fetch headers and the Origin of what it does. It has no cache and
// runs no scripts, and knows neither public suffixes nor partitions of cookies.
//
// Targets are paths, or URLs. The methods may be called by many goroutines at
// once, as the tabs of a browser do. A request that gets no response fails the
// test, and returns an empty [Response].
type Client struct {
	// Now is the clock by which cookies expire. Defaults to [time.Now]. Set it before
	// the first request.
	Now func() time.Time

	// Header is added to every request, for example a User-Agent. Set it before the
	// first request.
	Header http.Header

	tb   testing.TB
	base *url.URL
	page *url.URL // what the requests are sent from
	rt   http.RoundTripper
	jar  *jar
}

// A Response is a response with its body read to the end. Its Request is the last
// one after redirects; Request.Response is the redirect that led there.
type Response struct {
	*http.Response
	Text string // the body
}

// NewClient returns a browser in front of a handler, which it serves at
// https://example.com/ over connections in memory. The handler sees a real
// connection, on which it may flush and hijack, but no TLS: that ends at a proxy.
// URLs of other sites reach the same handler. The server ends with the test, and
// what it logs, such as a panic of the handler, is in the test's log.
func NewClient(tb testing.TB, h http.Handler) *Client {
	tb.Helper()
	return newClient(tb, "https://example.com/", serve(tb, h))
}

// NewServerClient returns a browser that uses a test server, over its network
// connections. A server without TLS gets no Secure cookie, unlike from browsers,
// some of which trust their own machine.
func NewServerClient(tb testing.TB, s *httptest.Server) *Client {
	tb.Helper()
	return newClient(tb, s.URL+"/", s.Client().Transport)
}

func newClient(tb testing.TB, base string, rt http.RoundTripper) *Client {
	tb.Helper()
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatalf("address of the server: %v", err)
	}
	return &Client{Now: time.Now, tb: tb, base: u, page: u, rt: rt, jar: &jar{}}
}

// Get opens a page, as a click on a link does.
func (c *Client) Get(target string) *Response {
	c.tb.Helper()
	return c.send(http.MethodGet, target, nil, http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"},
	})
}

// Submit sends a form by POST, and follows the redirect that usually comes.
func (c *Client) Submit(target string, form url.Values) *Response {
	c.tb.Helper()
	return c.send(http.MethodPost, target, strings.NewReader(form.Encode()), http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"},
		"Content-Type": {"application/x-www-form-urlencoded"},
	})
}

// Fetch sends what a script sends by fetch, credentials included. The body may be
// nil.
func (c *Client) Fetch(method, target string, body io.Reader) *Response {
	c.tb.Helper()
	return c.send(method, target, body, http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}})
}

// Prefetch loads a page that the user may open next.
func (c *Client) Prefetch(target string) *Response {
	c.tb.Helper()
	return c.send(http.MethodGet, target, nil, http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Purpose": {"prefetch"},
	})
}

// Do sends a request that the caller has made, from the same page and with the
// same cookies. Without a Sec-Fetch-Mode it gets none of a browser's headers: that
// is a plain HTTP client.
func (c *Client) Do(r *http.Request) *Response {
	c.tb.Helper()
	r = r.Clone(r.Context())
	r.RequestURI = "" // set in requests of httptest
	r.URL = c.base.ResolveReference(r.URL)
	r.Host = r.URL.Host
	for k, v := range c.Header {
		r.Header[k] = append(r.Header[k], v...)
	}
	w, err := (&http.Client{Transport: hop{c}}).Do(r)
	if err != nil {
		c.tb.Errorf("no response: %v", err)
		return &Response{Response: &http.Response{Header: http.Header{}, Body: http.NoBody, Request: r}}
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		c.tb.Errorf("%s %s: half a response: %v", r.Method, r.URL, err)
	}
	return &Response{w, string(text)}
}

func (c *Client) send(method, target string, body io.Reader, h http.Header) *Response {
	c.tb.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(c.tb.Context()), method, target, body)
	if err != nil {
		c.tb.Errorf("no request: %v", err)
		return &Response{Response: &http.Response{Header: http.Header{}, Body: http.NoBody}}
	}
	maps.Copy(r.Header, h)
	return c.Do(r)
}

// From returns the same browser, cookies and all, on a page of another origin,
// such as "https://evil.example": what it sends from there is cross-site.
func (c *Client) From(origin string) *Client {
	c.tb.Helper()
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" {
		c.tb.Fatalf("From(%q): want an origin like https://example.org", origin)
	}
	other := *c
	other.page = u
	return &other
}

// Restart closes the browser and opens it again: cookies without an expiry are
// gone.
func (c *Client) Restart() { c.jar.restart() }

// Cookie returns the cookie of that name as the client's site has set it, or nil
// if the browser has none or it has expired.
func (c *Client) Cookie(name string) *http.Cookie { return c.jar.find(c.base, name, c.Now()) }

// SetCookie stores a cookie as if a response of the client's site had set it. One
// that a browser refuses fails the test.
func (c *Client) SetCookie(k *http.Cookie) {
	c.tb.Helper()
	if err := c.jar.store(c.base, k, c.Now()); err != nil {
		c.tb.Errorf("cookie %s: %v", k.Name, err)
	}
}

// Session returns the session that the browser has with a manager, for reading,
// as the function [Session] does.
func (c *Client) Session(m *session.Manager) *session.Session {
	c.tb.Helper()
	if k := c.Cookie(m.CookieName()); k != nil {
		return load(c.tb, m, session.Token(k.Value))
	}
	return load(c.tb, m, "")
}
