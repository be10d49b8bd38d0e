package session

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session/internal/dotpath"
)

// maxAge is the longest life of a cookie in browsers (RFC 6265bis, section 5.6.2), and so
// the longest time for which a session is useful.
const maxAge = 400 * 24 * time.Hour

// A settings is a checked Config: every field has its effective value.
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
	c.maxPerOwner(s, store)
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
		c.refuse("RotateEvery", s.RotateEvery, "must be longer than Grace ("+s.Grace.String()+"), or a token would be replaced before the clients that use its predecessor have got it")
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

// digestOf binds the secret to its record and to the manager's namespace: a record
// that is copied under another ID, or read by another application on the same
// store, does not match.
func (s *settings) digestOf(id ID, sec *secret) digest {
	var b [len(s.namespace) + len(id) + len(sec)]byte
	copy(b[:], s.namespace[:])
	copy(b[len(s.namespace):], id[:])
	copy(b[len(s.namespace)+len(id):], sec[:])
	return sha256.Sum256(b[:])
}

// maxPerOwner refuses a limit that nobody could keep.
func (c *checker) maxPerOwner(s *settings, store Store) {
	s.MaxPerOwner = max(0, s.MaxPerOwner)
	_, byOwner := Capability[OwnerLister](store)
	_, all := Capability[Lister](store)
	if s.MaxPerOwner > 0 && store != nil && !byOwner && !all {
		c.refuse("MaxPerOwner", s.MaxPerOwner, "the store cannot list sessions; give it session.OwnerLister (or session.Lister, which is slower), or leave the limit out")
	}
}

// cookieEnd is the absolute limit: the server alone enforces the idle one, so that
// prolonging a session needs no cookie.
func (s *settings) cookieEnd(d *draft, created, now time.Time) time.Time {
	absolute := s.absolute(d)
	if absolute <= 0 {
		return now.Add(maxAge)
	}
	return s.absoluteStart(d, created).Add(absolute)
}

// expires returns when a session ends that is used now.
func (s *settings) expires(d *draft, created, now time.Time) time.Time {
	idle := cmp.Or(d.idle, s.IdleTimeout)
	if idle < 0 {
		idle = maxAge
	}
	end := now.Add(idle)
	if absolute := s.absolute(d); absolute > 0 {
		if last := s.absoluteStart(d, created).Add(absolute); last.Before(end) {
			end = last
		}
	}
	return end
}

// shorten lets limits that were lowered since a record was written hold at once.
func (s *settings) shorten(r *Record, d *draft) {
	if end := s.expires(d, r.CreatedAt, r.LastActivity); end.Before(r.ExpiresAt) {
		r.ExpiresAt = end.UTC()
	}
}

// absolute is the effective absolute timeout. As in a Config, an idle timeout that is
// longer than the default one takes it along.
func (s *settings) absolute(d *draft) time.Duration {
	switch {
	case d.absolute != 0:
		return d.absolute
	case s.AbsoluteTimeout > 0:
		return max(s.AbsoluteTimeout, d.idle)
	}
	return s.AbsoluteTimeout
}

// absoluteStart is when the absolute timeout began: at the creation, or at the login.
func (s *settings) absoluteStart(d *draft, created time.Time) time.Time {
	if d.authAt != 0 {
		return later(created, time.Unix(0, d.authAt).UTC())
	}
	return created
}

// checkSize refuses a document above the limit, unless it is an old one that has
// become smaller.
func (s *settings) checkSize(d *draft, old []byte) error {
	if s.MaxBytes < 0 || len(d.doc) <= max(s.MaxBytes, len(old)-1) {
		return nil
	}
	type size struct {
		key string
		n   int
	}
	var sizes []size
	for k, v := range dotpath.Members(d.doc) {
		sizes = append(sizes, size{k, len(v)})
	}
	slices.SortFunc(sizes, func(a, b size) int { return b.n - a.n })
	var big []string
	for _, z := range sizes[:min(3, len(sizes))] {
		big = append(big, fmt.Sprintf("%q (%d bytes)", z.key, z.n))
	}
	return errorf(ErrTooLarge, "the data has %d bytes, more than Config.MaxBytes (%d); the biggest values: %s", len(d.doc), s.MaxBytes, strings.Join(big, ", "))
}
