package session

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxTokens limits how many different tokens of one request are looked up.
const maxTokens = 4

// readCookie finds the token among the cookies of a request, without parsing the others.
// If there are several cookies of that name with different values, unique is false.
func readCookie(h http.Header, name string) (value string, found, unique bool) {
	unique = true
	for _, line := range h["Cookie"] {
		for v, rest, ok := cutCookie(line, name); ok; v, rest, ok = cutCookie(rest, name) {
			unique = unique && (!found || v == value)
			value, found = v, true
		}
	}
	return value, found, unique
}

// readTokens returns the different well-formed tokens among the cookies of that name, or
// the first of them if there are more than maxTokens.
func readTokens(h http.Header, name string) (tokens []Token) {
	for _, line := range h["Cookie"] {
		for v, rest, ok := cutCookie(line, name); ok; v, rest, ok = cutCookie(rest, name) {
			t := Token(v)
			if _, _, ok := t.split(); !ok || slices.Contains(tokens, t) {
				continue
			}
			if tokens = append(tokens, t); len(tokens) > maxTokens {
				return tokens
			}
		}
	}
	return tokens
}

// keyed reports whether a request has credentials of its own, and no cookie that a browser may
// have added; see TransportConfig.KeyHeaders.
func (s *settings) keyed(r *http.Request) bool {
	if s.TakeOver != nil && len(r.Header["Cookie"]) > 0 { // which may lead to a session of the other library
		return false
	}
	for _, sc := range []*scope{s.scope, s.plain} {
		if sc == nil {
			continue
		}
		if _, found, _ := readCookie(r.Header, sc.name); found {
			return false
		}
	}
	return s.Transport.hasKey(r.Header)
}

// cutCookie returns the value of the first cookie of that name, and what follows it.
func cutCookie(line, name string) (value, rest string, found bool) {
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
		return v, line, true
	}
	return "", "", false
}

// cookie returns the Set-Cookie for a token. An empty token deletes the cookie, which
// needs the same attributes that it was set with.
func (s *settings) cookie(sc *scope, t Token, d *draft, created, now time.Time) *http.Cookie {
	c := &http.Cookie{
		Name:        sc.name,
		Value:       string(t),
		Path:        s.Cookie.Path,
		Domain:      s.Cookie.Domain,
		Secure:      sc.secure,
		HttpOnly:    !s.Cookie.DangerouslyAllowScript,
		SameSite:    s.Cookie.SameSite,
		Partitioned: s.Cookie.Partitioned,
	}
	switch {
	case t == "":
		c.MaxAge = -1
	case s.keptUntil(d, created, now) != 0:
		left := s.cookieEnd(d, created, now).Sub(now)
		c.MaxAge = max(1, int((left+time.Second-1)/time.Second))
	}
	return c
}

// setCookie adds the session's cookie to a response. It replaces an earlier one of the
// same name.
func setCookie(h http.Header, c *http.Cookie) {
	kept := h["Set-Cookie"][:0:0]
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, c.Name+"=") {
			kept = append(kept, line)
		}
	}
	h["Set-Cookie"] = append(kept, c.String())
	noStore(h)
}

// noStore keeps a response with a cookie out of shared caches (CVE-2023-30861).
func noStore(h http.Header) {
	if cc := strings.ToLower(strings.Join(h["Cache-Control"], ",")); !directive(cc, "no-store") && !directive(cc, "private") {
		h["Cache-Control"] = []string{"no-store"}
	}
}

// maxDeletions limits the bytes of the deletions in one response, because the buffer of a
// proxy for all headers may have 4 kB.
const maxDeletions = 3000

// deleteOthers makes the browser delete the cookies of a name that it may have sent along
// with the request, except the one that the manager sets. The browser alone knows which
// cookie belongs to which domain and path, so the response names all that are possible,
// the likely ones first.
func (s *settings) deleteOthers(h http.Header, sc *scope, r *http.Request) {
	noStore(h)
	c := http.Cookie{Name: sc.name, MaxAge: -1, Secure: sc.secure}
	if s.Cookie.SameSite == http.SameSiteNoneMode { // needed in a frame of another site
		c.SameSite = s.Cookie.SameSite
	}
	host := hostOf(r)
	paths, domains := pathsOf(r.URL.EscapedPath()), domainsOf(host)
	own := cmp.Or(sc.domain, host)
	size := 0
	for _, partitioned := range []bool{false, true} {
		for _, path := range paths {
			for _, domain := range domains {
				// Not all browsers tell a cookie of the host alone from one with the host as its
				// domain, or know Partitioned.
				if path == s.Cookie.Path && cmp.Or(domain, host) == own {
					continue
				}
				c.Domain, c.Path, c.Partitioned = domain, path, partitioned
				line := c.String()
				if size += len("Set-Cookie: \r\n") + len(line); size > maxDeletions {
					return
				}
				h["Set-Cookie"] = append(h["Set-Cookie"], line)
			}
		}
	}
}

// pathsOf returns the paths of the cookies that a browser may send to a path, at least as
// many as maxDeletions leaves room for.
func pathsOf(path string) []string {
	paths := []string{"/"}
	if path, _, _ = strings.Cut(path, ";"); !strings.HasPrefix(path, "/") { // no cookie has a semicolon in its path
		return paths
	}
	for i := 1; i < len(path) && len(paths) < 32; i++ {
		if path[i] == '/' {
			paths = append(paths, path[:i], path[:i+1])
		}
	}
	if path[len(path)-1] != '/' {
		paths = append(paths, path)
	}
	return paths
}

// domainsOf returns the domains of the cookies that a browser may send to a host. The last
// is "", for a cookie of the host alone. Browsers ignore public suffixes.
func domainsOf(host string) (domains []string) {
	for ; strings.Contains(host, ".") && validDomain(host); _, host, _ = strings.Cut(host, ".") {
		domains = append(domains, host)
	}
	return append(domains, "")
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

// send adds the session's token to a response.
func send(h http.Header, sc *scope, c *http.Cookie) {
	if sc.header != "" {
		setToken(h, sc.header, c.Value)
	} else {
		setCookie(h, c)
	}
}

// setToken adds the session's token to a response whose client uses a header. It allows no
// cache at all, not even the browser's own: a script would take the token from there for a
// new one.
func setToken(h http.Header, name, token string) {
	h[name] = []string{cmp.Or(token, tokenGone)}
	h["Cache-Control"] = []string{"no-store"}
}
