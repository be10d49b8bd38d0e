package session

import (
	"net/http"
	"strings"
	"time"
)

// readCookie finds the token among the cookies of a request, without parsing the others.
// If there are several cookies of that name with different values, somebody may have
// planted one (RFC 6265bis, section 8.6), so unique is false and none is trusted.
func readCookie(h http.Header, name string) (value string, found, unique bool) {
	unique = true
	for _, line := range h["Cookie"] {
		for line != "" {
			var part string
			part, line, _ = strings.Cut(line, ";")
			for part != "" && (part[0] == ' ' || part[0] == '\t') {
				part = part[1:]
			}
			if len(part) <= len(name) || part[len(name)] != '=' || part[:len(name)] != name {
				continue
			}
			v := part[len(name)+1:]
			for v != "" && (v[len(v)-1] == ' ' || v[len(v)-1] == '\t') {
				v = v[:len(v)-1]
			}
			if found && v != value {
				unique = false
			}
			value, found = v, true
		}
	}
	return value, found, unique
}

// cookie returns the Set-Cookie for a token. An empty token deletes the cookie, which
// needs the same attributes that it was set with.
func (s *settings) cookie(t Token, d *draft, created, now time.Time) *http.Cookie {
	c := &http.Cookie{
		Name:        s.cookieName,
		Value:       string(t),
		Path:        s.Cookie.Path,
		Domain:      s.Cookie.Domain,
		Secure:      s.secure,
		HttpOnly:    !s.Cookie.DangerouslyAllowScript,
		SameSite:    s.Cookie.SameSite,
		Partitioned: s.Cookie.Partitioned,
	}
	switch {
	case t == "":
		c.MaxAge = -1
	case d.persist == persistent || d.persist == byConfig && !s.Cookie.BrowserSession:
		left := s.cookieEnd(d, created, now).Sub(now)
		c.MaxAge = max(1, int((left+time.Second-1)/time.Second))
	}
	return c
}

// setCookie adds the session's cookie to a response. It replaces an earlier one of the
// same name, and keeps the response out of shared caches (CVE-2023-30861).
func setCookie(h http.Header, c *http.Cookie) {
	kept := h["Set-Cookie"][:0:0]
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, c.Name+"=") {
			kept = append(kept, line)
		}
	}
	h["Set-Cookie"] = append(kept, c.String())
	if cc := strings.ToLower(strings.Join(h["Cache-Control"], ",")); !directive(cc, "no-store") && !directive(cc, "private") {
		h["Cache-Control"] = []string{"no-store"}
	}
}

// directive reports whether a Cache-Control value, in lower case, has a directive without
// an argument: private="x" keeps only the header x out of shared caches.
func directive(cc, name string) bool {
	for part := range strings.SplitSeq(cc, ",") {
		if strings.TrimSpace(part) == name {
			return true
		}
	}
	return false
}

// varyOnCookie tells caches that the response depends on the cookie.
func varyOnCookie(h http.Header) {
	for _, line := range h["Vary"] {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.EqualFold(part, "Cookie") {
				return
			}
		}
	}
	if len(h["Vary"]) == 0 {
		h["Vary"] = varyCookie
		return
	}
	h["Vary"] = append(h["Vary"], "Cookie")
}

var varyCookie = []string{"Cookie"} // shared: full, so that an append copies it
