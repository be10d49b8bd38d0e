// Package sessionmigrate moves a running program from another session library to package session,
// without signing anybody out. The old library may be scs, gorilla/sessions (also through gin-contrib
// or echo-contrib), the session middleware of Fiber, Laravel, or Expanse for Python.
//
//	old := scs.New(records, scs.Config{})
//	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
//		Until: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
//		Owner: sessionmigrate.OwnerKey("user_id"),
//	})
//	…
//	manager, err := session.New(store, session.Config{TakeOver: migration.TakeOver})
//
// From then on, a visitor who comes with the old cookie and without a new one gets a session with
// the data of the old one, and is signed in as the same user. Nothing is written to the old store,
// so the deployment can be rolled back. The folder docs/migrating of the repository has a guide for
// each library.
//
// # What is guaranteed
//
//   - An old session is taken over once. Requests that overlap, in whatever process, all get the
//     same new session, and all their writes are kept.
//   - Once the new session has ended through a logout, a revocation or expiry, the old cookie gives
//     no access, although the old session still exists.
//   - Only a session that the old library would accept is taken over: it exists, has not expired,
//     and the cookie's signature is valid. Its ID and cookie never become those of the new session.
//   - A copy of the new store lets nobody in, as without a migration. A copy of the old store of scs,
//     Fiber or Expanse contains the old cookies, so it does, as before, until the sessions are used.
//   - A login after the takeover replaces the token, as usual. Then the old cookie gives no access.
//
// A session that was not taken over yet is unknown to the manager, so RevokeOwner, EditOwner, List
// and MaxPerOwner don't reach it. When an account is locked or gets another password, end its
// sessions in the old store as well, or take all sessions over beforehand (see below). The new
// store must not evict the marks: with memstore or a Redis that evicts, a session that has ended
// could come back.
//
// Until [Config].Until, the new store keeps a small mark of each session that was taken over. A
// request with an old cookie and no new one takes one more load. The first such request also takes
// a load from the old store and two creates.
//
// # What is taken over
//
// The takeover includes the data, mapped by [Config].Map, and the owner, from [Config].Owner. The
// timeouts are those of the new manager, and begin at the takeover. The time of the login is
// unknown, so [session.Session.AuthenticatedAt] returns the zero time, unless
// [Config].AuthenticatedAt knows it. Changes that the old program makes to a session after its
// takeover are not taken over, so let old and new processes run side by side only as long as a
// deployment takes.
//
// # All at once
//
// Sessions are taken over as their visitors come. [Migration.Import], which "beam migrate-from"
// calls for all sessions in the old store, creates the new sessions in advance. With
// [Config].Imported, the old store is then no longer needed, but old cookies still are: they lead
// to the new sessions.
package sessionmigrate
