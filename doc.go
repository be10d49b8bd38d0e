/*
Package session keeps data about a visitor between HTTP requests.

	manager, err := session.New(store, session.Config{})
	…
	http.ListenAndServe(addr, manager.Handler(mux))

	func show(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			session.Error(w, r, err)
			return
		}
		name := session.Get(s, "user.name", "guest")
		s.Flash("status", "Saved.")
		…
	}

# A session is a document, a request is a patch

A session is one JSON document in a store. Its values have dotted paths. A value is
encoded when it is set, and decoded when it is read, into the type that the caller asks
for. A request records its changes as a list of operations.

When the response begins, the operations are applied to the stored document. The result is
stored only if the version of the stored document is unchanged. If another request has
committed in the meantime, the operations are applied again, to the newer document. So if
two requests set different keys, both changes are kept, and nothing is locked while a
handler runs.

Reading with a type needs a type parameter, which Go methods cannot have. That is why
[Get], [Lookup], [Pop], [PopOnce] and [Update] are functions, and [Session.Set] and the
others are methods. A [Key] ties a path to its type, and offers these operations as methods.

# When the store is called

The first [From] of a request loads the session, and the commit stores the changes before
the first byte of the response. A request that never asks for its session causes no store
call and gets no cookie and no header. A visitor for whom nothing has been stored has no
record and no cookie. If the commit fails, the client gets an error (see [Config].OnError),
never a success.

The commit happens at the first Write, ReadFrom, Flush, Hijack, or WriteHeader with a
status other than 1xx (101 counts), or when the handler returns. It continues if the
request's context is canceled, so nothing is lost when a browser tab is closed. If the
handler panics, or if a timeout middleware responds in its place, nothing is committed;
[Manager.Handler] describes what this requires of other middleware. Changes after the first
byte are committed when the handler returns. By then it is too late for a new session or a
new token: such a change fails with [ErrCommitted], which is logged.

A handler that serves a WebSocket or a long stream calls [Manager.Load] and [Manager.Commit]
for each message. The session of its request is a snapshot, which is committed only when
the handler returns. [Session.Watch] gives it a context that ends with the session: at a
logout, a revocation, an expiry, or when a login replaces the token, in whatever process.

# Isolation

A request can rely on the following, whatever other requests of the same session do, in
this process or in another one:

  - It sees one snapshot, taken by the first From, plus its own changes.
  - The changes made before the response begins are stored all together or not at all;
    later ones are a second commit. After [Session.Invalidate], the old session ends even
    if what the request writes afterwards cannot be stored.
  - Changes at two paths are both kept, unless one path is a prefix of the other, as "user"
    is of "user.name". At the same path, the later commit wins.
  - [Session.Append] and [Update] are exact: of 50 concurrent increments by Update, each
    counts once. This holds even if the store's answer is lost, unless sixteen other
    commits follow before the request can check whether its own was stored.
  - [PopOnce] is exact: of several requests that get the same value, only one commits. The
    clients of the others get a 409.
  - The commit does not check what the request has read. To make a change depend on the
    stored value, use Update, not Get and Set.
  - After a logout, a revocation or an expiry, requests that are still running store
    nothing, and the session does not come back. After [Session.Login],
    [Session.Confirm] or [Session.Regenerate], requests that came with the old token store
    nothing, and cannot log out either. Their commit fails with [ErrEnded], and the client gets a 409. Requests
    without changes get their usual response.
  - There are two exceptions to the 409. A Login begins a new session, so that valid
    credentials always sign in. A request that loads the session after its token was replaced
    sees an empty session: Invalidate has nothing to end there, and what a GET or HEAD
    writes is dropped with an [EventDropped].

The file docs/interleavings.md of the repository lists the outcome of every pair of
overlapping requests, in every order. The tests of all stores run that table, and
sessiontest.Race does the same for your own handlers.

# Tokens and IDs

The cookie holds a [Token]: a public record ID and a secret. The store holds the ID and a
digest of the secret, so nobody can log in with a copy of the store. A token that the
server never issued is never accepted, which prevents session fixation. Regenerate and
Login replace the secret of the token and keep the ID, which is safe to log and to list.
The owner of a session is the account that was passed to Login. If the session already
belongs to a different owner, Login ends it and begins a new one, with a new ID and
without the data. [Config].MaxPerOwner limits the sessions of an owner; by default there is
no limit.

The cookie is named __Host-session and is Secure, HttpOnly and SameSite=Lax. Settings that
switch a protection off have names that begin with Dangerously. Timeouts, limits and
trusted origins have ordinary names, because the right values depend on the application;
their defaults are safe. For development without TLS, set
[CookieConfig].DangerouslyAllowHTTP.

Depending on SameSite, browsers withhold the cookie from requests that another site
causes. In such a request, only Login creates a session: the visitor may already have
one, and a new cookie would replace its cookie. The file docs/deploying.md explains how
to sign in through another site, how to serve HTTPS and plain HTTP, and what happens
when you change the cookie's settings.

[Config].Transport lets apps and scripts keep their tokens themselves and send them in a
header. [Manager.RequireLogin] and [Manager.RequireFresh] are middleware for routes that need
a signed-in user, or one who has entered the password lately.

# Time

A session ends when it has been idle for [Config].IdleTimeout, or is older than
AbsoluteTimeout. The manager's clock decides, so a session ends at the same instant in
every store. A request that only reads extends its session at most once per TouchEvery,
without a new cookie. [Session.SetTimeouts] gives a session timeouts of its own.

A page that polls would keep its session alive for as long as its tab is open. Mark such
requests with [Session.IgnoreActivity], or wrap their routes in [Manager.IgnoreActivity].
Such requests do not extend the session, even if they store something.

# Flash messages

[Session.Flash] leaves a value for the next page, usually the one after a redirect. A
script's request, a prefetch or another redirect in between does not use it up.
[Session.AddFlash] adds to a list of messages. [Session.FlashNow] is for the page that
answers this request. The names Flash, [Session.Reflash] and [Session.Keep] are those of
Laravel and Expanse. The package sessionform keeps the input and the errors of a form that was
refused, and makes sure that a form is acted upon once.

# Observing

[Config].OnEvent gets an [Event] at the end of each load and commit, and of what happens to
sessions besides. The module sessionotel makes metrics and traces of them. [Manager.Health]
reports whether the store answers. [Config].History keeps, for each session, which requests
have changed which keys. docs/telemetry.md describes all of this.

# Web frameworks

[Manager.Handler] is a middleware for net/http. For Echo, Gin and Fiber, whose handlers are of
another kind, use the modules sessionecho, sessiongin and sessionfiber; [Manager.Serve] is for
adapters of other frameworks. The file docs/frameworks.md shows each of them.

# Stores

The packages memstore, filestore and sqlstore (SQLite, PostgreSQL, MySQL and MariaDB)
provide stores, and [Discard] stores nothing. The package sessionconfig makes a manager
from configuration files and environment variables.

# For authors of stores

A program that only uses sessions can skip this part, and the names in it. [Store] has four
methods: Load, Create, Update and Delete of a [Record]. A store that can do more implements
optional interfaces: [Viewer] (return records without copying), [Toucher] (extend a
session), [Pruner] (delete expired records), [Lister] and [OwnerLister] (enumerate
records), [OwnerDeleter] (delete many records of one owner), [Importer] (take records over
from another store), [Stater] (tell which of many records have changed), and [Broadcaster]
(tell other processes at once which sessions have ended). The functions [Touch], [Prune],
[List], [ListOwner] and [Stat] use these interfaces if the store implements them, and fall
back otherwise. [Capability] finds them through wrappers. Every store must accept owners of
up to [MaxOwner] bytes, and keep expired records for [PruneSlack]. sessiontest.TestStore
checks the contract.
*/
package session
