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

// A Request is a template for a request. Its URL, header values and body can contain {n}
// and {i}.
type Request struct {
	Method string
	Base   *url.URL // base of a relative URL
	URL    string   // unparsed, because parsing escapes the braces
	Header http.Header
	Body   string
}

// Parse parses a request such as "POST /login user=ada&password=x": an optional method,
// which defaults to method, a URL, which can be relative to base, and an optional body, which
// extends to the end of the line.
func Parse(base *url.URL, method, line string) (Request, error) {
	r := Request{Method: method, Base: base, URL: strings.TrimSpace(line)}
	first, rest, more := strings.Cut(r.URL, " ")
	if more && first != "" && strings.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		r.Method, r.URL = first, strings.TrimSpace(rest)
	}
	r.URL, r.Body, _ = strings.Cut(r.URL, " ")
	r.Body = strings.TrimSpace(r.Body)
	if r.URL == "" {
		return r, fmt.Errorf("%q contains no URL", line)
	}
	return r, nil
}

// String describes the request for messages. It omits the body, and any query without a
// placeholder, because they may contain a password.
func (r *Request) String() string {
	u := r.URL
	if path, query, _ := strings.Cut(u, "?"); !strings.Contains(query, "{n}") && !strings.Contains(query, "{i}") {
		u = path
	}
	return r.Method + " " + u
}

// check reports an invalid URL, and a remote host if remote is false.
func (r *Request) check(remote bool) error {
	req, err := r.build(context.Background(), sample, nil)
	if err != nil {
		return err
	}
	if !remote && !loopback(req.URL.Hostname()) {
		return &RemoteError{Host: req.URL.Host}
	}
	return nil
}

// A RemoteError reports a host that is not this computer and is not allowed.
type RemoteError struct{ Host string }

// Error returns a message that names the host.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s is not on this computer", e.Host)
}

// loopback judges the name only. The dialer checks the address that it resolves to.
func loopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// A mark holds the values of {n} and {i} for one write.
type mark struct{ unique, number string }

// markOf returns the mark of write i of n. All marks of a run have the same length, so that
// none contains another.
func markOf(prefix string, i, n int) mark {
	number := fmt.Sprintf("%0*d", len(strconv.Itoa(n)), i)
	return mark{prefix + number, number}
}

// sample is the mark of no write. It makes a URL complete enough to judge its host.
var sample = markOf("", 1, 1)

// newPrefix returns a random prefix that begins with a letter, so that marks are valid names.
func newPrefix() string { return "n" + strings.ToLower(rand.Text()[:6]) }

// fill replaces the placeholders in text. The zero mark, that of a login, replaces nothing: a
// password may contain {n}.
func (m mark) fill(text string) string {
	if m == (mark{}) {
		return text
	}
	return strings.NewReplacer("{n}", m.unique, "{i}", m.number).Replace(text)
}

// build returns the request for one mark. The request's own headers override common.
func (r *Request) build(ctx context.Context, m mark, common http.Header) (*http.Request, error) {
	u, err := url.Parse(m.fill(r.URL))
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL: %v", r.URL, errors.Unwrap(err))
	}
	if r.Base != nil {
		u = r.Base.ResolveReference(u)
	}
	if u.User != nil {
		return nil, errors.New("a URL with a password would be visible in the output; use -H 'Authorization: Basic …' instead")
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s is not a URL with http:// or https:// and a host", r.URL)
	}
	body := m.fill(r.Body)
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), strings.NewReader(body))
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
	req.Header.Del("Cookie") // cookies of the plan and of a recording are in the jar
	if body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", typeOf(body))
	}
	return req, nil
}

// typeOf guesses the content type of a body.
func typeOf(body string) string {
	if strings.IndexAny(body, "{[") == 0 && json.Valid([]byte(body)) {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// cookies returns the cookies in a request header. Their path is "/", like that of most
// session cookies, so that the application's own cookies replace them.
func cookies(h http.Header) []*http.Cookie {
	all := (&http.Request{Header: http.Header{"Cookie": h["Cookie"]}}).Cookies()
	for _, c := range all {
		c.Path = "/"
	}
	return all
}

// address returns the host and port of a URL.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
