package session

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// A Config says how a [Manager] behaves. The zero value is safe and complete: an
// idle limit of two hours, an absolute limit of a day, a cookie that only the
// browser that got it sends back, over HTTPS, to the same host.
//
// In every field zero means the default, and a negative number switches off.
// [New] refuses contradictory settings, all of them at once, each as a
// [*ConfigError].
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Cookie describes the session cookie.
	Cookie CookieConfig

	// IdleTimeout ends a session that was not used for this long (OWASP ASVS
	// 7.3.1). A session may have its own: [Session.SetTimeouts].
	// Negative: never. Defaults to 2 hours.
	IdleTimeout time.Duration

	// AbsoluteTimeout ends a session this long after it was created or last
	// authenticated, however active it is (OWASP ASVS 7.3.2). At most 400 days,
	// the longest that browsers keep a cookie. Negative: no limit; the client
	// forgets its cookie 400 days after the last login or rotation.
	// Defaults to 24 hours, or to IdleTimeout if that is longer.
	AbsoluteTimeout time.Duration

	// TouchEvery is how far the recorded last activity may lag behind. A request
	// that only reads prolongs its session at most once in this time, so that
	// reading does not write. Negative: every request.
	// Defaults to a twentieth of IdleTimeout.
	TouchEvery time.Duration

	// RotateEvery replaces the token of a session in use this often; the previous
	// one works for Grace, and not longer: a client that never gets the answer with
	// the new token is signed out. Negative or zero: only [Session.Login] and
	// [Session.Regenerate] rotate.
	RotateEvery time.Duration

	// Grace is how long a replaced token is recognised, so that requests that were
	// under way with it do not start a session of their own. After Login and
	// Regenerate such a token reaches nothing all the same.
	// Negative: not at all. Defaults to 30 seconds.
	Grace time.Duration

	// StoreTimeout bounds the load of a session, and again its commit with all that
	// follows from it. A commit that another request of the session has begun to store
	// along with its own ends with that one, which has a StoreTimeout of its own.
	// Negative: unbounded. Defaults to 5 seconds.
	StoreTimeout time.Duration

	// MaxBytes limits the data of one session, in bytes of its JSON document.
	// Negative: unlimited. Defaults to 1 MiB.
	MaxBytes int

	// MaxPerOwner limits the sessions that one owner has at a time; OWASP ASVS 7.1.2
	// asks to decide on it. Once a [Session.Login] is stored, the owner's sessions
	// are listed, and of those above the limit the least recently active ones end as
	// by [Manager.Revoke]. The login that is under way never ends, nor does a session
	// whose activity is recorded after it; so with logins at once, or clocks that
	// differ, there may be more sessions than the limit until the next login.
	// LastActivity may lag by TouchEvery. What counts is all that is in the store, as
	// in [Manager.List].
	//
	// The response waits for it, within StoreTimeout. If the store fails meanwhile,
	// the login has succeeded all the same, and the log and an [EventFailed] tell. The
	// store must list sessions; one that is no [OwnerLister] reads all of them at each
	// login. Negative or zero: no limit.
	MaxPerOwner int

	// PruneEvery is the pause between sweeps of expired records, which start after
	// the first session was created and end with [Manager.Close]. The pauses vary
	// by a quarter, so that replicas do not sweep in step.
	// Negative: no sweeps; call [Manager.Prune]. Defaults to 5 minutes.
	PruneEvery time.Duration

	// TrustedOrigins are the origins ("https://app.example.com") from which a
	// browser may send unsafe requests although they are not the site's own. See
	// [http.CrossOriginProtection].
	TrustedOrigins []string

	// Client tells what to record of the far end of a request. Set it to read a
	// header that a trusted proxy writes, or to [NoClient] to record nothing. It is
	// called during a commit, and must not use the session. Too long or invalid text
	// is cut. Defaults to the address of the connection and
	// the User-Agent header.
	Client func(*http.Request) Client

	// Now is the clock. Defaults to [time.Now].
	Now func() time.Time

	// OnEvent is told what happens to sessions, for logs, metrics and audits. It
	// is called on the goroutine of the request, and must not block.
	OnEvent func(context.Context, Event)

	// OnError answers a request whose session could not be loaded or committed; no
	// byte of another answer has been sent. Defaults to [DefaultError].
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// Logger gets what nobody else would learn of: failed commits, undecodable
	// records, failed sweeps. Defaults to [slog.Default].
	Logger *slog.Logger
}

// A CookieConfig describes the session cookie. The zero value gives
//
//	__Host-session=…; Path=/; Max-Age=…; HttpOnly; Secure; SameSite=Lax
//
// whatever the request looks like: behind a proxy every request looks local, so
// nothing is decided by it. The prefix makes browsers refuse a cookie that a
// subdomain or plain HTTP tries to plant (RFC 6265bis, section 4.1.3).
type CookieConfig struct {
	_ [0]func()

	// Name is the cookie's name without its prefix, which follows from the other
	// settings. It also keeps the tokens of managers on one store apart: one of the
	// one name is unknown under the other. Defaults to "session".
	Name string

	// Path and Domain need DangerouslyDropHostPrefix. Path defaults to "/", Domain
	// to none, which is the host itself without its subdomains.
	Path   string
	Domain string

	// SameSite is Lax or Strict; None needs DangerouslyAllowCrossSite.
	// Defaults to [http.SameSiteLaxMode].
	SameSite http.SameSite

	// Partitioned keeps one cookie per top-level site (CHIPS). It needs SameSite
	// None.
	Partitioned bool

	// BrowserSession makes the cookie end with the browser, unless
	// [Session.SetPersistent] says otherwise. By default it lives as long as the
	// session can.
	BrowserSession bool

	// DangerouslyAllowHTTP drops Secure and the name's prefix, for development
	// without TLS. Anybody on the network can then read and plant the cookie.
	DangerouslyAllowHTTP bool

	// DangerouslyAllowScript drops HttpOnly: injected script can steal the cookie.
	DangerouslyAllowScript bool

	// DangerouslyDropHostPrefix names the cookie __Secure-… instead of __Host-…:
	// subdomains can then plant one. Path and Domain are permitted only with it.
	DangerouslyDropHostPrefix bool

	// DangerouslyAllowCrossSite permits SameSite None: other sites' pages then
	// send the cookie along.
	DangerouslyAllowCrossSite bool
}
