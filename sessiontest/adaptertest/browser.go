package adaptertest

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
)

// A browser sends requests as a browser does that keeps cookies. It follows no redirect.
type browser struct {
	base *url.URL
	http *http.Client
}

func newBrowser(tb testing.TB, base string) *browser {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		tb.Fatalf("Serve returned %q; want a URL like http://127.0.0.1:12345", base)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	rt := &http.Transport{DisableCompression: true}
	tb.Cleanup(rt.CloseIdleConnections)
	return &browser{u, &http.Client{
		Jar:           jar,
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// cookie returns the value of a cookie, or "" if there is none.
func (b *browser) cookie(name string) string {
	for _, c := range b.http.Jar.Cookies(b.base) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(c *http.Cookie) { b.http.Jar.SetCookies(b.base, []*http.Cookie{c}) }

// A response is a response whose body has been read.
type response struct {
	*http.Response
	text string
}

// is reports what is wrong with the status or the text.
func (r *response) is(status int, text string) error {
	if r.StatusCode != status || r.text != text {
		return fmt.Errorf("got status %d and %q; want %d and %q", r.StatusCode, r.text, status, text)
	}
	return nil
}

// isError reports whether r is something else than the page of an error, or has a cookie.
func (r *response) isError(status int) error {
	if err := r.is(status, ErrorText(status)); err != nil {
		return err
	}
	if c := r.Header["Set-Cookie"]; len(c) > 0 {
		return fmt.Errorf("the error page sets the cookies %q", c)
	}
	return nil
}

// open sends a navigation and returns the response when its header has arrived.
func (b *browser) open(ctx context.Context, method, target string, body io.Reader, site string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.base.String()+target, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", site)
	r.Header.Set("Accept", "text/html")
	return b.http.Do(r)
}

func (b *browser) get(ctx context.Context, target string) (*response, error) {
	return b.send(ctx, http.MethodGet, target, nil, "same-origin")
}

func (b *browser) post(ctx context.Context, target string) (*response, error) {
	return b.send(ctx, http.MethodPost, target, nil, "same-origin")
}

func (b *browser) send(ctx context.Context, method, target string, body io.Reader, site string) (*response, error) {
	w, err := b.open(ctx, method, target, body, site)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: incomplete response: %w", method, target, err)
	}
	return &response{w, string(text)}, nil
}

// A socket is the client of a WebSocket (RFC 6455) for short text messages.
type socket struct {
	net.Conn
	r *bufio.Reader
}

// dial opens a WebSocket with the cookies of the browser.
func (b *browser) dial(ctx context.Context, target string) (*socket, error) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.base.Host)
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base.String()+target, nil)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	for _, c := range b.http.Jar.Cookies(b.base) {
		r.AddCookie(c)
	}
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
		"Origin": b.base.String(), "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "websocket",
	} {
		r.Header.Set(name, value)
	}
	if err := r.Write(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s := &socket{conn, bufio.NewReader(conn)}
	w, err := http.ReadResponse(s.r, r)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	defer w.Body.Close() // empty after an upgrade
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if got, want := w.Header.Get("Sec-WebSocket-Accept"), base64.StdEncoding.EncodeToString(sum[:]); w.StatusCode != http.StatusSwitchingProtocols || got != want {
		return nil, errors.Join(fmt.Errorf("the upgrade got status %d and the key %q; want 101 and %q", w.StatusCode, got, want), conn.Close())
	}
	return s, nil
}

// echo sends a text message of less than 126 bytes and returns the one that comes back.
func (s *socket) echo(text string) (string, error) {
	mask := [4]byte{1, 2, 3, 4}
	frame := append([]byte{0x81, 0x80 | byte(len(text))}, mask[:]...)
	for i := range len(text) {
		frame = append(frame, text[i]^mask[i%4])
	}
	if _, err := s.Write(frame); err != nil {
		return "", err
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(s.r, head); err != nil {
		return "", err
	}
	if head[0] != 0x81 || head[1] > 125 {
		return "", fmt.Errorf("the frame begins with %#x; want a short text message", head)
	}
	data := make([]byte, head[1])
	_, err := io.ReadFull(s.r, data)
	return string(data), err
}
