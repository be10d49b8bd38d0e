package race

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func base(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse("http://127.0.0.1:8000/shop/cart")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// written formats the request for write 7 of 50.
func written(t *testing.T, r *Request) string {
	t.Helper()
	req, err := r.build(t.Context(), markOf("nx", 7, 50), http.Header{"X-All": {"{n}"}})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join([]string{req.Method, req.URL.String(), req.Header.Get("Content-Type"), req.Header.Get("X-All"), string(body)}, "|")
}

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"PUT /set?k={n} a={i}&b=x y": "PUT|http://127.0.0.1:8000/set?k=nx07|application/x-www-form-urlencoded|nx07|a=07&b=x y",
		"all":                        "POST|http://127.0.0.1:8000/shop/all||nx07|",
		"/j {\"k\": \"{n}\"}":        `POST|http://127.0.0.1:8000/j|application/json|nx07|{"k": "nx07"}`,
		"/j { \"n\": {i} }":          "POST|http://127.0.0.1:8000/j|application/x-www-form-urlencoded|nx07|{ \"n\": 07 }",
		"GET https://[::1]/{n}":      "GET|https://[::1]/nx07||nx07|",
	} {
		r, err := Parse(base(t), "POST", line)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, &r); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
	if _, err := Parse(base(t), "GET", "  "); err == nil {
		t.Error("an empty request was accepted")
	}
}

func TestStringTellsNoPassword(t *testing.T) {
	for want, r := range map[string]Request{
		"GET /set?key={n}": {Method: "GET", URL: "/set?key={n}"},
		"POST /login":      {Method: "POST", URL: "/login?password=x", Body: "password=x"},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// No mark contains another, and each begins with a letter.
func TestMarks(t *testing.T) {
	prefix := newPrefix()
	one, ten, last := markOf(prefix, 1, 100), markOf(prefix, 10, 100), markOf(prefix, 100, 100)
	if one.unique != prefix+"001" || ten.number != "010" || last.number != "100" {
		t.Errorf("marks = %v, %v, %v", one, ten, last)
	}
	if !regexp.MustCompile(`^n[a-z2-7]{6}$`).MatchString(prefix) || prefix == newPrefix() {
		t.Errorf("prefix = %q", prefix)
	}
}

const form = "POST|http://127.0.0.1:8000/login|application/x-www-form-urlencoded|nx07|user=ada&password=it's"

func TestRecorded(t *testing.T) {
	for name, c := range map[string]struct{ text, want, cookie string }{
		"chrome": {`curl 'http://127.0.0.1:8000/login' \
  -H 'Accept-Language: en,de;q=0.9' \
  -H 'Content-Type: application/x-www-form-urlencoded' \
  -b 'csrf=tok%20en' \
  -H 'Origin: http://127.0.0.1:8000' \
  --data-raw $'user=ada&password=it\'s' \
  --compressed --insecure
`, form, "csrf=tok%20en"},
		"firefox": {"curl 'https://shop.example/login' -X POST -H 'Cookie: csrf=x' --data-raw \"user=ada&password=it's\"", form, "csrf=x"},
		"http": {"POST /login HTTP/2\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
			"Content-Length: 24\r\nCookie: csrf=x\r\n\r\nuser=ada&password=it's\n", form, "csrf=x"},
		"two data":   {"curl --url /login -d user=ada --data-urlencode \"password=it's\"", strings.Replace(form, "'", "%27", 1), ""},
		"get":        {"GET /in HTTP/1.1\nHost: x", "GET|http://127.0.0.1:8000/in||nx07|", ""},
		"curl get":   {"curl -s /in", "GET|http://127.0.0.1:8000/in||nx07|", ""},
		"no expands": {"curl -d \"a=$HOME\" /in", "POST|http://127.0.0.1:8000/in|application/x-www-form-urlencoded|nx07|a=", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Recorded(base(t), c.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := written(t, &r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := r.Header.Get("Cookie"); got != c.cookie {
				t.Errorf("cookie = %q, want %q", got, c.cookie)
			}
			for _, gone := range []string{"Host", "Content-Length"} {
				if r.Header.Get(gone) != "" {
					t.Errorf("%s of the recording was kept", gone)
				}
			}
		})
	}
}

func TestRecordedMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "begins neither with",
		"hello":                                 "begins neither with",
		"POST /x HTTP/1.1\nuser=ada&password=x": "line 2 of the recording is not a header; separate the body",
		"POST /x HTTP/1.1\nTransfer-Encoding: chunked\n\nuser=ada": "remove the header Transfer-Encoding",
		"curl ^\"http://localhost/x^\"":                            "for a POSIX shell",
		"curl":                                                     "begins neither with",
		"curl -s":                                                  "has no URL",
		"curl /a /b":                                               "two URLs, /a and /b",
		"curl /a --next":                                           "flag --next",
		"curl /a -H":                                               "ends after -H",
		"curl /a -H nothing":                                       `"nothing" is not a header`,
		"curl /a -d @body.txt":                                     "in the file body.txt",
		"curl /a -d $(rm x)":                                       "recorded curl command",
		"curl '/a":                                                 "recorded curl command",
		"curl /a -d <(x)":                                          "shell syntax that is not supported",
	} {
		if _, err := Recorded(base(t), text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want %q in it", text, err, want)
		}
	}
}

// TestAttackS10Recorded signs in with recordings that a browser, a proxy or an editor has
// written in an unusual way.
func TestAttackS10Recorded(t *testing.T) {
	const head = "POST /login HTTP/1.1\r\nContent-Type: text/plain\r\n"
	for name, c := range map[string]struct{ text, body string }{
		"placeholder as password": {head + "\r\n{n}", "{n}"},
		"number as password":      {head + "\r\n{i}", "{i}"},
		"no body":                 {head, ""},
		"empty body":              {head + "\r\n\r\n", ""},
		"line feeds":              {strings.ReplaceAll(head, "\r", "") + "\na=1\n", "a=1"},
		"body with CRLF":          {head + "\r\n--x\r\n\r\na\r\n--x--\r\n", "--x\r\n\r\na\r\n--x--"},
		"length counts the end":   {head + "Content-Length: 7\r\n\r\n--x--\r\n", "--x--\r\n"},
		"length too large":        {head + "Content-Length: 99\r\n\r\na=1\n", "a=1"},
		"length is no number":     {head + "Content-Length: -x\r\n\r\na=1", "a=1"},
		"chunked":                 {head + "Transfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n2\r\n&b\r\n0\r\n\r\n", "a=1&b"},
		"byte order mark":         {"\ufeff\r\n" + head + "\r\na", "a"},
		"pseudo-header":           {head + ":authority: localhost\r\n\r\na", "a"},
		"curl without data":       {"curl -X POST -d '' /login", ""},
		"curl with placeholder":   {"curl -H ':authority: x' --data-raw '{n}' /login", "{n}"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Recorded(base(t), c.text)
			if err != nil {
				t.Fatal(err)
			}
			req, err := r.build(t.Context(), mark{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(req.Body)
			if err != nil || string(body) != c.body || req.Method != "POST" || req.URL.Path != "/login" {
				t.Errorf("%s %s %q, %v; want POST /login %q", req.Method, req.URL.Path, body, err, c.body)
			}
		})
	}
}

// FuzzRecorded reads any recording, and builds the request that signs in with it.
func FuzzRecorded(f *testing.F) {
	for _, text := range []string{
		"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{n}\n", "GET /x HTTP/2", "POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n1\na\n0\n\n",
		"curl 'http://localhost/login' -H 'a: b' --data-raw $'x\\'y' --compressed", "curl -d a=$((1/0)) /x", "curl <(x) @(a|b)", "curl \"${x[1]:=y}\"",
	} {
		f.Add(text)
	}
	at, err := url.Parse("http://127.0.0.1:8000/shop/cart")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Recorded(at, text)
		if err != nil {
			return
		}
		if err := r.check(true); err != nil {
			return
		}
		req, err := r.build(t.Context(), mark{}, nil)
		if err == nil && req.URL.Host != at.Host {
			t.Errorf("the request goes to %s", req.URL.Host)
		}
	})
}

// No request leaves this computer unless that is allowed, whatever the host name.
func TestRemote(t *testing.T) {
	for raw, here := range map[string]bool{
		"http://127.0.0.1:8000": true, "http://[::1]": true, "http://localhost:1": true, "https://App.Localhost": true, "http://127.9.9.9": true,
		"http://example.com": false, "http://192.0.2.1": false, "http://localhost.example.com": false, "http://0.0.0.0:8000": false,
	} {
		r := Request{Method: "GET", URL: raw}
		var remote *RemoteError
		if err := r.check(false); errors.As(err, &remote) == here {
			t.Errorf("%s: err = %v, want here = %t", raw, err, here)
		}
		if err := r.check(true); err != nil {
			t.Errorf("%s, allowed: %v", raw, err)
		}
	}
	var remote *RemoteError
	if _, err := new(Plan).dial(t.Context(), "http", "192.0.2.1:80"); !errors.As(err, &remote) {
		t.Errorf("dial: err = %v, want a RemoteError", err)
	}
}

func TestCheck(t *testing.T) {
	good := func() Plan {
		return Plan{
			Write: Request{Method: "GET", Base: base(t), URL: "/set?key={n}"}, Read: Request{Method: "GET", Base: base(t), URL: "/all"},
			Logout: &Request{Method: "POST", Base: base(t), URL: "/logout"},
			Writes: 50, Concurrent: 50, Rounds: 5, Timeout: time.Second,
		}
	}
	p := good()
	if err := p.Check(); err != nil {
		t.Errorf("a good plan: %v", err)
	}
	for want, change := range map[string]func(p *Plan){
		"--writes must be 1 to 1000, got 1001":       func(p *Plan) { p.Writes = 1001 },
		"--writes must be 1 to 1000, got 0":          func(p *Plan) { p.Writes = 0 },
		"--concurrent must be at least 1, got 0":     func(p *Plan) { p.Concurrent = 0 },
		"--rounds must be 1 to 100, got 101":         func(p *Plan) { p.Rounds = 101 },
		"--timeout must be greater than 0, got 0s":   func(p *Plan) { p.Timeout = 0 },
		"the writes are all the same":                func(p *Plan) { p.Write.URL = "/set" },
		"how the read shows the write {i}":           func(p *Plan) { p.Write.URL = "/set?{i}" },
		`--mark "x" contains neither {n} nor {i}`:    func(p *Plan) { p.Mark = "x" },
		"--mark contains {n}, but the writes do not": func(p *Plan) { p.Mark, p.Write.URL = "{n}", "/{i}" },
		"--mark or --count, not both":                func(p *Plan) { p.Mark, p.Count = "{n}", regexp.MustCompile("1") },
		"--count with --logout requires --signed-in": func(p *Plan) { p.Count = regexp.MustCompile("1") },
		"add --login to start a new session":         func(p *Plan) { p.Header = http.Header{"Cookie": {"id=x"}} },
		"x:y is not a URL":                           func(p *Plan) { p.Read.URL = "x:y" },
		"/%zz is not a URL":                          func(p *Plan) { p.Read.URL = "/%zz" },
		"a URL with a password":                      func(p *Plan) { p.Read.URL = "http://ada:secret@localhost/all" },
		"example.com is not on this computer":        func(p *Plan) { p.Logout.URL = "http://example.com" },
	} {
		p := good()
		change(&p)
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q in it", err, want)
		}
		if err := p.Check(); strings.Contains(err.Error(), "secret") {
			t.Errorf("err = %v, which tells the password", err)
		}
		if _, err := Run(t.Context(), p); err == nil {
			t.Errorf("Run with %q: no error", want)
		}
	}
	p = good()
	p.Write.URL, p.Header = "/set", http.Header{"X-Key": {"{n}"}}
	if err := p.Check(); err != nil {
		t.Errorf("{n} in a header: %v", err)
	}
}
