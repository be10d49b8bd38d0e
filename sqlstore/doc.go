// Package sqlstore keeps sessions in a table of a relational database: SQLite,
// PostgreSQL, or MySQL and MariaDB. It uses database/sql and imports no driver: the
// program does that, and opens the database.
//
//	import _ "modernc.org/sqlite"
//
//	db, err := sql.Open("sqlite", "file:app.db")
//	…
//	store, err := sqlstore.New(db, sqlstore.SQLite, sqlstore.Config{})
//	…
//	if err := store.Check(ctx); err != nil {
//		log.Fatal(err) // such as: there is no table sessions in the database; create it with: …
//	}
//	manager, err := session.New(store, session.Config{})
//
// It is tested with modernc.org/sqlite and github.com/mattn/go-sqlite3, with
// github.com/jackc/pgx/v5/stdlib and github.com/lib/pq, and with
// github.com/go-sql-driver/mysql.
//
// # The table
//
// The store never creates or changes a table: the role that serves requests needs
// SELECT, INSERT, UPDATE and DELETE on this one table, and nothing else. The table
// comes from a migration, which "beam make session-table" writes and [Migrations]
// returns; its comments say what each index costs. [Store.Check] compares.
//
// Times are integers, nanoseconds since 1970 in UTC, so that no time zone of a
// server, connection or column matters. IDs are 16 raw bytes. Owners are text, and
// compared byte by byte.
//
// # Statements
//
// A load is one SELECT by primary key; a create, an update, a touch and a delete are
// one statement each, which needs no transaction. Statements are prepared once per
// connection, so each costs one round trip. A connection pooler between the program
// and PostgreSQL must support prepared statements (PgBouncer does since 1.21).
//
// An update names the version that it replaces. If it finds no row, a second
// statement tells [session.ErrConflict] from [session.ErrNotFound]. On SQLite, where
// there are no round trips but each index costs a page, an update that keeps the owner
// and does not shorten the session writes no index. For others, a second statement
// follows, which also changes the owner and the hour of expiry.
//
// # Isolation and durability
//
// Every isolation level of the three databases is enough, their defaults included:
// correctness rests on single statements. Deadlocks and serialization failures are
// tried again, up to eight times within the context's deadline.
//
// A write that returned is as durable as the database makes a commit: on disk, by
// default, with PostgreSQL (synchronous_commit), MySQL and MariaDB
// (innodb_flush_log_at_trx_commit) and SQLite (synchronous=FULL). SQLite with
// synchronous=NORMAL may lose the last commits when the power fails, but not when
// the program crashes; that is a fair choice for sessions.
//
// # A server that hangs
//
// A call ends at the deadline of its context, which a manager sets by StoreTimeout. With
// most drivers, the connection is then closed.
//
// github.com/lib/pq waits for the server's answer after it has asked it to cancel, and
// so may wait for ever for one that hangs.
//
// # Failover
//
// After a failover of PostgreSQL the store goes on by itself, once new connections
// reach the new primary: name all servers, and ask for the one that takes writes.
//
//	host=db1,db2 dbname=app target_session_attrs=read-write connect_timeout=5
//
// With go-sql-driver/mysql, rejectReadOnly=true ends connections to a server that has
// become a replica. Until a writable server is reached, writes fail as they do when there
// is none, by a [session.StoreError]. The old primary must be down for good (fenced)
// before a replica is promoted.
//
// What is promoted counts: an asynchronous replica lacks the last commits, so that
// sessions may be gone or as they were before; and those whose logout or revocation is
// among what is lost are alive again. A synchronous one (synchronous_standby_names, with
// synchronous_commit at on or remote_apply) has everything that was acknowledged. The
// same holds for a backup that is restored.
//
// # Many writers at once
//
// On SQLite, PostgreSQL and MariaDB, writers of different sessions that wait at the same
// time commit together, each with its own result; who finds nobody waiting goes straight
// through. A batch that one of them spoils is written one by one. Who is part of a batch
// waits for its end, which is the latest of their deadlines at most. On the servers,
// those who wait to load share a statement likewise.
//
// On MariaDB the shared statement is an INSERT … ON DUPLICATE KEY UPDATE … RETURNING of
// rows that are there: a trigger BEFORE INSERT runs as well, if the table was given one,
// and a CHECK sees their old values with other data. The store asks the server once
// whether it has that (MySQL has not) and how it replicates: with binlog_format=STATEMENT
// everybody writes alone, as on MySQL.
//
// # SQLite
//
// Check puts the file into write-ahead logging, which needs a local disk. Within a
// process the store is its own queue of writers; a lock held by another process is
// waited for until the context ends, or about ten seconds if it does not. The
// connection's busy_timeout is not needed for that, and within it the end of the
// context is not noticed, so that a write may outlast its context by as much; but
// other code that uses the same file probably wants one: add
// _pragma=busy_timeout(5000) to the name that modernc.org/sqlite opens. (The default
// of mattn/go-sqlite3 is five seconds.)
//
// While it is used, the store keeps some connections for up to a second, and uses the
// driver on them directly: no more than leave half of the pool to the application. Who
// waits for a connection gets them within ten milliseconds. The driver needs nothing
// special for that; one that wraps another, to trace it, sees every statement.
//
// A database in memory belongs to one connection: call SetMaxOpenConns(1), or each
// connection has an empty database of its own; Check reports that. One connection is
// enough for the store in any database.
package sqlstore
