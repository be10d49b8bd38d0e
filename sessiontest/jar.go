package sessiontest

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A jar keeps cookies by the rules of RFC 6265bis. The jar of net/http/cookiejar always
// uses the real clock, ignores prefixes and SameSite, and cannot list its cookies.
type jar struct {
	mu      sync.Mutex
	cookies []entry // in the order in which they were first set
}

// An entry is a cookie in the jar with its effective attributes.
type entry struct {
	*http.Cookie

	domain, path string
	hostOnly     bool
	expires      time.Time // zero: until the browser is closed
}

const maxAge = 400 * 24 * 3600 // the maximum of browsers, in seconds

// store handles a Set-Cookie header from u like a browser: it adds, replaces or deletes a
// cookie, or returns the reason why a browser rejects it.
func (j *jar) store(u *url.URL, set *http.Cookie, now time.Time) error {
	if err := reject(u, set); err != nil {
		return err
	}
	k := newEntry(u, set, now)
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.cookies, func(o entry) bool {
		return o.Name == k.Name && o.domain == k.domain && o.path == k.path && o.hostOnly == k.hostOnly
	})
	switch {
	case i < 0 && k.live(now):
		j.cookies = append(j.cookies, k)
	case i >= 0 && k.live(now):
		j.cookies[i] = k
	case i >= 0:
		j.cookies = slices.Delete(j.cookies, i, i+1)
	}
	return nil
}

func newEntry(u *url.URL, set *http.Cookie, now time.Time) entry {
	k := entry{hostOnly: set.Domain == "", domain: u.Hostname(), path: set.Path}
	if !k.hostOnly {
		k.domain = strings.ToLower(strings.TrimPrefix(set.Domain, "."))
	}
	if !strings.HasPrefix(k.path, "/") {
		k.path = "/"
		if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
			k.path = u.Path[:i]
		}
	}
	switch {
	case set.MaxAge < 0:
		k.expires = now
	case set.MaxAge > 0:
		k.expires = now.Add(time.Duration(min(set.MaxAge, maxAge)) * time.Second)
	case !set.Expires.IsZero():
		k.expires = set.Expires
	}
	cookie := *set
	k.Cookie = &cookie
	return k
}

// reject returns the reason why a browser rejects the cookie, or nil.
func reject(u *url.URL, k *http.Cookie) error {
	prefixed := func(p string) bool { return len(k.Name) >= len(p) && strings.EqualFold(k.Name[:len(p)], p) }
	host, domain := u.Hostname(), strings.ToLower(strings.TrimPrefix(k.Domain, "."))
	switch {
	case k.Secure && u.Scheme != "https":
		return errors.New("a Secure cookie from an insecure origin")
	case k.SameSite == http.SameSiteNoneMode && !k.Secure:
		return errors.New("SameSite=None without Secure")
	case prefixed("__Secure-") && !k.Secure:
		return errors.New("the prefix __Secure- needs Secure")
	case prefixed("__Host-") && (!k.Secure || k.Path != "/" || k.Domain != ""):
		return errors.New("the prefix __Host- needs Secure, Path=/ and no Domain")
	case domain != "" && host != domain && !strings.HasSuffix(host, "."+domain):
		return errors.New("the Domain does not match the origin")
	}
	return nil
}

// send returns the cookies for u. It ignores SameSite.
func (j *jar) send(u *url.URL, now time.Time) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var match []entry
	for _, k := range j.cookies {
		if k.live(now) && k.belongs(u) && (!k.Secure || u.Scheme == "https") && under(u.Path, k.path) {
			match = append(match, k)
		}
	}
	slices.SortStableFunc(match, func(a, b entry) int { return len(b.path) - len(a.path) })
	return match
}

// find returns a copy of the cookie of that name that belongs to the site of u.
func (j *jar) find(u *url.URL, name string, now time.Time) *http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, k := range j.cookies {
		if k.Name == name && k.live(now) && k.belongs(u) {
			found := *k.Cookie
			return &found
		}
	}
	return nil
}

func (j *jar) restart() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cookies = slices.DeleteFunc(j.cookies, func(k entry) bool { return k.expires.IsZero() })
}

func (k entry) live(now time.Time) bool { return k.expires.IsZero() || now.Before(k.expires) }

func (k entry) belongs(u *url.URL) bool {
	host := u.Hostname()
	return host == k.domain || !k.hostOnly && strings.HasSuffix(host, "."+k.domain)
}

// under reports whether path matches the path of a cookie.
func under(path, cookie string) bool {
	if path == "" {
		path = "/"
	}
	rest, ok := strings.CutPrefix(path, cookie)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(cookie, "/"))
}
