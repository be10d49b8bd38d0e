package session

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expanse-go/session/internal/dotpath"
)

// maxAge is the longest life of a cookie in browsers (RFC 6265bis, section 5.6.2), and so
// the longest time for which a session is useful.
const maxAge = 400 * 24 * time.Hour

// A settings is a checked Config: every field has its effective value.
type settings struct {
	Config
	scope   *scope // of the cookie, or of the one over HTTPS if there are two
	plain   *scope // of the cookie over plain HTTP, if Cookie.IsHTTPS is set
	header  *scope // of tokens in a header, if Transport.Header is set
	scopes  []*scope
	varies  []string // the request headers on which a response with a session depends
	origins *http.CrossOriginProtection
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
	c.watching(s)
	c.cookie(s)
	c.transport(s)
	c.maxPerOwner(s, store)
	c.observing(s)
	for _, o := range cfg.TrustedOrigins {
		origin, reason := normalOrigin(o)
		if reason == "" && s.origins.AddTrustedOrigin(origin) != nil {
			reason = originForm
		}
		if reason != "" {
			c.refuse("TrustedOrigins", o, reason)
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
		c.refuse("Grace", s.Grace, "RotateEvery needs a positive one; otherwise requests under way during a rotation would lose their session")
	}
	if s.Grace < 0 && s.RevokeOnReuse {
		c.refuse("Grace", s.Grace, "RevokeOnReuse needs a positive one; otherwise requests under way during a rotation would end their session")
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
		c.refuse("RotateEvery", s.RotateEvery, "must be longer than Grace ("+s.Grace.String()+"), or a token would be replaced before the clients that use its predecessor have received it")
	}
}

// watching checks how often watched sessions are looked at. A watch has the token of its
// request, and has to see each periodic rotation of it: after two of them, a record no longer
// tells whether a login was among them.
func (c *checker) watching(s *settings) {
	if s.RotateEvery > 0 && s.WatchEvery >= s.RotateEvery {
		c.refuse("WatchEvery", s.WatchEvery, "must be shorter than RotateEvery ("+s.RotateEvery.String()+"), or a watch would take a rotated token for a replaced one")
	}
	every := defaultWatchEvery
	if s.RotateEvery > 0 {
		every = min(every, s.RotateEvery/2)
	}
	s.WatchEvery = cmp.Or(s.WatchEvery, every)
}

const defaultWatchEvery = 5 * time.Second

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
	k.Name = cmp.Or(k.Name, "session")
	k.Path = cmp.Or(k.Path, "/")
	k.SameSite = cmp.Or(k.SameSite, http.SameSiteLaxMode)
	if len(s.Application) > 64 || !utf8.ValidString(s.Application) {
		c.refuse("Application", s.Application, "use at most 64 bytes of UTF-8")
	}
	c.scopes(s)
	free := k.DangerouslyDropHostPrefix || k.DangerouslyAllowHTTP && k.IsHTTPS == nil
	if k.Path != "/" && !free {
		c.refuse("Cookie.Path", k.Path, "a __Host- cookie has the path /; leave it out, or set DangerouslyDropHostPrefix")
	}
	if !strings.HasPrefix(k.Path, "/") || strings.ContainsAny(k.Path, ";,\x00\r\n") || !ascii(k.Path) {
		c.refuse("Cookie.Path", k.Path, "must begin with /, and must not contain a semicolon, a comma, a control character or a character that is not ASCII")
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
		if k.DangerouslyAllowHTTP {
			c.refuse("Cookie.SameSite", "None", "browsers refuse it without Secure; remove DangerouslyAllowHTTP")
		}
	default:
		c.refuse("Cookie.SameSite", int(k.SameSite), "must be Lax, Strict or None")
	}
	if k.Partitioned && (k.SameSite != http.SameSiteNoneMode || k.DangerouslyAllowHTTP) {
		c.refuse("Cookie.Partitioned", true, "needs SameSite None and Secure; without them browsers refuse the cookie or partition nothing")
	}
}

// scopes says which cookies there are: one, or one over HTTPS and another one over plain
// HTTP. Those have different names, so that neither overwrites the other.
func (c *checker) scopes(s *settings) {
	k := &s.Cookie
	prefix := "__Host-"
	if k.DangerouslyDropHostPrefix {
		prefix = "__Secure-"
	}
	switch {
	case !k.DangerouslyAllowHTTP:
		s.scope = c.scope(s, prefix)
		if k.IsHTTPS != nil {
			c.refuse("Cookie.IsHTTPS", "set", "has no effect, because the cookie is always Secure; leave it out, or set DangerouslyAllowHTTP to give requests over plain HTTP a cookie as well")
		}
	case k.IsHTTPS == nil:
		s.scope = c.scope(s, "")
	default:
		before := len(c.errs)
		s.scope = c.scope(s, prefix)
		if len(c.errs) == before {
			s.plain = c.scope(s, "")
		}
	}
}

// scope makes the scope of a cookie with a prefix, or of one over plain HTTP with none.
func (c *checker) scope(s *settings, prefix string) *scope {
	k := &s.Cookie
	sc := &scope{
		name:   c.cookieName(k.Name, prefix, k.DangerouslyAllowScript),
		domain: strings.TrimPrefix(strings.ToLower(k.Domain), "."), secure: prefix != "",
	}
	unique := sc.name
	if sc.domain != "" || k.Path != "/" || k.Partitioned {
		unique = fmt.Sprintf("%s\x00%s\x00%s\x00%v", sc.name, sc.domain, k.Path, k.Partitioned)
	}
	if s.Application != "" {
		unique += "\x00application\x00" + s.Application
	}
	sc.namespace = namespaceOf(unique)
	return sc
}

// transport says which scopes there are, the one of new sessions first.
func (c *checker) transport(s *settings) {
	t := &s.Transport
	t.check(c.refuse)
	if t.Header == "" {
		s.varies = []string{"Cookie"}
	} else {
		s.header = t.scope(s.Cookie.Name, s.Application)
		s.varies = []string{t.Header, "Cookie"}
	}
	if t.HeaderOnly {
		if s.TakeOver != nil {
			c.refuse("TakeOver", "set", "has no effect with Transport.HeaderOnly, because requests then have no cookies; leave one of them out")
		}
		s.scopes, s.varies = []*scope{s.header}, slices.Clip(s.varies[:1])
		return
	}
	for _, sc := range []*scope{s.scope, s.plain, s.header} {
		if sc != nil {
			s.scopes = append(s.scopes, sc)
		}
	}
}

// scopeOf returns the scope of the cookie that belongs to a request.
func (s *settings) scopeOf(r *http.Request) *scope {
	if s.plain != nil && !s.Cookie.IsHTTPS(r) {
		return s.plain
	}
	return s.scope
}

// cookieName joins prefix and name. A name that has a prefix of its own must have the
// one that the other settings give it; browsers compare prefixes without case.
func (c *checker) cookieName(name, prefix string, script bool) string {
	for _, p := range []string{"__Host-Http-", "__Host-", "__Secure-", "__Http-"} {
		if len(name) >= len(p) && strings.EqualFold(name[:len(p)], p) {
			own := "__Secure-"
			if strings.HasPrefix(p, "__Host") {
				own = "__Host-"
			}
			if own != prefix {
				c.refuse("Cookie.Name", name, "its prefix contradicts the dangerous switches; leave the prefix out, and the right one is added")
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

func validDomain(d string) bool {
	d = strings.TrimPrefix(d, ".")
	if strings.Trim(d, "0123456789-.") == "" || len(d) > 253 || net.ParseIP(d) != nil {
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

// withholds reports whether browsers withhold the cookie from a request, by SameSite,
// because another site has caused it. Browsers say so only over HTTPS.
func (s *settings) withholds(r *http.Request) bool {
	if r.Header.Get("Sec-Fetch-Site") != "cross-site" {
		return false
	}
	switch s.Cookie.SameSite {
	case http.SameSiteStrictMode:
		return true
	case http.SameSiteLaxMode: // is sent when a link or a redirect opens a page
		dest := r.Header.Get("Sec-Fetch-Dest")
		opens := r.Header.Get("Sec-Fetch-Mode") == "navigate" && (dest == "" || dest == "document")
		return !opens || r.Method != http.MethodGet && r.Method != http.MethodHead
	}
	return false
}

// maxPerOwner refuses a limit that the store cannot enforce.
func (c *checker) maxPerOwner(s *settings, store Store) {
	s.MaxPerOwner = max(0, s.MaxPerOwner)
	_, byOwner := Capability[OwnerLister](store)
	_, all := Capability[Lister](store)
	if s.MaxPerOwner > 0 && store != nil && !byOwner && !all {
		c.refuse("MaxPerOwner", s.MaxPerOwner, "the store cannot list sessions; implement session.OwnerLister (or session.Lister, which is slower) in the store, or leave the limit out")
	}
}

// maxHistory limits Config.History.
const maxHistory = 100

// observing checks what is recorded about requests.
func (c *checker) observing(s *settings) {
	s.History = max(0, s.History)
	if s.History > maxHistory {
		c.refuse("History", s.History, fmt.Sprintf("would make every session large; use at most %d", maxHistory))
	}
	if s.DangerouslyLogChanges && (!s.Cookie.DangerouslyAllowHTTP || s.Cookie.IsHTTPS != nil) {
		c.refuse("DangerouslyLogChanges", true, "writes the values of sessions to the log of a site that is served over HTTPS; it is for development over plain HTTP, with Cookie.DangerouslyAllowHTTP")
	}
}

// cookieEnd is the absolute limit: the server alone enforces the idle one, so that
// extending a session needs no cookie.
func (s *settings) cookieEnd(d *draft, created, now time.Time) time.Time {
	absolute := s.absolute(d)
	if absolute <= 0 {
		return now.Add(maxAge)
	}
	return s.absoluteStart(d, created).Add(absolute)
}

// keptUntil returns until when browsers have to keep the cookie of a session, in
// nanoseconds since 1970, or 0 if only until they are closed.
func (s *settings) keptUntil(d *draft, created, now time.Time) int64 {
	if d.persist == browserSession || d.persist == byConfig && s.Cookie.BrowserSession {
		return 0
	}
	return s.cookieEnd(d, created, now).UnixNano()
}

// outdated reports whether the browser's cookie does not last as long as it should,
// because the settings or the limits of the session have changed.
func (s *settings) outdated(d *draft, created, now time.Time) bool {
	tolerance := time.Second
	if s.absolute(d) <= 0 { // the end moves with each request
		tolerance = maxAge / 10
	}
	return time.Duration(s.keptUntil(d, created, now)-d.keptUntil).Abs() > tolerance
}

// expires returns when a session ends that is used now.
func (s *settings) expires(d *draft, created, now time.Time) time.Time {
	idle := cmp.Or(d.idle, s.IdleTimeout)
	if idle < 0 || idle > maxAge {
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

// ours reports whether a session belongs to this application.
func (s *settings) ours(d *draft) bool { return string(d.app) == s.Application }

// shorten lets limits that were lowered since a record was written hold at once. A record
// with times further ahead than clocks differ would outlive every limit, so it has expired.
func (s *settings) shorten(r *Record, d *draft, now time.Time) {
	latest := now.Add(PruneSlack)
	if r.CreatedAt.After(latest) || r.LastActivity.After(latest) || max(d.authAt, d.rotatedAt) > latest.UnixNano() {
		r.ExpiresAt = time.Time{}
		return
	}
	if end := s.expires(d, r.CreatedAt, r.LastActivity); end.Before(r.ExpiresAt) {
		r.ExpiresAt = end.UTC()
	}
}

// absolute is the effective absolute timeout. As in a Config, an idle timeout that is
// longer than the default absolute one raises it.
func (s *settings) absolute(d *draft) time.Duration {
	switch {
	case d.absolute != 0:
		return min(d.absolute, maxAge)
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

// maxSize limits the document of a session, in bytes. One that is above the limit already,
// because the limit was higher then, may not grow.
func (s *settings) maxSize(old int) int {
	if s.MaxBytes < 0 {
		return dotpath.NoLimit
	}
	return max(s.MaxBytes, old)
}

// checkSize refuses a document above the limit.
func (s *settings) checkSize(d *draft, old int) error {
	if d.doc.Len() <= s.maxSize(old) {
		return nil
	}
	return errorf(ErrTooLarge, "the data has %d bytes, more than Config.MaxBytes (%d); the largest values: %s", d.doc.Len(), s.MaxBytes, biggest(d))
}

// biggest lists the values that take most of the room.
func biggest(d *draft) string {
	type size struct {
		key string
		n   int
	}
	var sizes []size
	for k, v := range dotpath.Members(d.doc.Text()) {
		sizes = append(sizes, size{k, len(v)})
	}
	slices.SortFunc(sizes, func(a, b size) int { return b.n - a.n })
	var big []string
	for _, z := range sizes[:min(3, len(sizes))] {
		big = append(big, fmt.Sprintf("%q (%d bytes)", z.key, z.n))
	}
	return strings.Join(big, ", ")
}
