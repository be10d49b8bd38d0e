// Package sqlstore keeps sessions in a table of a relational database: SQLite,
// PostgreSQL, MySQL or MariaDB. It uses database/sql and imports no driver; the program
// imports one and opens the database.
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
// The store never creates or changes a table. The role that serves requests needs
// SELECT, INSERT, UPDATE and DELETE on this one table, and nothing else. A migration
// creates the table; "beam make session-table" writes it and [Migrations] returns it.
// Its comments say what each index costs. [Store.Check] compares the table with the
// migration.
//
// Times are integers, nanoseconds since 1970 in UTC, so the time zone of a server,
// connection or column does not matter. IDs are 16 raw bytes. Owners are text, compared
// byte by byte.
//
// # Statements
//
// A load is one SELECT by primary key. A create, an update, a touch and a delete are
// one statement each, which needs no transaction. Statements are prepared once per
// connection, so each call costs one round trip.
//
// A connection pooler between the program and PostgreSQL may lose prepared statements, as
// PgBouncer does in transaction mode before version 1.21. If [Store.Check] detects this, or
// if you set [Config].Unprepared, the store sends statements unprepared. It also does so
// while MySQL refuses to prepare more statements (max_prepared_stmt_count).
//
// With pgx, its default_query_exec_mode decides whether statements are prepared, and the store
// cannot change that. Behind such a pooler, add default_query_exec_mode=exec to the data
// source name; otherwise, Check fails, and so does a statement that is lost. Package pgxstore,
// and programs that are configured from files, choose this mode by themselves.
//
// An update names the version that it replaces. If it finds no row, a second statement
// distinguishes [session.ErrConflict] from [session.ErrNotFound]. On SQLite, where round trips
// are free but writing an index costs a page, an update that keeps the owner and does not
// shorten the session writes no index. Other updates take a second statement, which also
// changes the owner and the hour of expiry.
//
// # Isolation and durability
//
// Every isolation level of the three databases is enough, including their defaults,
// because correctness depends on single statements only. The exception is READ
// UNCOMMITTED of MySQL. Deadlocks and serialization failures are retried, up to eight
// times within the context's deadline.
//
// Some settings of a server or a connection would lose sessions without an error: on MySQL
// and MariaDB, autocommit off, a completion_type other than NO_CHAIN, an sql_mode that is
// not strict or has EMPTY_STRING_IS_NULL, an sql_select_limit below 64, READ UNCOMMITTED,
// and a character_set_client other than utf8mb4; on PostgreSQL, a client_encoding other
// than UTF8; on both, read-only transactions. Check refuses them. On MySQL and MariaDB, so
// does the first write.
//
// A write that has returned is as durable as a commit in the database: by default it is
// on disk with PostgreSQL (synchronous_commit), MySQL and MariaDB
// (innodb_flush_log_at_trx_commit) and SQLite (synchronous=FULL). SQLite with
// synchronous=NORMAL may lose the last commits in a power failure, but not when the
// program crashes. For sessions, that is a reasonable choice. [Store.Warnings] returns
// settings that make writes less durable.
//
// # A server that hangs
//
// A call ends at the deadline of its context, which a manager sets from StoreTimeout.
// With most drivers, the connection is then closed.
//
// github.com/lib/pq asks the server to cancel the statement and then waits for the
// answer. If the server hangs, it may wait forever.
//
// # Failover
//
// After a failover of PostgreSQL, the store continues as soon as new connections reach
// the new primary. List all servers in the connection string, and ask for the one that
// accepts writes:
//
//	host=db1,db2 dbname=app target_session_attrs=read-write connect_timeout=5
//
// If the server says that it is read-only or shutting down, the store closes the connection
// and all idle ones, and sends a refused write again on a new connection. If a connection is
// lost, the store sends a load again, and closes idle connections that do not answer within
// a second. Until the store reaches a server that accepts writes, writes fail with a
// [session.StoreError]. Make sure that the old primary cannot come back (fence it) before
// you promote a replica.
//
// It matters which replica you promote. An asynchronous replica lacks the last commits:
// sessions may be missing or outdated, and a session that was logged out or revoked in
// one of those commits is valid again. A synchronous replica
// (synchronous_standby_names, with synchronous_commit set to on or remote_apply) has
// every acknowledged commit. Restoring a backup has the same effect as promoting an
// asynchronous replica. A write whose context ends while its commit waits for a synchronous
// replica fails, although the primary has it.
//
// # Galera
//
// Processes may use different nodes of a Galera cluster of MariaDB. Two updates of one session on
// two nodes at once are told apart at their commit: one fails with error 1213, and is tried again.
// A node that has left its cluster (1047) counts as one that is read-only.
//
// A node applies what others have committed a moment later. Add wsrep_sync_wait=3 to the data
// source name, so that it waits for that before it reads, updates or deletes. Without it, a request
// may miss a session that another node has just created, or read one that was logged out there,
// and DeleteOwned may miss new sessions; [Store.Warnings] says so. If all programs use the same node,
// this is not necessary.
//
// # Many writers at once
//
// On SQLite, PostgreSQL and MariaDB, writes of different sessions that wait at the same
// time commit together, and each gets its own result. A write that finds the queue
// empty runs at once. If one write makes a batch fail, all writes of the batch run one
// by one. A write that is part of a batch waits for the batch, which ends no later than
// the latest deadline of its members. On the servers, loads that wait share a statement
// in the same way.
//
// Calls wait for each other only if that makes them faster. On a server nearby, one
// statement for writes and two for loads run at once. The longer the server takes to
// answer, the more statements run at once, one for each 100 microseconds, while the pool
// has a free connection. A pool without a limit counts as one of 8.
//
// On MariaDB the shared statement is an INSERT … ON DUPLICATE KEY UPDATE … RETURNING of
// rows that exist. If you add a BEFORE INSERT trigger to the table, it runs for these
// updates too; a CHECK constraint sees the row's old values with other data. The store
// asks the server once whether it supports the statement (MySQL does not) and how it
// replicates: with binlog_format=STATEMENT, every write runs alone, as on MySQL.
//
// # SQLite
//
// Check switches the file to write-ahead logging, which needs a local disk. Within a
// process, the store queues its own writes. It waits for a lock of another process
// until the context ends, for about ten seconds at most. The store does not need
// busy_timeout for this. While a driver waits within its busy_timeout, it does not
// notice that the context has ended, so a write may outlast its context by that time.
// But other code that uses the same file probably needs a busy_timeout: add
// _pragma=busy_timeout(5000) to the name that you open with modernc.org/sqlite. (The
// default of mattn/go-sqlite3 is five seconds.)
//
// While requests use the store, it keeps some connections for up to a second and calls
// the driver on them directly. It always leaves half of the pool to the application,
// and returns the connections within ten milliseconds when the application waits for
// one. The driver needs no special support. A driver that wraps another one, for
// tracing, sees every statement.
//
// An in-memory database belongs to one connection: call SetMaxOpenConns(1). Otherwise
// each connection has an empty database of its own, which Check reports. One connection
// is enough for the store with any database.
package sqlstore
