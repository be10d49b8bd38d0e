package sessionfiber

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// convert returns the request without its body. Unlike the adaptor of fiber, it doesn't read
// the body, which may be a stream, it keeps repeated headers, and it copies the text, because
// fasthttp reuses its memory for the next request, and a store may keep the User-Agent.
func convert(c fiber.Ctx) *http.Request {
	ctx := c.RequestCtx()
	uri := string(ctx.RequestURI())
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		u = &url.URL{Path: string(ctx.Path())}
	}
	r := &http.Request{
		Method: c.Method(), URL: u, RequestURI: uri,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: convertHeader(&ctx.Request.Header), Body: http.NoBody,
		Host: string(ctx.Host()), RemoteAddr: ctx.RemoteAddr().String(), TLS: ctx.TLSConnectionState(),
	}
	r.Header.Del(fiber.HeaderHost) // net/http has it in Host only
	return r.WithContext(c.Context())
}

// convertHeader copies all text at once, which saves two allocations for each header.
func convertHeader(from *fasthttp.RequestHeader) http.Header {
	n, size := 0, 0
	for k, v := range from.All() {
		n, size = n+1, size+len(k)+len(v)
	}
	var b strings.Builder
	b.Grow(size)
	h, values := make(http.Header, n), make([]string, 0, n)
	add := func(text []byte) string {
		start := b.Len()
		b.Write(text)
		return b.String()[start:]
	}
	for k, v := range from.All() {
		name := http.CanonicalHeaderKey(add(k))
		if h[name] != nil {
			h[name] = append(h[name], add(v))
			continue
		}
		values = append(values, add(v))
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return h
}

// readHeaders reads the headers of the response that a commit looks at.
func (x *exchange) readHeaders() {
	clear(x.header)
	from := &x.c.Response().Header
	for _, name := range []string{fiber.HeaderVary, fiber.HeaderCacheControl} {
		for _, v := range from.PeekAll(name) {
			x.header[name] = append(x.header[name], string(v))
		}
	}
	for _, cookie := range from.Cookies() {
		x.header[fiber.HeaderSetCookie] = append(x.header[fiber.HeaderSetCookie], string(cookie))
	}
}

// writeHeaders replaces the headers that readHeaders has read, and adds those of the manager.
func (x *exchange) writeHeaders() {
	to := &x.c.Response().Header
	for name, values := range x.header {
		to.Del(name) // for Set-Cookie, this removes all cookies
		for _, v := range values {
			to.Add(name, v)
		}
	}
}
