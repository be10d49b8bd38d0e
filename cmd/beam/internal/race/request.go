package race

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// A Request is a request as a template: its URL, header values and body may hold {n}
// and {i}.
type Request struct {
	Method string
	Base   *url.URL // what URL is relative to
	URL    string   // not parsed yet, since parsing escapes the braces
	Header http.Header
	Body   string
}

// Parse reads a request in one line, "POST /login user=ada&password=x": a method,
// which may be left out, a URL, which may be relative to base, and a body, which may be
// left out and goes on to the end.
func Parse(base *url.URL, method, line string) (Request, error) {
	r := Request{Method: method, Base: base, URL: strings.TrimSpace(line)}
	first, rest, more := strings.Cut(r.URL, " ")
	if more && first != "" && strings.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		r.Method, r.URL = first, strings.TrimSpace(rest)
	}
	r.URL, r.Body, _ = strings.Cut(r.URL, " ")
	r.Body = strings.TrimSpace(r.Body)
	if r.URL == "" {
		return r, fmt.Errorf("%q names no URL", line)
	}
	return r, nil
}

// String names the request in messages: without its body, which may hold a password,
// and so may a query that is not a pattern.
func (r *Request) String() string {
	u := r.URL
	if path, query, _ := strings.Cut(u, "?"); !strings.Contains(query, "{n}") && !strings.Contains(query, "{i}") {
		u = path
	}
	return r.Method + " " + u
}

// check finds a URL that cannot be meant, and one that is elsewhere although nobody
// said so.
func (r *Request) check(remote bool) error {
	req, err := r.build(context.Background(), markOf("", 1, 1), nil)
	if err != nil {
		return err
	}
	if !remote && !loopback(req.URL.Hostname()) {
		return &RemoteError{Host: req.URL.Host}
	}
	return nil
}

// A RemoteError says that a host is not this computer, and was not allowed.
type RemoteError struct{ Host string }

// Error names the host.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s is not on this computer", e.Host)
}

// loopback tells by the name alone; what it resolves to is checked by the dialer.
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// A mark is what one write has of its own.
type mark struct{ unique, number string }

// markOf makes the mark of write i of n. All marks of a run have the same length, so
// that none is a part of another one.
func markOf(prefix string, i, n int) mark {
	number := fmt.Sprintf("%0*d", len(strconv.Itoa(n)), i)
	return mark{prefix + number, number}
}

// newPrefix begins with a letter, so that a mark can be a name everywhere.
func newPrefix() string { return "n" + strings.ToLower(rand.Text()[:6]) }

func (m mark) fill(text string) string {
	return strings.NewReplacer("{n}", m.unique, "{i}", m.number).Replace(text)
}

// build makes the request for one mark; common headers stand back behind its own.
func (r *Request) build(ctx context.Context, m mark, common http.Header) (*http.Request, error) {
	u, err := url.Parse(m.fill(r.URL))
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL: %v", r.URL, errors.Unwrap(err))
	}
	if r.Base != nil {
		u = r.Base.ResolveReference(u)
	}
	if u.User != nil {
		return nil, errors.New("a URL with a password would be shown to whoever looks; give -H 'Authorization: Basic …'")
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s is not a URL with http:// or https:// and a host", r.URL)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), strings.NewReader(m.fill(r.Body)))
	if err != nil {
		return nil, err
	}
	for _, header := range []http.Header{common, r.Header} {
		for name, values := range header {
			req.Header.Del(name)
			for _, v := range values {
				req.Header.Add(name, m.fill(v))
			}
		}
	}
	req.Header.Del("Cookie") // those of the plan and of a recording begin in the jar
	if r.Body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", typeOf(m.fill(r.Body)))
	}
	return req, nil
}

// typeOf is what most applications expect of a body that looks like this.
func typeOf(body string) string {
	if (body[0] == '{' || body[0] == '[') && json.Valid([]byte(body)) {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// cookies are those that the header of a request brought along. Their path is that of
// most session cookies, so that what the application sets replaces them.
func cookies(h http.Header) []*http.Cookie {
	all := (&http.Request{Header: http.Header{"Cookie": h["Cookie"]}}).Cookies()
	for _, c := range all {
		c.Path = "/"
	}
	return all
}

// address is what to dial for a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
