package session

import (
	"net/http"
	"slices"
	"strings"
)

// A TransportConfig says how clients send their token and get a new one. With the zero value,
// all of them use the cookie. Apps, scripts and single-page applications on another host can
// use a header instead; see Header. The file docs/api-tokens.md of the repository has example
// clients.
type TransportConfig struct {
	_ [0]func()

	// Header is the request header that contains the token. "Authorization" means the scheme
	// Bearer (RFC 6750): "Authorization: Bearer TOKEN". Other schemes are left to other code.
	// Any other header contains only the token. Headers that browsers send by themselves, or to
	// other sites without a CORS preflight, are refused. Defaults to "", which means that
	// tokens come in the cookie only.
	//
	// If a request has the header, its cookie is not read, even if the header contains no
	// token, an unknown one, or several. A client that has no token yet sends an empty one
	// ("Authorization: Bearer", or an empty value): if the response creates a session, its
	// token comes in a header. So each client keeps its own kind of token: a token from a
	// header is unknown in a cookie, and vice versa.
	//
	// A new token comes in the response header [Manager.TokenHeader], and so does the word
	// "none" when [Session.Invalidate] has ended the session. Such a response gets
	// Cache-Control: no-store, and every response that depends on the session gets a Vary for
	// the header. A client must look at each response: a login or a periodic rotation
	// ([Config].RotateEvery) replaces its token.
	//
	// A request with the header needs no check of its origin. A page of another site can't
	// make a browser send the header unless a CORS preflight permits it, and the header, not
	// the cookie, decides whose session it is.
	Header string

	// HeaderOnly makes the manager ignore its cookie and never send one. A request without the
	// header has no session, and if it creates one, the token comes in a header. The origin
	// check is the same as without HeaderOnly.
	HeaderOnly bool

	// KeyHeaders are request headers in which other code of the program expects credentials,
	// such as "X-Api-Key". A request that has one of them, with a value, and no session cookie
	// needs no check of its origin, because the browser has added nothing to it. A request that
	// also has a session cookie is checked, and so is one with any cookie while
	// [Config].TakeOver is set. "Authorization" counts only with the scheme Bearer: browsers
	// add the credentials of other schemes by themselves.
	KeyHeaders []string
}

const (
	authorization = "Authorization"
	tokenHeader   = "Session-Token" // of responses, if the one of requests is Authorization
	tokenGone     = "none"          // in place of a token: the session has ended
)

// check normalizes the names of headers, and passes each mistake to refuse.
func (t *TransportConfig) check(refuse func(field string, value any, reason string)) {
	normal := func(field, name string) string {
		switch canonical := http.CanonicalHeaderKey(name); {
		case !token(name) || len(name) > 128:
			refuse(field, name, "is not the name of a header; use letters, digits and -, at most 128 of them")
		case isAmbient(canonical):
			refuse(field, name, "browsers send this header by themselves or let other sites set it, so it does not show who sent the request; use Authorization or a name of your own, such as X-Session-Token")
		default:
			return canonical
		}
		return name
	}
	if t.Header != "" {
		t.Header = normal("Transport.Header", t.Header)
	} else if t.HeaderOnly {
		refuse("Transport.HeaderOnly", true, "without Transport.Header, no client could have a session; set that to Authorization, for example")
	}
	t.KeyHeaders = slices.Clone(t.KeyHeaders)
	for i, name := range t.KeyHeaders {
		t.KeyHeaders[i] = normal("Transport.KeyHeaders", name)
	}
}

// isAmbient reports whether a request header does not show that code of this site, or of a
// client other than a browser, has sent the request: a page of another site can set it without
// a preflight (Fetch standard, CORS-safelisted request-header), or browsers or proxies set it.
func isAmbient(name string) bool {
	for _, prefix := range []string{"Sec-", "Proxy-", "Accept", "Access-Control-", "Content-", "If-", "X-Forwarded-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"Age", "Cache-Control", "Connection", "Cookie", "Cookie2", "Date", "Device-Memory", "Dnt", "Downlink", "Dpr",
		"Ect", //nolint:misspell // a client hint: the effective connection type
		"Expect", "Forwarded", "From", "Host", "Keep-Alive", "Last-Event-Id", "Origin", "Ping-From", "Ping-To", "Pragma",
		"Priority", "Purpose", "Range", "Referer", "Rtt", "Save-Data", "Service-Worker", "Set-Cookie", "Te", "Trailer",
		"Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via", "Viewport-Width", "Width",
	}, name)
}

// responseHeader returns the response header that carries new tokens.
func (t *TransportConfig) responseHeader() string {
	if t.Header == authorization {
		return tokenHeader
	}
	return t.Header
}

// scope returns the scope of tokens in the header. A cookie's name is never empty, so no cookie
// has the same.
func (t *TransportConfig) scope(cookie, application string) *scope {
	unique := "\x00header\x00" + cookie
	if application != "" {
		unique += "\x00application\x00" + application
	}
	return &scope{name: t.Header, header: t.responseHeader(), namespace: namespaceOf(unique)}
}

// A presented is what the token header of a request contains.
type presented struct {
	value  string // "": nothing yet
	unique bool   // false: several headers with different values
}

// read returns what the token header of a request contains, or nil if it has none.
func (t *TransportConfig) read(h http.Header) *presented {
	if t.Header == "" {
		return nil
	}
	var p *presented
	for _, line := range h[t.Header] {
		v, ok := valueOf(t.Header, line)
		switch {
		case !ok:
		case p == nil:
			p = &presented{v, true}
		default:
			p.unique = p.unique && v == p.value
		}
	}
	return p
}

// hasKey reports whether a request has one of the KeyHeaders.
func (t *TransportConfig) hasKey(h http.Header) bool {
	for _, name := range t.KeyHeaders {
		for _, line := range h[name] {
			if v, ok := valueOf(name, line); ok && v != "" {
				return true
			}
		}
	}
	return false
}

// valueOf returns what a header contains. If it is Authorization, this is what follows the
// scheme Bearer; with another scheme, ok is false.
func valueOf(name, line string) (value string, ok bool) {
	line = strings.Trim(line, " \t")
	if name != authorization {
		return line, true
	}
	scheme, value, _ := strings.Cut(line, " ")
	return strings.TrimLeft(value, " "), strings.EqualFold(scheme, "Bearer")
}

// varyOn tells caches which request headers the response depends on. It doesn't copy the
// names: the slice must be full, so that an append copies it.
func varyOn(h http.Header, names []string) {
	if len(h["Vary"]) == 0 {
		h["Vary"] = names
		return
	}
	for _, name := range names {
		if !varies(h["Vary"], name) {
			h["Vary"] = append(h["Vary"], name)
		}
	}
}

func varies(lines []string, name string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.EqualFold(part, name) {
				return true
			}
		}
	}
	return false
}

// token is RFC 9110, section 5.6.2.
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
