package race

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"syscall"
)

// maxBody limits the size of a response body, in bytes.
const maxBody = 16 << 20

// A browser sends requests that share a cookie jar.
type browser struct {
	plan *Plan
	jar  http.CookieJar
}

func (p *Plan) newBrowser() (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{plan: p, jar: jar}
	for _, r := range p.requests() {
		req, err := r.build(context.Background(), sample, nil)
		if err != nil {
			return nil, err
		}
		b.jar.SetCookies(req.URL, append(cookies(p.Header), cookies(r.Header)...))
	}
	return b, nil
}

// A tab is a cookie jar that always sends the same cookies. It stores received cookies in
// another jar, in order of arrival, or discards them.
type tab struct {
	sent []*http.Cookie
	jar  http.CookieJar // nil: discard
}

func (t tab) Cookies(*url.URL) []*http.Cookie { return t.sent }

func (t tab) SetCookies(u *url.URL, c []*http.Cookie) {
	if t.jar != nil {
		t.jar.SetCookies(u, c)
	}
}

// An answer is a complete response.
type answer struct {
	status   int
	location string // redirect target without its query, the mark replaced by {n}; "" if none
	body     string
}

func (a answer) String() string {
	text := fmt.Sprintf("%d %s", a.status, http.StatusText(a.status))
	if a.location != "" {
		text += " to " + a.location
	}
	line, _, _ := strings.Cut(strings.TrimSpace(a.body), "\n")
	if r := []rune(line); len(r) > 80 {
		line = string(r[:80]) + "…"
	}
	if line != "" && line[0] != '<' { // the first line of an HTML page is not helpful
		text += fmt.Sprintf(" (%s)", line)
	}
	return text
}

// page sends a request and follows redirects on the same host.
func (b *browser) page(ctx context.Context, r *Request, m mark, cookies http.CookieJar) (answer, error) {
	return b.send(ctx, r, m, &http.Client{Jar: cookies, Transport: b.plan.transport(nil), CheckRedirect: sameHost})
}

func sameHost(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 || req.URL.Host != via[0].URL.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

func (b *browser) send(ctx context.Context, r *Request, m mark, client *http.Client) (answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.plan.Timeout, fmt.Errorf("no response within %v", b.plan.Timeout))
	defer cancel()
	req, err := r.build(ctx, m, b.plan.Header)
	if err != nil {
		return answer{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, failure(ctx, r, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, failure(ctx, r, err)
	}
	if len(body) > maxBody {
		return answer{}, fmt.Errorf("%s: the response is longer than %d bytes", r, maxBody)
	}
	a := answer{status: resp.StatusCode, body: string(body)}
	if to, err := resp.Location(); err == nil && a.status/100 == 3 {
		to.RawQuery, to.Fragment = "", ""
		a.location = to.String()
		if m.unique != "" {
			a.location = strings.ReplaceAll(a.location, m.unique, "{n}")
		}
	}
	return a, nil
}

// failure adds the request template to err, in place of the URL from net/http, in which the
// placeholders are replaced.
func failure(ctx context.Context, r *Request, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", r, context.Cause(ctx))
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return fmt.Errorf("%s: %w", r, err)
}

// transport returns a transport that uses conn first, if given, and each connection for one
// request only. On a reused connection, net/http would retry an interrupted request, so that
// a write could count twice. The transport uses HTTP/1.1, because a shared HTTP/2 connection
// would serialize the requests, and uses no proxy.
func (p *Plan) transport(conn net.Conn) *http.Transport {
	ready := make(chan net.Conn, 1)
	if conn != nil {
		ready <- conn
	}
	dial := func(scheme string) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, _, addr string) (net.Conn, error) {
			select {
			case c := <-ready:
				return c, nil
			default:
				return p.dial(ctx, scheme, addr)
			}
		}
	}
	return &http.Transport{DisableKeepAlives: true, DialContext: dial("http"), DialTLSContext: dial("https")}
}

// dial refuses addresses other than loopback unless Remote is set, even if the name looks
// local. For loopback hosts it accepts any certificate, because those used in development
// are self-signed.
func (p *Plan) dial(ctx context.Context, scheme, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	d := &net.Dialer{Control: func(_, address string, _ syscall.RawConn) error {
		if ip, _, _ := net.SplitHostPort(address); !p.Remote && !loopback(ip) {
			return &RemoteError{Host: address}
		}
		return nil
	}}
	if scheme == "https" {
		t := &tls.Dialer{NetDialer: d, Config: &tls.Config{ServerName: host, InsecureSkipVerify: loopback(host)}}
		return t.DialContext(ctx, "tcp", addr)
	}
	return d.DialContext(ctx, "tcp", addr)
}
