package demo

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A client is a browser without a screen: it keeps cookies and follows redirects.
type client struct {
	t    *testing.T
	http *http.Client
	base string
}

func (s *site) visitor(t *testing.T) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{MaxIdleConnsPerHost: racers}
	t.Cleanup(tr.CloseIdleConnections)
	return &client{t, &http.Client{Jar: jar, Transport: tr, Timeout: 5 * time.Minute}, s.URL}
}

// An answer is a complete response.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (c *client) send(req *http.Request) answer {
	c.t.Helper()
	a, err := c.try(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

// try is like send, for use in other goroutines.
func (c *client) try(req *http.Request) (answer, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{c.t, res.StatusCode, res.Header, string(body)}, err
}

func (c *client) request(method, path string, form url.Values) *http.Request {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

func (c *client) get(path string) answer {
	c.t.Helper()
	return c.send(c.request("GET", path, nil))
}

// post sends a form, given as names and values in turn, and follows the redirect.
func (c *client) post(path string, fields ...string) answer {
	c.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return c.send(c.request("POST", path, form))
}

// token is the value of the session cookie, "" if there is none.
func (c *client) token() string {
	c.t.Helper()
	u, err := url.Parse(c.base)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, cookie := range c.http.Jar.Cookies(u) {
		if cookie.Name == "session" {
			return cookie.Value
		}
	}
	return ""
}

// use gives the client a token that it did not get itself.
func (c *client) use(token string) {
	c.t.Helper()
	u, err := url.Parse(c.base)
	if err != nil {
		c.t.Fatal(err)
	}
	c.http.Jar.SetCookies(u, []*http.Cookie{{Name: "session", Value: token}})
}

var blank = regexp.MustCompile(`\s+`)

// has checks that the page contains the text, wherever its lines break.
func (a answer) has(text string) answer {
	a.t.Helper()
	if !strings.Contains(blank.ReplaceAllString(a.body, " "), text) {
		a.t.Errorf("the page does not contain %q:\n%s", text, a.body)
	}
	return a
}

func (a answer) lacks(text string) answer {
	a.t.Helper()
	if strings.Contains(blank.ReplaceAllString(a.body, " "), text) {
		a.t.Errorf("the page contains %q:\n%s", text, a.body)
	}
	return a
}

func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("status %d, want %d:\n%s", a.status, status, a.body)
	}
	return a
}
