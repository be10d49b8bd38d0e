// Package pgxstore keeps sessions in a table of PostgreSQL 12 or later, with a pool of
// [github.com/jackc/pgx/v5]. Programs that use another driver, or database/sql only, use
// package sqlstore; both stores share one table and may use it at the same time.
//
//	pool, err := pgxpool.New(ctx, "postgres://app@localhost/app")
//	…
//	store, err := pgxstore.New(pool, pgxstore.Config{})
//	…
//	if err := store.Check(ctx); err != nil {
//		log.Fatal(err) // such as: there is no table sessions in the database; create it with: …
//	}
//	manager, err := session.New(store, session.Config{})
//
// # The table
//
// The store never creates or changes a table: the role that serves requests needs
// SELECT, INSERT, UPDATE and DELETE on this one table, and nothing else. The table comes
// from a migration, which "beam make session-table" writes and [sqlstore.Migrations]
// returns for [sqlstore.PostgreSQL]. [Store.Check] compares. Times are integers,
// nanoseconds since 1970 in UTC; IDs are 16 raw bytes; owners are compared byte by byte.
//
// # Statements
//
// A load is one SELECT by primary key; a create, an update, a touch and a delete are one
// statement each, which needs no transaction. An update names the version that it
// replaces. If it finds no row, a second statement tells [session.ErrConflict] from
// [session.ErrNotFound].
//
// The pool's own DefaultQueryExecMode decides how statements are sent. The default
// prepares and caches them; behind a connection pooler that does not support prepared
// statements, choose pgx.QueryExecModeExec or pgx.QueryExecModeSimpleProtocol. If the
// server refuses a statement because the table changed since it was prepared, the store
// sends it once more, and pgx prepares it again.
//
// # Many requests at once
//
// A call that finds no other one waiting runs at once. Updates of different sessions
// that wait at the same time share one statement, of at most 64 records and 256 KiB, and
// loads likewise, of at most 32. Each call gets its own result. A batch that fails
// because of one record is written one by one. A call that is part of a batch waits for
// its end, which is at the latest of its members' deadlines.
//
// Deadlocks and serialization failures are tried again, up to eight times within the
// context's deadline. Every isolation level is enough.
//
// # Deadlines
//
// A call ends at the deadline of its context, which a manager sets with StoreTimeout. If
// that is less than a minute away, the network connection keeps it, which is cheaper than
// watching the context; a cancellation is then noticed when the statement ends. A
// connection whose deadline passed is closed.
//
// # Durability and failover
//
// What sqlstore documents for PostgreSQL holds here as well: a write that returned is as
// durable as the server makes a commit (synchronous_commit), and after a failover the
// store continues as soon as new connections reach the new primary.
package pgxstore
