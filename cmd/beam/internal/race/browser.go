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

// maxBody is how many bytes of an answer are read.
const maxBody = 16 << 20

// A browser is a cookie jar, which all its requests share.
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
		req, err := r.build(context.Background(), mark{}, nil)
		if err != nil {
			return nil, err
		}
		b.jar.SetCookies(req.URL, append(cookies(p.Header), cookies(r.Header)...))
	}
	return b, nil
}

// A tab is a jar that sends the cookies of a moment, whatever was set since. What it
// is told goes into the jar behind it, in the order of arrival, or nowhere.
type tab struct {
	sent []*http.Cookie
	jar  http.CookieJar // nil: nowhere
}

func (t tab) Cookies(*url.URL) []*http.Cookie { return t.sent }

func (t tab) SetCookies(u *url.URL, c []*http.Cookie) {
	if t.jar != nil {
		t.jar.SetCookies(u, c)
	}
}

// An answer is a response that has arrived as a whole.
type answer struct {
	status   int
	location string // where it redirects to, without a query and with {n}; "" if it does not
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
	if line != "" && line[0] != '<' { // a page of HTML begins with nothing that helps
		text += fmt.Sprintf(" (%s)", line)
	}
	return text
}

// page sends a request as a click does: redirects on the same host are followed.
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
	ctx, cancel := context.WithTimeoutCause(ctx, b.plan.Timeout, fmt.Errorf("no answer within %v", b.plan.Timeout))
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
		return answer{}, fmt.Errorf("%s: the answer is longer than %d bytes", r, maxBody)
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

// failure says what happened, without the URL that net/http puts before it: that one
// has its placeholders filled in.
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

// transport makes the way of one request: it uses conn, if there is one, and no
// connection twice. On a connection that was used before, net/http would repeat a
// request that was cut off, and a write would count twice. It speaks HTTP/1.1, because
// one shared connection of HTTP/2 would put the requests in a line, and uses no proxy.
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

// dial refuses what is not this computer also for a name that only looks like it. To
// this computer any certificate will do: those of development are self-signed.
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
