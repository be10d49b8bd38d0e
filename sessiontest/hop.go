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

// A hop sends one request of what may become a chain of redirects. What depends on
// the target is decided here and not once for the chain.
type hop struct{ c *Client }

func (h hop) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	site := siteOf(h.c.page, r.URL)
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	mode := r.Header.Get("Sec-Fetch-Mode")
	if mode != "" {
		r.Header.Set("Sec-Fetch-Site", site)
		r.Header.Del("Origin")
		if !safe || mode == "cors" && site != "same-origin" {
			r.Header.Set("Origin", h.c.page.Scheme+"://"+h.c.page.Host)
		}
	}
	cross, navigation := site == "cross-site", mode == "navigate" || mode == ""
	for _, k := range h.c.jar.send(r.URL, h.c.Now()) {
		if !cross || k.SameSite == http.SameSiteNoneMode || lax(k.Cookie) && navigation && safe {
			r.AddCookie(&http.Cookie{Name: k.Name, Value: k.Value})
		}
	}
	w, err := h.c.rt.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	for _, k := range w.Cookies() {
		if !cross || navigation || k.SameSite == http.SameSiteNoneMode {
			_ = h.c.jar.store(r.URL, k, h.c.Now()) // a browser refuses in silence
		}
	}
	return w, nil
}

// lax reports whether navigations from other sites may carry the cookie. Browsers
// take one without SameSite for Lax.
func lax(k *http.Cookie) bool {
	return k.SameSite != http.SameSiteStrictMode && k.SameSite != http.SameSiteNoneMode
}

// siteOf returns the Sec-Fetch-Site of a request. A host and its subdomains are
// one site.
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

// serve runs a server of the handler whose connections are pipes, until the test
// ends. A recorder in place of a server would be simpler, but knows neither 1xx
// responses nor hijacking, and hides what happens after the first byte.
func serve(tb testing.TB, h http.Handler) http.RoundTripper {
	tb.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
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

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
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

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 80), Port: 80} }

// A pipe has the client address of httptest's requests.
type pipe struct{ net.Conn }

func (pipe) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234} }

// testLog writes to the log of a test while it runs. Writing later panics.
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
