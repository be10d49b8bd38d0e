package session

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// A Config configures a [Manager]. The zero value is safe and complete: an idle timeout
// of two hours, an absolute timeout of a day, and a cookie that the browser sends over HTTPS
// to the same host only.
//
// In every duration and limit, zero means the default, and a negative number switches the
// limit or the feature off. [New] refuses contradictory settings. It returns all of them at once,
// each as a [*ConfigError].
type Config struct {
	_ [0]func() // keyed literals only; not comparable

	// Cookie configures the session cookie.
	Cookie CookieConfig

	// Transport configures tokens in headers, for clients other than a site's own pages.
	// Defaults to tokens in the cookie only.
	Transport TransportConfig

	// Application separates this program's sessions from those of other programs that share
	// the store. A manager does not see sessions of another application: their tokens are
	// unknown, and List, ListAll, Info, RevokeOwner and MaxPerOwner skip them, even if the
	// owners are equal. All programs without a name count as one application. All replicas
	// of a program need the same name. A change of the name signs everybody out.
	// At most 64 bytes. Defaults to "".
	Application string

	// IdleTimeout ends a session that has not been used for this long (OWASP ASVS
	// 7.3.1). A session can have a timeout of its own: see [Session.SetTimeouts].
	// Negative: no idle timeout. Defaults to 2 hours.
	IdleTimeout time.Duration

	// AbsoluteTimeout ends a session this long after it was created or last
	// authenticated, even if it is in use (OWASP ASVS 7.3.2). At most 400 days, the
	// longest that browsers keep a cookie. Negative: no limit, but the browser drops the
	// cookie 400 days after the last login or rotation.
	// Defaults to 24 hours, or to IdleTimeout if that is longer.
	AbsoluteTimeout time.Duration

	// TouchEvery is how far the recorded last activity may lag behind. A request that
	// only reads extends its session at most once in this time, so that reading rarely
	// writes. Negative: every request extends its session.
	// Defaults to a twentieth of IdleTimeout.
	TouchEvery time.Duration

	// RotateEvery replaces the token of a session in use after this time. The previous
	// token works for Grace and no longer, so a client that never gets the response with
	// the new token is signed out. Negative or zero: only [Session.Login],
	// [Session.Confirm] and [Session.Regenerate] rotate.
	RotateEvery time.Duration

	// Grace is how long a replaced token is recognized, so that requests that are already
	// under way do not begin sessions of their own. After these, the old
	// token is recognized too, but gives no access. Negative: not at all. Defaults to 30
	// seconds.
	Grace time.Duration

	// RevokeOnReuse ends a session when a request presents one of its tokens that was
	// replaced more than Grace ago. Such a token may be stolen; it causes an
	// [EventTokenReuse] even without this setting. The user then has to sign in again.
	// Anybody who has an old token of a session can end it this way, and so can a browser
	// that never got a response with a new token, or that was restored from a backup. The
	// manager recognizes the last 16 tokens, except those from before the session got its
	// owner.
	RevokeOnReuse bool

	// StoreTimeout limits the time that a load may take, and separately the time that a
	// commit may take, with everything that belongs to it. If another request of the
	// session commits the changes in its batch, that request's deadline applies. Negative:
	// no limit. Defaults to 5 seconds.
	StoreTimeout time.Duration

	// MaxBytes limits the data of one session, in bytes of its JSON document. The write
	// that would exceed it fails with [ErrTooLarge] and changes nothing. Data that exceeds
	// the limit because the limit was higher before may shrink, but not grow.
	// Negative: no limit. Defaults to 1 MiB.
	MaxBytes int

	// MaxPerOwner limits how many sessions one owner has at the same time (OWASP ASVS 7.1.2
	// asks for a decision about this). Once a [Session.Login] is stored, the manager lists
	// the owner's sessions and ends the least recently active ones above the limit, as
	// [Manager.Revoke] does. It never ends the session that has just logged in, nor one with
	// a later recorded activity. So after simultaneous logins, or if clocks differ, an owner
	// may have more sessions than the limit until the next login. One login ends at most 100
	// sessions; if the limit was lowered, the next logins end more. The recorded activity
	// may lag behind by TouchEvery. All sessions in the store count, as for [Manager.List].
	//
	// The response waits for this, within StoreTimeout. If the store fails at this point,
	// the login still succeeds, and the failure is logged and sent as an [EventFailed]. The
	// store must be able to list sessions. If it is not an [OwnerLister], every login reads
	// all sessions. Negative or zero: no limit.
	MaxPerOwner int

	// PruneEvery is the pause between two sweeps that delete expired records. The sweeps
	// start when the manager has created its first session, and end with [Manager.Close].
	// Each pause varies by a quarter, so that replicas do not sweep at the same time.
	// Negative: no sweeps; call [Manager.Prune]. Defaults to 5 minutes.
	PruneEvery time.Duration

	// WatchEvery is how often the manager looks, once for all of them, whether watched
	// sessions have ended or got a new token in another process; see [Session.Watch]. So it
	// is the longest time until a watch ends, unless the store fails. If RotateEvery is set,
	// WatchEvery must be shorter. Negative: the manager watches only what happens in its own
	// process, and expiry; use this if there is only one.
	// Defaults to 5 seconds, or to half of RotateEvery if that is shorter.
	WatchEvery time.Duration

	// TrustedOrigins are the origins, such as "https://app.example.com", from which
	// browsers may send unsafe requests to this site, in addition to its own origin.
	// Wildcards are refused: list each origin. See [http.CrossOriginProtection].
	TrustedOrigins []string

	// TakeOver finds the session of a visitor who comes with the cookie of another session
	// library that the program used before. Package sessionmigrate provides it; most programs
	// leave it nil.
	//
	// The first [From] of a request calls it if the request has no well-formed session cookie,
	// and if browsers do not withhold that cookie from such a request (see
	// [CookieConfig].SameSite). It returns the token of the visitor's session, or "" if there
	// is none. The response then sets the cookie, unless the token has been replaced or the
	// session has ended meanwhile. If TakeOver returns an error, From fails with a [*StoreError].
	//
	// To make a session, TakeOver calls create, which calls write with a context in which From
	// finds a new session, stores what write has written to it, and returns its token, or "" if
	// there is nothing to store. The context of r ends after StoreTimeout, and create takes at
	// most StoreTimeout on its own. TakeOver must not use the session of r, and must be safe for
	// concurrent use.
	TakeOver func(r *http.Request, create func(write func(context.Context)) (Token, error)) (Token, error)

	// Client returns what to record about the client of a request. Set it to read a
	// header that a trusted proxy writes, or to [NoClient] to record nothing. It is called
	// during a commit and must not use the session. Text that is too long is truncated,
	// and invalid UTF-8 is removed. Defaults to the address of the connection and the
	// User-Agent header.
	Client func(*http.Request) Client

	// History keeps the last commits of each session in its record: which request has changed
	// which keys, and when, but no values. [Info.History] returns them, and beam session log
	// shows them. An entry usually takes about a hundred bytes, at most 2,500, and is stored with
	// the commit itself. It names the request by the pattern of [http.ServeMux], or else by its
	// path. At most 100 entries. Negative or zero: none; the next commit then removes the entries
	// of earlier ones.
	History int

	// DangerouslyLogChanges logs, for development, each value that a request has stored: the
	// old and the new one, and the file and line of the program that made the change. Values
	// are shortened to 100 bytes, but whatever the program keeps in sessions gets into the
	// log, secrets included. New therefore refuses it unless Cookie.DangerouslyAllowHTTP is set
	// without IsHTTPS, as in development, and logs a warning.
	DangerouslyLogChanges bool

	// Now is the clock. Defaults to [time.Now].
	Now func() time.Time

	// OnEvent is called for each [Event], for logs, metrics and audits. It runs on the goroutine
	// of the request or sweep, so it must not block, and must be safe for concurrent use. It gets
	// an event for each load and each commit; to see only unusual events, skip the kinds that are
	// [EventKind.Routine]. Without a hook, the manager reads no clock for durations.
	OnEvent func(context.Context, Event)

	// OnError responds to a request that was refused as cross-origin, or whose session
	// could not be loaded or committed. No byte of another response has been sent by
	// then. If it writes nothing, [DefaultError] responds. Defaults to [DefaultError].
	OnError func(w http.ResponseWriter, r *http.Request, err error)

	// Logger receives what would otherwise go unnoticed: failed commits, records that do
	// not decode, failed sweeps. Messages are constant, and attributes are in the group
	// "session". No line contains a token, a digest or a value of a session, unless
	// DangerouslyLogChanges is set. Levels: error if the store fails, warn if something is
	// damaged or dropped, debug if a commit is replayed. Defaults to [slog.Default].
	Logger *slog.Logger
}

// A CookieConfig configures the session cookie. The zero value gives
//
//	__Host-session=…; Path=/; Max-Age=…; HttpOnly; Secure; SameSite=Lax
//
// The attributes do not depend on the request, because behind a proxy every request appears
// to be local; IsHTTPS is the exception. The prefix makes browsers refuse a cookie that a
// subdomain or plain HTTP tries to plant (RFC 6265bis, section 4.1.3).
type CookieConfig struct {
	_ [0]func()

	// Name is the cookie's name without its prefix, which follows from the other
	// settings. It also separates managers that share a store: a token that was issued
	// under one name is unknown under another. Defaults to "session".
	//
	// A token is also bound to Path, Domain and Partitioned: if one of these settings
	// changes, every visitor has to sign in again, once. Otherwise, a browser's old cookie
	// could lead to a different session.
	Name string

	// Path and Domain need DangerouslyDropHostPrefix. Path defaults to "/". Domain
	// defaults to none, which means the host itself without its subdomains.
	Path   string
	Domain string

	// SameSite is Lax or Strict; None needs DangerouslyAllowCrossSite.
	// Defaults to [http.SameSiteLaxMode].
	//
	// Browsers withhold the cookie from requests that another site causes: with Strict from
	// all of them, with Lax from all except navigations by GET. The visitor may still have a
	// session, and a new cookie would replace its cookie. So in such a request, only
	// [Session.Login] creates a session; other changes are not stored, and the manager sends
	// an [EventNotCreated].
	SameSite http.SameSite

	// Partitioned keeps one cookie per top-level site (CHIPS). It needs SameSite None.
	Partitioned bool

	// BrowserSession makes the cookie end when the browser is closed, unless
	// [Session.SetPersistent] was called. By default the cookie lives as long as the
	// session can.
	BrowserSession bool

	// IsHTTPS is for a site that is served both over HTTPS and over plain HTTP, such as a
	// self-hosted program behind a proxy and in the local network. It needs
	// DangerouslyAllowHTTP. If it returns true, the request uses the Secure cookie with its
	// prefix; otherwise it uses the cookie that DangerouslyAllowHTTP describes. The two
	// cookies have different names, and a token is valid only in the cookie that it was
	// issued for. So an attacker who reads or plants cookies over plain HTTP cannot get into
	// a session over HTTPS. IsHTTPS is called for each request that uses its session, or whose
	// origin has to be compared with its own. It must not use the session itself:
	//
	//	IsHTTPS: func(r *http.Request) bool {
	//		return r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https"
	//	}
	//
	// The proxy has to set the header. A client that sends it over plain HTTP harms only
	// itself: its browser refuses the Secure cookie, so it gets no session.
	IsHTTPS func(*http.Request) bool

	// DangerouslyAllowHTTP drops Secure and the name's prefix, for development without
	// TLS. Anybody on the network can then read and plant the cookie.
	DangerouslyAllowHTTP bool

	// DangerouslyAllowScript drops HttpOnly. Injected script can then steal the cookie.
	DangerouslyAllowScript bool

	// DangerouslyDropHostPrefix names the cookie __Secure-… instead of __Host-….
	// Subdomains can then plant the cookie. Path and Domain are permitted only with it.
	DangerouslyDropHostPrefix bool

	// DangerouslyAllowCrossSite permits SameSite None. Requests that other sites cause
	// then carry the cookie, too.
	DangerouslyAllowCrossSite bool
}
