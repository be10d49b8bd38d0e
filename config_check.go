package session

import (
	"cmp"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// maxAge is the longest life of a cookie in browsers (RFC 6265bis, section
// 5.6.2), and so the longest pause in which a session can be of use.
const maxAge = 400 * 24 * time.Hour

// settings is a checked Config: every field holds its effective value.
type settings struct {
	Config
	cookieName string // with prefix
	namespace  namespace
	secure     bool
	origins    *http.CrossOriginProtection
}

type checker struct {
	errs []error
}

func (c *checker) refuse(field string, value any, reason string) {
	c.errs = append(c.errs, &ConfigError{Field: field, Value: value, Reason: reason})
}

// check fills in the defaults and finds all mistakes. The store may be nil.
func (cfg Config) check(store Store) (*settings, error) {
	s := &settings{Config: cfg, origins: http.NewCrossOriginProtection()}
	var c checker
	c.times(s)
	c.cookie(s)
	c.limit(s, store)
	for _, o := range cfg.TrustedOrigins {
		if err := s.origins.AddTrustedOrigin(o); err != nil {
			c.refuse("TrustedOrigins", o, "write it as scheme://host[:port], without a path")
		}
	}
	s.StoreTimeout = cmp.Or(s.StoreTimeout, 5*time.Second)
	s.PruneEvery = cmp.Or(s.PruneEvery, 5*time.Minute)
	s.MaxBytes = cmp.Or(s.MaxBytes, 1<<20)
	if s.Client == nil {
		s.Client = remoteClient
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.OnError == nil {
		s.OnError = DefaultError
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
	return s, errors.Join(c.errs...)
}

func (c *checker) times(s *settings) {
	s.IdleTimeout = cmp.Or(s.IdleTimeout, 2*time.Hour)
	s.AbsoluteTimeout = cmp.Or(s.AbsoluteTimeout, max(24*time.Hour, s.IdleTimeout))
	if s.Grace < 0 && s.RotateEvery > 0 {
		c.refuse("Grace", s.Grace, "RotateEvery needs one, or requests under way during a rotation would lose their session")
	}
	s.Grace = max(0, cmp.Or(s.Grace, 30*time.Second))
	s.RotateEvery = max(0, s.RotateEvery)
	if s.IdleTimeout > maxAge {
		c.refuse("IdleTimeout", s.IdleTimeout, "browsers keep no cookie for more than 400 days; shorten it, or set it negative for no limit")
	}
	if s.AbsoluteTimeout > maxAge {
		c.refuse("AbsoluteTimeout", s.AbsoluteTimeout, "browsers keep no cookie for more than 400 days; shorten it, or set it negative for no limit")
	}
	if s.AbsoluteTimeout > 0 && s.IdleTimeout > s.AbsoluteTimeout {
		c.refuse("IdleTimeout", s.IdleTimeout, "longer than AbsoluteTimeout ("+s.AbsoluteTimeout.String()+"), so it could never take effect; swap them or leave one out")
	}
	limit := s.idle(0, 0)
	if s.TouchEvery == 0 {
		s.TouchEvery = limit / 20
	}
	if s.TouchEvery >= limit {
		c.refuse("TouchEvery", s.TouchEvery, "must be below the idle timeout ("+limit.String()+"), or sessions in use would expire")
	}
	if s.RotateEvery > 0 && s.RotateEvery <= s.Grace {
		c.refuse("RotateEvery", s.RotateEvery, "must be longer than Grace ("+s.Grace.String()+"), because only one previous token is kept")
	}
}

// idle is the effective idle limit of a session with timeouts of its own, or 0.
func (s *settings) idle(idle, absolute time.Duration) time.Duration {
	if idle = cmp.Or(idle, s.IdleTimeout); idle > 0 {
		return idle
	}
	if absolute = cmp.Or(absolute, s.AbsoluteTimeout); absolute > 0 {
		return absolute
	}
	return maxAge
}

func (c *checker) cookie(s *settings) {
	k := &s.Cookie
	s.secure = !k.DangerouslyAllowHTTP
	k.Name = cmp.Or(k.Name, "session")
	k.Path = cmp.Or(k.Path, "/")
	k.SameSite = cmp.Or(k.SameSite, http.SameSiteLaxMode)
	prefix := "__Host-"
	switch {
	case k.DangerouslyAllowHTTP:
		prefix = ""
	case k.DangerouslyDropHostPrefix:
		prefix = "__Secure-"
	}
	s.cookieName = c.cookieName(k.Name, prefix, k.DangerouslyAllowScript)
	s.namespace = namespaceOf(s.cookieName)

	free := k.DangerouslyDropHostPrefix || k.DangerouslyAllowHTTP
	if k.Path != "/" && !free {
		c.refuse("Cookie.Path", k.Path, "a __Host- cookie has the path /; leave it out, or set DangerouslyDropHostPrefix")
	}
	if !strings.HasPrefix(k.Path, "/") || strings.ContainsAny(k.Path, ";,\x00\r\n") || !ascii(k.Path) {
		c.refuse("Cookie.Path", k.Path, "must begin with / and hold no ; or control character")
	}
	if k.Domain != "" && !free {
		c.refuse("Cookie.Domain", k.Domain, "a __Host- cookie has no domain; leave it out, or set DangerouslyDropHostPrefix to share it with all subdomains")
	}
	if k.Domain != "" && !validDomain(k.Domain) {
		c.refuse("Cookie.Domain", k.Domain, "is not a domain name")
	}
	switch k.SameSite {
	case http.SameSiteLaxMode, http.SameSiteStrictMode:
	case http.SameSiteNoneMode:
		if !k.DangerouslyAllowCrossSite {
			c.refuse("Cookie.SameSite", "None", "sends the cookie along with requests of other sites; use Lax or Strict, or set DangerouslyAllowCrossSite")
		}
		if !s.secure {
			c.refuse("Cookie.SameSite", "None", "browsers refuse it without Secure; remove DangerouslyAllowHTTP")
		}
	default:
		c.refuse("Cookie.SameSite", int(k.SameSite), "must be Lax, Strict or None")
	}
	if k.Partitioned && (k.SameSite != http.SameSiteNoneMode || !s.secure) {
		c.refuse("Cookie.Partitioned", true, "needs SameSite None and Secure; without them browsers refuse the cookie or partition nothing")
	}
}

// cookieName joins prefix and name. A name that brings a prefix of its own must
// bring the one that the other settings give it; browsers compare prefixes
// without case.
func (c *checker) cookieName(name, prefix string, script bool) string {
	for _, p := range []string{"__Host-Http-", "__Host-", "__Secure-", "__Http-"} {
		if len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
			own := "__Secure-"
			if strings.HasPrefix(p, "__Host") {
				own = "__Host-"
			}
			if own != prefix {
				c.refuse("Cookie.Name", name, "its prefix contradicts the dangerous switches; leave the prefix out, the right one is added")
			}
			if script && strings.HasSuffix(p, "Http-") {
				c.refuse("Cookie.Name", name, "browsers refuse the prefix without HttpOnly; leave it out, or remove DangerouslyAllowScript")
			}
			prefix = ""
			break
		}
	}
	name = prefix + name
	if !token(name) || len(name) > 128 {
		c.refuse("Cookie.Name", name, "use letters, digits, - and _, at most 128 of them")
	}
	return name
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

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || s[i] < ' ' {
			return false
		}
	}
	return true
}

func validDomain(d string) bool {
	d = strings.TrimPrefix(d, ".")
	if d == "" || len(d) > 253 || net.ParseIP(d) != nil {
		return false
	}
	for label := range strings.SplitSeq(d, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if c := label[i] | 0x20; (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' {
				return false
			}
		}
	}
	return true
}
