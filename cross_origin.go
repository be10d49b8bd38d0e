package session

import (
	"net/http"
	"strings"
)

// crossOrigin reports whether another origin made a browser send an unsafe request.
//
// An old browser, without Sec-Fetch-Site, names only the origin of the page. The standard
// library compares its host alone, so a page that an attacker on the network plants under
// http://HOST could post to https://HOST. So crossOrigin compares the scheme too, where that of
// the request is known.
func (s *settings) crossOrigin(r *http.Request) bool {
	if s.origins.Check(r) != nil {
		return true
	}
	if r.Header.Get("Sec-Fetch-Site") != "" || !s.otherScheme(r) {
		return false
	}
	foreign := r.WithContext(r.Context())
	foreign.Header = r.Header.Clone()
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	return s.origins.Check(foreign) != nil // unless the origin is trusted, or the method is safe
}

// otherScheme reports whether the Origin header has another scheme than the request.
func (s *settings) otherScheme(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	scheme, _, _ := strings.Cut(origin, "://")
	own := s.schemeOf(r)
	return own != "" && !strings.EqualFold(scheme, own)
}

// schemeOf returns the scheme with which the browser sent a request, or "" if it is unknown. A
// site with only a Secure cookie is one over HTTPS, also behind a proxy that decrypts. Headers
// of a proxy count only if IsHTTPS reads them.
func (s *settings) schemeOf(r *http.Request) string {
	k := &s.Cookie
	switch {
	case k.IsHTTPS != nil && !k.IsHTTPS(r):
		return "http"
	case k.IsHTTPS != nil, r.TLS != nil, !k.DangerouslyAllowHTTP && !s.Transport.HeaderOnly:
		return "https"
	}
	return ""
}
