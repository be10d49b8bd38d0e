package sessiontest

import (
	"context"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A transport sends the requests of a client. The http.Client calls it once for each
// redirect, so headers and cookies follow the target of each request.
type transport struct{ c *Client }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	site := siteOf(t.c.page, r.URL)
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	mode := r.Header.Get("Sec-Fetch-Mode")
	if mode != "" {
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Del("Origin")
		t.shorten(r)
		if !safe || mode == "cors" && site != "same-origin" {
			r.Header.Set("Origin", t.c.page.Scheme+"://"+t.c.page.Host)
		}
	}
	cross, navigation := site == "cross-site", mode == "navigate" || mode == ""
	for _, k := range t.c.jar.send(r.URL, t.c.Now()) {
		if !cross || k.SameSite == http.SameSiteNoneMode || lax(k.Cookie) && navigation && safe {
			r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
		}
	}
	w, err := t.c.rt.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, k := range w.Cookies() {
		if !cross || navigation || k.SameSite == http.SameSiteNoneMode {
			_ = t.c.jar.store(r.URL, k, t.c.Now()) // browsers reject cookies silently
		}
	}
	return w, nil
}

// shorten applies the policy strict-origin-when-cross-origin, the default of browsers, to the
// Referer.
func (t transport) shorten(r *http.Request) {
	from, err := url.Parse(r.Header.Get("Referer"))
	switch {
	case err != nil || from.Host == "":
	case from.Scheme == "https" && r.URL.Scheme == "http":
		r.Header.Del("Referer")
	case from.Scheme != r.URL.Scheme || from.Host != r.URL.Host:
		r.Header.Set("Referer", from.Scheme+"://"+from.Host+"/")
	}
}

// A tab remembers which page it shows.
type tab struct {
	mu    sync.Mutex
	page  *url.URL // nil: none yet
	fixed bool     // requests leave from this page, whatever the tab has navigated to
}

// referrer returns the URL of the page without what a Referer never contains, or "".
func (t *tab) referrer() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.page == nil {
		return ""
	}
	u := *t.page
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u.String()
}

// open makes u the page of the tab.
func (t *tab) open(u *url.URL) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.fixed {
		t.page = u
	}
}

// lax reports whether navigations from other sites may send the cookie. Browsers treat a
// cookie without SameSite as Lax.
func lax(k *http.Cookie) bool {
	return k.SameSite != http.SameSiteStrictMode && k.SameSite != http.SameSiteNoneMode
}

// siteOf returns the Sec-Fetch-Site header of a request. A host and its subdomains are
// the same site.
func siteOf(from, to *url.URL) string {
	a, b := from.Hostname(), to.Hostname()
	switch {
	case from.Scheme == to.Scheme && from.Host == to.Host:
		return "same-origin"
	case from.Scheme == to.Scheme && (a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)):
		return "same-site"
	}
	return "cross-site"
}

// serve serves the handler over pipes until the end of the test. A recorder instead of a
// server would be simpler, but supports neither 1xx responses nor hijacking, and hides
// what happens after the first byte.
func serve(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	out := &testLog{tb: tb}
	server := &http.Server{Handler: h, ErrorLog: log.New(out, "", 0)}
	rt := &http.Transport{DialContext: l.dial, DialTLSContext: l.dial, DisableCompression: true}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // always ErrServerClosed
	}()
	tb.Cleanup(func() {
		rt.CloseIdleConnections()
		_ = server.Close()
		<-done
		out.stop()
	})
	return rt
}

// A pipeListener is a listener in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- pipe{server}:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipeListener) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 80), Port: 80} }

// A pipe is a connection with the same client address as httptest's requests.
type pipe struct{ net.Conn }

func (pipe) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234} }

// testLog writes to the log of a test, and discards everything after the test, because
// logging would panic then.
type testLog struct {
	mu sync.Mutex
	tb testing.TB // nil after the test
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tb != nil {
		l.tb.Logf("server: %s", b)
	}
	return len(b), nil
}

func (l *testLog) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tb = nil
}
