// Package pgxstore keeps sessions in a table of PostgreSQL 12 or later, through a pool
// of [github.com/jackc/pgx/v5]. Programs that use another driver, or database/sql only,
// use package sqlstore. Both stores can use the same table at the same time.
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
// [Open] also creates the pool. A program that is configured with package sessionconfig uses
// this store with one option. The database store is then a pgxstore if its connection is a
// PostgreSQL database:
//
//	manager, err := sessionconfig.Open(ctx, "config", sessionconfig.WithPostgres(pgxstore.Open))
//
// # The table
//
// The store never creates or changes a table. The role that serves requests needs
// SELECT, INSERT, UPDATE and DELETE on this one table, and nothing else. A migration
// creates the table; "beam make session-table" writes it and [sqlstore.Migrations]
// returns it for [sqlstore.PostgreSQL]. [Store.Check] compares the table with the
// migration. Times are integers, nanoseconds since 1970 in UTC; IDs are 16 raw bytes;
// owners are compared byte by byte.
//
// # Statements
//
// A load is one SELECT by primary key. A create, an update, a touch and a delete are
// one statement each, which needs no transaction. An update names the version that it
// replaces. If it finds no row, a second statement distinguishes [session.ErrConflict] from
// [session.ErrNotFound].
//
// The pool's DefaultQueryExecMode decides how statements are sent. The default prepares
// and caches them. Behind a connection pooler that loses prepared statements, as
// PgBouncer does in transaction mode before version 1.21, choose pgx.QueryExecModeExec.
// The store does so by itself if Check detects such a pooler, or if a statement is lost. If
// the server refuses a statement because the table has changed since it was prepared, pgx
// prepares it again and the store sends it once more.
//
// # Many requests at once
//
// A call that finds the queue empty runs at once. Updates of different sessions that
// wait at the same time share one statement, of at most 64 records and 256 KiB; loads
// share one of at most 32 records. Each call gets its own result. If one record makes a
// batch fail, all calls of the batch run one by one. A call that is part of a batch
// waits for the batch, which ends no later than the latest deadline of its members.
//
// Calls wait for each other only if that makes them faster. On a server nearby, one
// statement for updates and two for loads run at once. The longer the server takes to
// answer, the more statements run at once, one for each 100 microseconds, while the pool
// has a free connection.
//
// Deadlocks and serialization failures are retried, up to eight times within the
// context's deadline. Every isolation level is enough.
//
// # Watched sessions
//
// The store passes on to other processes which sessions have ended, so a context of
// [session.Session.Watch] ends some milliseconds after a logout anywhere. The store sends one
// NOTIFY for each session that ends or gets a new token by a login. A manager whose sessions
// are watched listens on one connection, which it takes out of the pool. Behind a connection
// pooler, notifications do not arrive, so the store does not listen, and the manager polls.
//
// # Deadlines
//
// A call ends at the deadline of its context, which a manager sets from StoreTimeout.
// If that is less than a minute away, the store sets it on the network connection,
// which is cheaper than watching the context; a cancellation then takes effect only
// when the statement ends. A connection whose deadline has passed is closed. In the
// background, pgx first asks the server to cancel the statement. If the server hangs, this
// takes several seconds, during which the connection still counts toward the size of the
// pool.
//
// # Durability and failover
//
// What sqlstore documents for PostgreSQL applies here too: a write that has returned is
// as durable as a commit of the server (synchronous_commit), and after a failover the
// store continues as soon as new connections reach the new primary. If the server says that
// it is read-only or shutting down, the store closes the connection and resets the pool.
// Check refuses the settings that sqlstore documents.
package pgxstore
