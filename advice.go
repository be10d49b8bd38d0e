package session

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
)

// What an operator should know is logged once for each message, because it follows from
// the deployment and not from a single request. Events report each case.

// advise logs a message the first time.
func (m *Manager) advise(ctx context.Context, message string, attrs ...slog.Attr) {
	if m.advised.first(message) {
		m.cfg.log(ctx, slog.LevelWarn, message, attrs...)
	}
}

// refuseOrigin reports a request that cross-origin protection refuses, and returns the
// error that says why and what to do.
func (m *Manager) refuseOrigin(r *http.Request) error {
	origin, host := cleanText(r.Header.Get("Origin"), 200), cleanText(r.Host, 200)
	remedy := "add the origin to Config.TrustedOrigins if it is yours"
	switch {
	case origin == "null":
		remedy = "a browser hides the origin of a sandboxed frame, of a file, and of a page with Referrer-Policy: no-referrer; send the request from an ordinary page, with Referrer-Policy: same-origin"
	case r.Header.Get("Sec-Fetch-Site") == "" && m.cfg.origins.Check(r) == nil:
		remedy = "the page has another scheme than this request: redirect plain HTTP to HTTPS, and send Strict-Transport-Security; if this site is also served over plain HTTP, see Config.Cookie.DangerouslyAllowHTTP and IsHTTPS"
	case r.Header.Get("Sec-Fetch-Site") == "":
		remedy = "if both are this site, a proxy has replaced the host: pass on the browser's (nginx: proxy_set_header Host $http_host); otherwise, add the origin to Config.TrustedOrigins if it is yours"
	}
	err := errorf(ErrCrossOrigin, "cross-origin request refused: origin %q, host %q; %s", origin, host, remedy)
	m.event(r.Context(), Event{Kind: EventCrossOrigin, Err: err})
	m.advise(r.Context(), "session: cross-origin request refused; "+remedy, slog.String("origin", origin), slog.String("host", host))
	return err
}

// inspect reports a cookie that the browser will not keep, so that a visitor who signs
// in is not signed in on the next page, and of one that is less safe than it could be.
func (m *Manager) inspect(ctx context.Context, r *http.Request, sc *scope) {
	host, domain := hostOf(r), sc.domain
	switch {
	case sc.header != "": // there is no cookie
	case domain != "" && host != domain && !strings.HasSuffix(host, "."+domain):
		err := errorf(errRejected, "browsers reject the cookie, because Config.Cookie.Domain %q is not the host %q or a parent of it; leave Domain out, or let the proxy pass on the browser's host", domain, host)
		m.event(ctx, Event{Kind: EventRejected, Err: err})
		m.advise(ctx, "session: browsers reject the cookie, because Config.Cookie.Domain is not the request's host or a parent of it; leave Domain out, or let the proxy pass on the browser's host (nginx: proxy_set_header Host $http_host)",
			slog.String("domain", domain), slog.String("host", host))
	case sc.secure && !cameOverHTTPS(r):
		err := errorf(errRejected, "browsers reject the cookie, because it is Secure and the request to host %q shows no sign of HTTPS", host)
		m.event(ctx, Event{Kind: EventRejected, Err: err})
		m.advise(ctx, "session: the response sets a Secure cookie, but the request shows no sign of HTTPS; over plain HTTP, browsers reject the cookie, so visitors do not stay signed in; serve HTTPS, let the proxy set X-Forwarded-Proto, or see Config.Cookie.DangerouslyAllowHTTP and IsHTTPS",
			slog.String("host", host))
	case !sc.secure && (r.TLS != nil || forwardedHTTPS(r.Header)):
		m.advise(ctx, "session: the cookie is not Secure although the request came over HTTPS; remove Config.Cookie.DangerouslyAllowHTTP, or set IsHTTPS if the site is also served over plain HTTP",
			slog.String("host", host))
	}
}

// cameOverHTTPS looks for any sign of HTTPS. Browsers send Sec-Fetch headers only over HTTPS
// and to their own machine, where they accept Secure cookies as well.
func cameOverHTTPS(r *http.Request) bool {
	return r.TLS != nil || forwardedHTTPS(r.Header) || r.Header.Get("Sec-Fetch-Site") != "" ||
		strings.HasPrefix(r.Header.Get("Origin"), "https://")
}

// forwardedHTTPS reports whether a proxy says that the browser used HTTPS. Anybody can
// send these headers, so nothing but advice may depend on it.
func forwardedHTTPS(h http.Header) bool {
	return strings.HasPrefix(strings.ToLower(h.Get("X-Forwarded-Proto")), "https") ||
		strings.Contains(strings.ToLower(h.Get("Forwarded")), "proto=https")
}

// hostOf returns the host that a request was sent to, in lower case, without the port.
func hostOf(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
