package race

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/shell"
)

// Recorded parses a request copied from a browser's developer tools: a curl command for a
// POSIX shell, or HTTP/1.x text. It executes nothing. The request goes to the host of base,
// whatever host was recorded, so that a password is not sent elsewhere by mistake. The
// recorded cookies are put in the jar of each session.
func Recorded(base *url.URL, text string) (Request, error) {
	text = strings.TrimLeft(text, "\ufeff \t\r\n")
	var r Request
	var err error
	if rest, ok := strings.CutPrefix(text, "curl "); ok {
		r, err = fromCurl(strings.TrimSpace(strings.ReplaceAll(rest, "\r\n", "\n")))
	} else {
		r, err = fromHTTP(text)
	}
	if err != nil {
		return r, err
	}
	r.Base = base
	if u, err := url.Parse(r.URL); err == nil && u.Host != "" {
		r.URL = u.RequestURI()
	}
	// These belong to the recorded connection, except Accept-Encoding: without it,
	// net/http requests gzip and decompresses it.
	for _, name := range []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Accept-Encoding", "Te"} {
		r.Header.Del(name)
	}
	return r, nil
}

func fromHTTP(text string) (Request, error) {
	line, rest, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) != 3 || !strings.HasPrefix(fields[2], "HTTP/") {
		return Request{}, errors.New(`the recording begins neither with "curl " nor with a line such as "POST /login HTTP/1.1"`)
	}
	r := Request{Method: fields[0], URL: fields[1], Header: http.Header{}}
	for n := 2; rest != ""; n++ {
		line, rest, _ = strings.Cut(rest, "\n")
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			break
		}
		if !addHeader(r.Header, line) { // the error does not quote the line, which may contain a password
			return r, fmt.Errorf("line %d of the recording is not a header; separate the body from the headers with an empty line", n)
		}
	}
	body, err := recordedBody(r.Header, rest)
	r.Body = body
	return r, err
}

// addHeader adds a line such as "Accept: */*" to h, and reports whether it is one. It ignores
// the pseudo-headers of HTTP/2, such as ":authority: localhost".
func addHeader(h http.Header, line string) bool {
	name, value, ok := strings.Cut(strings.TrimPrefix(line, ":"), ":")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return false
	}
	if line[0] != ':' {
		h.Add(name, strings.TrimSpace(value))
	}
	return true
}

// recordedBody returns the body that was sent. Editors add a line break at the end of a file;
// it belongs to the body only if the recorded length counts it.
func recordedBody(h http.Header, body string) (string, error) {
	if strings.EqualFold(h.Get("Transfer-Encoding"), "chunked") {
		decoded, err := io.ReadAll(httputil.NewChunkedReader(strings.NewReader(body)))
		if err != nil {
			return "", fmt.Errorf("the chunked body of the recording cannot be decoded (%w); "+
				"if it is no longer chunked, remove the header Transfer-Encoding", err)
		}
		return string(decoded), nil
	}
	if h.Get("Content-Length") == strconv.Itoa(len(body)) {
		return body, nil
	}
	return strings.TrimSuffix(strings.TrimSuffix(body, "\n"), "\r"), nil
}

// fromCurl supports the flags that browsers generate and those common for signing in with
// curl. Any other flag is an error, because ignoring it could change the request.
func fromCurl(text string) (Request, error) {
	r := Request{Header: http.Header{}}
	if strings.Contains(text, `^"`) {
		return r, errors.New("the recorded curl command is written for cmd.exe; copy it as cURL for a POSIX shell (bash)")
	}
	words, err := shellFields(text)
	if err != nil {
		return r, fmt.Errorf("invalid recorded curl command: %w", err)
	}
	var data []string
	for len(words) > 0 {
		flag := words[0]
		words = words[1:]
		set, known := curlFlags[flag]
		switch {
		case !strings.HasPrefix(flag, "-"):
			if r.URL != "" {
				return r, fmt.Errorf("the recorded curl command has two URLs, %s and %s", r.URL, flag)
			}
			r.URL = flag
		case !known:
			return r, fmt.Errorf("the recorded curl command has the flag %s, which is not supported", flag)
		case set == nil: // does not affect the request
		case len(words) == 0:
			return r, fmt.Errorf("the recorded curl command ends after %s", flag)
		default:
			if err := set(&r, &data, words[0]); err != nil {
				return r, fmt.Errorf("the recorded curl command: %s: %w", flag, err)
			}
			words = words[1:]
		}
	}
	if r.URL == "" {
		return r, errors.New("the recorded curl command has no URL")
	}
	r.Body = strings.Join(data, "&")
	if data != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // what curl sends, whatever the data
	}
	switch {
	case r.Method != "":
	case data != nil:
		r.Method = http.MethodPost
	default:
		r.Method = http.MethodGet
	}
	return r, nil
}

// shellFields splits a command into words as a shell does, without running anything. Syntax
// such as <(file) makes the shell package panic.
func shellFields(text string) (words []string, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it contains shell syntax that is not supported")
		}
	}()
	return shell.Fields(text, func(string) string { return "" })
}

type curlFlag func(r *Request, data *[]string, value string) error

var curlFlags = func() map[string]curlFlag {
	flags := map[string]curlFlag{}
	add := func(f curlFlag, names ...string) {
		for _, name := range names {
			flags[name] = f
		}
	}
	add(nil, "--compressed", "-s", "--silent", "-S", "--show-error", "-i", "--include", "-k", "--insecure",
		"-L", "--location", "-v", "--verbose", "--http1.1", "--http2")
	add(func(r *Request, _ *[]string, v string) error { r.Method = v; return nil }, "-X", "--request")
	add(func(r *Request, _ *[]string, v string) error { r.URL = v; return nil }, "--url")
	add(func(r *Request, _ *[]string, v string) error { r.Header.Set("User-Agent", v); return nil }, "-A", "--user-agent")
	add(func(r *Request, _ *[]string, v string) error { r.Header.Set("Referer", v); return nil }, "-e", "--referer")
	add(func(r *Request, _ *[]string, v string) error { r.Header.Add("Cookie", v); return nil }, "-b", "--cookie")
	add(func(r *Request, _ *[]string, v string) error {
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(v)))
		return nil
	}, "-u", "--user")
	add(func(r *Request, _ *[]string, v string) error {
		if !addHeader(r.Header, v) {
			return fmt.Errorf("%q is not a header", v)
		}
		return nil
	}, "-H", "--header")
	add(func(_ *Request, data *[]string, v string) error { *data = append(*data, v); return nil }, "--data-raw")
	add(func(_ *Request, data *[]string, v string) error {
		if strings.HasPrefix(v, "@") {
			return fmt.Errorf("the data is in the file %s; put it in the command", v[1:])
		}
		*data = append(*data, v)
		return nil
	}, "-d", "--data", "--data-ascii", "--data-binary")
	add(func(_ *Request, data *[]string, v string) error {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			name, value = "", v
		} else {
			name += "="
		}
		*data = append(*data, name+url.QueryEscape(value))
		return nil
	}, "--data-urlencode")
	return flags
}()
