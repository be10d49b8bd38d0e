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

// A Client behaves like one browser in everything that affects sessions. It keeps
// cookies by the rules of RFC 6265bis, including name prefixes and SameSite, follows
// redirects, and sends the Sec-Fetch, Origin and Referer headers that belong to each
// action. It has no cache, runs no scripts, and knows neither public suffixes nor
// partitioned cookies.
//
// A client is one tab of the browser; [Client.Tab] opens another one. A target is a path or
// a URL. The methods are safe for concurrent use. If a request gets no response, the test
// fails, and the method returns an empty [Response].
type Client struct {
	// Now is the clock for the expiry of cookies. It defaults to [time.Now]. Set it
	// before the first request.
	Now func() time.Time

	// Header is added to every request, for example a User-Agent. Set it before the
	// first request.
	Header http.Header

	tb   testing.TB
	base *url.URL
	page *url.URL // its origin is that of the page that sends the requests
	tab  *tab
	rt   http.RoundTripper
	jar  *jar
	stay bool // do not follow redirects
}

// A Response is a response whose body has been read. Its Request is the last one after
// redirects, and Request.Response is the redirect that led to it.
type Response struct {
	*http.Response
	Text string // the body
}

// NewClient returns a client of a handler, which it serves at https://example.com/ over
// connections in memory. The handler sees a real connection, which it may flush and
// hijack, but no TLS, as behind a proxy. URLs of other sites reach the same handler. The
// server stops at the end of the test. It writes its log, for example panics of the
// handler, to the log of the test.
func NewClient(tb testing.TB, h http.Handler) *Client {
	tb.Helper()
	return newClient(tb, "https://example.com/", serve(tb, h))
}

// NewServerClient returns a client of a test server, over the network. The client does
// not accept Secure cookies from a server without TLS. (Some browsers make an exception
// for localhost.)
func NewServerClient(tb testing.TB, s *httptest.Server) *Client {
	tb.Helper()
	return newClient(tb, s.URL+"/", s.Client().Transport)
}

func newClient(tb testing.TB, base string, rt http.RoundTripper) *Client {
	tb.Helper()
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatalf("the URL of the server is invalid: %v", err)
	}
	return &Client{Now: time.Now, tb: tb, base: u, page: u, tab: &tab{}, rt: rt, jar: &jar{}}
}

// Get navigates to a page, as a click on a link does.
func (c *Client) Get(target string) *Response {
	c.tb.Helper()
	return c.send(http.MethodGet, target, nil, http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"},
	})
}

// Submit submits a form by POST.
func (c *Client) Submit(target string, form url.Values) *Response {
	c.tb.Helper()
	return c.send(http.MethodPost, target, strings.NewReader(form.Encode()), http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Fetch-User": {"?1"},
		"Content-Type": {"application/x-www-form-urlencoded"},
	})
}

// Fetch sends a request as a script does with fetch, with credentials. The body may be
// nil.
func (c *Client) Fetch(method, target string, body io.Reader) *Response {
	c.tb.Helper()
	return c.send(method, target, body, http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}})
}

// Prefetch requests a page that the user may open next.
func (c *Client) Prefetch(target string) *Response {
	c.tb.Helper()
	return c.send(http.MethodGet, target, nil, http.Header{
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}, "Sec-Purpose": {"prefetch"},
	})
}

// Do sends a request that the caller has made, from the current page and with the
// browser's cookies. If the request has no Sec-Fetch-Mode header, Do adds none of a
// browser's headers either, like a plain HTTP client.
func (c *Client) Do(r *http.Request) *Response {
	c.tb.Helper()
	r = r.Clone(r.Context())
	r.RequestURI = "" // httptest sets it, and http.Client refuses it
	r.URL = c.base.ResolveReference(r.URL)
	r.Host = r.URL.Host
	for k, v := range c.Header {
		r.Header[k] = append(r.Header[k], v...)
	}
	mode := r.Header.Get("Sec-Fetch-Mode")
	if mode != "" && r.Header.Get("Referer") == "" {
		if page := c.tab.referrer(); page != "" {
			r.Header.Set("Referer", page)
		}
	}
	client := http.Client{Transport: transport{c}}
	if c.stay {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	w, err := client.Do(r)
	if err != nil {
		c.tb.Errorf("no response: %v", err)
		return &Response{Response: &http.Response{Header: http.Header{}, Body: http.NoBody, Request: r}}
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		c.tb.Errorf("%s %s: incomplete response: %v", r.Method, r.URL, err)
	}
	if mode == "navigate" && r.Header.Get("Sec-Purpose") == "" && (w.StatusCode < 300 || w.StatusCode > 399) {
		c.tab.open(w.Request.URL)
	}
	return &Response{w, string(text)}
}

func (c *Client) send(method, target string, body io.Reader, h http.Header) *Response {
	c.tb.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(c.tb.Context()), method, target, body)
	if err != nil {
		c.tb.Errorf("invalid request: %v", err)
		return &Response{Response: &http.Response{Header: http.Header{}, Body: http.NoBody}}
	}
	maps.Copy(r.Header, h)
	return c.Do(r)
}

// From returns the same browser, with the same cookies, on a page of another origin,
// such as "https://evil.example". The requests that it sends from there are
// cross-site.
func (c *Client) From(origin string) *Client {
	c.tb.Helper()
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Host == "" {
		c.tb.Fatalf("From(%q): want an origin like https://example.org", origin)
	}
	other := *c
	home := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	other.page, other.tab = u, &tab{page: home, fixed: true}
	return &other
}

// Tab opens another tab: it returns the same browser, with the same cookies, which has not
// shown a page yet. Its first request has no Referer. A tab on a page of another origin (see
// [Client.From]) opens one on the same page.
func (c *Client) Tab() *Client {
	other := *c
	other.tab = &tab{}
	if c.tab.fixed {
		other.tab = c.tab
	}
	return &other
}

// NoRedirects returns the same tab, for requests whose redirects it does not follow. A test
// sees their status and Location.
func (c *Client) NoRedirects() *Client {
	other := *c
	other.stay = true
	return &other
}

// Restart simulates a restart of the browser, which deletes cookies without an expiry.
func (c *Client) Restart() { c.jar.restart() }

// Cookie returns the cookie of that name as the client's site set it, or nil if the
// browser has none or it has expired.
func (c *Client) Cookie(name string) *http.Cookie { return c.jar.find(c.base, name, c.Now()) }

// SetCookie stores a cookie as if a response of the client's site had set it. If a
// browser would reject the cookie, the test fails.
func (c *Client) SetCookie(k *http.Cookie) {
	c.tb.Helper()
	if err := c.jar.store(c.base, k, c.Now()); err != nil {
		c.tb.Errorf("cookie %s: %v", k.Name, err)
	}
}

// Session returns the session that the browser's cookie leads to. Like the session that
// the function [Session] returns, it is for reading.
func (c *Client) Session(m *session.Manager) *session.Session {
	c.tb.Helper()
	if k := c.Cookie(m.CookieName()); k != nil {
		return load(c.tb, m, session.Token(k.Value))
	}
	return load(c.tb, m, "")
}
