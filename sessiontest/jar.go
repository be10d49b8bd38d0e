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

// A jar keeps cookies as RFC 6265bis says. The one of net/http/cookiejar has no
// clock but the real one, ignores prefixes and SameSite, and does not tell what it
// has.
type jar struct {
	mu      sync.Mutex
	cookies []kept // in the order of their first arrival
}

// kept is a cookie in the jar, and what its attributes amount to.
type kept struct {
	*http.Cookie

	domain, path string
	hostOnly     bool
	expires      time.Time // zero: with the browser
}

const maxAge = 400 * 24 * 3600 // what browsers grant at most, in seconds

// store does what a browser does on a Set-Cookie from u: keep, replace, remove, or
// refuse with the reason.
func (j *jar) store(u *url.URL, set *http.Cookie, now time.Time) error {
	if err := refuse(u, set); err != nil {
		return err
	}
	k := keep(u, set, now)
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.cookies, func(o kept) bool {
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

func keep(u *url.URL, set *http.Cookie, now time.Time) kept {
	k := kept{hostOnly: set.Domain == "", domain: u.Hostname(), path: set.Path}
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

// refuse returns why a browser does not take the cookie, or nil.
func refuse(u *url.URL, k *http.Cookie) error {
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
		return errors.New("the Domain is not that of the origin")
	}
	return nil
}

// send returns the cookies for u, except for what SameSite says.
func (j *jar) send(u *url.URL, now time.Time) []kept {
	j.mu.Lock()
	defer j.mu.Unlock()
	var match []kept
	for _, k := range j.cookies {
		if k.live(now) && k.belongs(u) && (!k.Secure || u.Scheme == "https") && under(u.Path, k.path) {
			match = append(match, k)
		}
	}
	slices.SortStableFunc(match, func(a, b kept) int { return len(b.path) - len(a.path) })
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
	j.cookies = slices.DeleteFunc(j.cookies, func(k kept) bool { return k.expires.IsZero() })
}

func (k kept) live(now time.Time) bool { return k.expires.IsZero() || now.Before(k.expires) }

func (k kept) belongs(u *url.URL) bool {
	host := u.Hostname()
	return host == k.domain || !k.hostOnly && strings.HasSuffix(host, "."+k.domain)
}

// under reports whether a request of path is one of the cookie's path.
func under(path, cookie string) bool {
	if path == "" {
		path = "/"
	}
	rest, ok := strings.CutPrefix(path, cookie)
	return ok && (rest == "" || rest[0] == '/' || strings.HasSuffix(cookie, "/"))
}
