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

What is stored for a visitor is one JSON document. Values have dotted paths; a
value is encoded when it is set and decoded, into the type that the reader asks
for, when it is read. What a request changes is recorded as a list of operations.

When the response begins, the operations are applied to the stored document, under
its version number. If another request has committed in between, they are applied
again, to the newer document. So two requests that set different keys both win,
without a lock while a handler runs.

# Where the store is called

In two places: the first [From] loads, and the commit stores, before the first byte
of the response. A request that never asks for its session costs no store call and
gets no cookie and no header. A response that reached the client is stored; if the
commit fails, the client gets an error (see [Config].OnError) and never a success.
A visitor who wrote nothing has no record and no cookie.

The commit happens at the first final WriteHeader, Write, ReadFrom, Flush or
Hijack, or when the handler returns. It does not end with the request's context: a
closed tab loses nothing. A panic in the handler commits nothing. What is changed
after the first byte is committed when the handler returns; only a new session or a
new token is then too late ([ErrCommitted], logged).

# Isolation

What a request may rely on, whatever other requests of the same session do, in this
process or another one:

  - It sees one snapshot, taken by the first From, plus its own changes.
  - Its changes are stored all together or not at all. Only [Session.Invalidate] and
    what is written after it are two sessions: the old one has ended even if the new
    one cannot be stored.
  - Changes at different paths are all kept. At the same path, the later commit wins.
  - [Session.Append] and [Update] are exact: of 50 concurrent increments by Update
    all 50 count, once each. That holds if an answer of the store is lost, too,
    unless sixteen other commits come in before it is missed.
  - [Take] is exact: of several requests that take a value, one commits.
  - What it has read is not checked at the commit. Use Update to make a change
    depend on the stored value, and not Get and Set.
  - After a logout, a revocation or an expiry nothing is stored and nothing comes
    back to life. After [Session.Login] or [Session.Regenerate], requests that came
    with the old token store nothing, and cannot log out either. Their commit is
    [ErrEnded], a 409; without changes of their own they answer as usual.

The file docs/interleavings.md of the repository states what comes of every two
requests that meet, in every order; the tests of all stores run that table, and
sessiontest.Race does the same for your own handlers.

# Tokens and IDs

The cookie holds a [Token]: a public record ID and a secret. The store holds the ID
and a digest of the secret, so that a copy of the store logs nobody in. A token that
the server never issued is not adopted. Regenerate and Login replace the token (its
secret) and keep the ID, which is safe to log, to list and to revoke. How many
sessions an owner may have at a time is [Config].MaxPerOwner; by default, any number.

The cookie is named __Host-session and is Secure, HttpOnly and SameSite=Lax. What
weakens it has a name that begins with Dangerously. For development without TLS,
set [CookieConfig].DangerouslyAllowHTTP.

# Time

A session ends when it is idle for [Config].IdleTimeout or older than
AbsoluteTimeout, by the manager's clock, at the same instant in every store. A
request that only reads prolongs it at most once per TouchEvery; no cookie is sent
for that. A session can have limits of its own: [Session.SetTimeouts].

A page that polls would keep its session alive for as long as its tab is open. Its
requests ask by [Peek], or their routes are wrapped in [Manager.Passive]: then they
prolong nothing, even if they store something.

# Flash messages

[Session.Flash] leaves a value for the next request: for the page that is shown
after the redirect. A script's request, a prefetch or another redirect in between
does not use it up.

# Stores

[Store] has four methods, and a contract that sessiontest.TestStore checks. There
are memstore, filestore and sqlstore (SQLite, PostgreSQL, MySQL and MariaDB) beside
this package, and [Discard], which keeps nothing. The package sessionconfig makes a
manager from configuration files and environment variables.
*/
package session
