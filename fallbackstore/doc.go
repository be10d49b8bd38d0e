// Package fallbackstore moves the sessions of a running application from one store to
// another, without signing anybody out.
//
// A [Store] has a primary store, the new one, and a fallback, the old one. It finds a session
// in either. It creates sessions in the primary store, and when a request changes a session
// of the fallback store, it moves it to the primary one. A session that has ended is gone from
// both, and does not come back. [Store.Move] moves a session that no request changes; the
// command "beam store copy" calls it for all of them. After that, the application can use the
// new store alone.
//
// Several processes may use the same two stores, and some of them with the roles exchanged.
// That makes it possible to replace the processes one by one:
//
//  1. all processes use the old store;
//  2. all use the old store, with the new one as a fallback;
//  3. all use the new store, with the old one as a fallback;
//  4. "beam store copy" has moved all sessions;
//  5. all use the new store.
//
// Between two steps, both kinds of processes run at the same time. Each step can be taken
// back.
//
// The stores keep a small mark of each session that has moved, until a day after the session
// would have expired. So the old store shrinks only slowly.
//
// Until a session has moved, each request that uses it takes two loads instead of one. An
// update loads the record once more, and the one that moves a session takes four store
// calls.
package fallbackstore
