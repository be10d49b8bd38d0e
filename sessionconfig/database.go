package sessionconfig

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
	"github.com/expanse-go/session/sqlstore"
)

// checkStore checks that the configured store exists and that the connection of the
// database store does.
func (c *Config) checkStore(l *loader, doc document) {
	s := &c.settings
	name := c.StoreName()
	// Without connections, DB_CONNECTION may belong to another program.
	used := len(c.connections) > 0 || name == "database"
	if d := c.database.text("default"); d != "" && used && !doc.broken && c.connections[fold(d)] == nil {
		reason, hint := c.noConnection(d)
		c.database.refuse(l, "", "default", reason, hint)
	}
	_, registered := c.foreign[name]
	c.checkFallback(l)
	switch {
	case s.bad["store"]:
	case name == "database":
		c.checkStoreConnection(l, doc)
	case name == "memory":
		l.warnings = append(l.warnings, s.mistake("", "store", "forgets all sessions when the program ends, and no other process sees them",
			`use "database" or "file" where that matters`))
	case name == "null":
		l.warnings = append(l.warnings, s.mistake("", "store", "keeps nothing: a session lasts for one request", ""))
	case registered || name == "file" || name == "redis":
	case nearest(name, sortedKeys(dialectOf)) != "":
		s.refuse(l, "", "store", "is a kind of database, not a store", c.databaseHint(nearest(name, sortedKeys(dialectOf))))
	default:
		known := append(sortedKeys(c.foreign), builtin...)
		slices.Sort(known)
		hint := "valid stores: " + strings.Join(known, ", ") + "; sessionconfig.With registers others"
		if near := nearest(name, known); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		s.refuse(l, "", "store", "is not a known store", hint)
	}
}

// databaseHint says how to keep sessions in a kind of database. It names a configured
// connection if there is one.
func (c *Config) databaseHint(driver string) string {
	for _, name := range c.Connections() {
		if c.connections[fold(name)].dialect() == dialectOf[driver] {
			return fmt.Sprintf(`set store = "database" and %s=%s`, defaultVariable, name)
		}
	}
	return fmt.Sprintf(`set store = "database" and %s=NAME, the name of a connection with driver = %q`, defaultVariable, driver)
}

func (c *Config) checkStoreConnection(l *loader, doc document) {
	const key = "stores.database.connection"
	s := &c.settings
	con, name := c.storeConnection()
	switch {
	case con != nil || doc.broken || s.bad[key] || c.database.bad["default"]:
	case s.given(key):
		reason, hint := c.noConnection(name)
		s.refuse(l, "", key, reason, hint)
	case doc.missing && len(c.connections) == 0:
		l.add(&Error{File: doc.name, Reason: "no such file, but the database store needs a connection",
			Hint: `create the file with "./beam init", or choose another store in ` + sessionFile})
	case len(c.connections) == 0:
		l.add(&Error{File: doc.name, Reason: "defines no connection, but the database store needs one",
			Hint: "add a table such as [connections.main]"})
	default:
		l.add(&Error{File: doc.name, Key: "default", Reason: "does not say which connection to use",
			Hint: configured(c.connections, "")})
	}
}

// storeConnection returns the connection of the database store: the one that the store
// names, otherwise the default one, otherwise the only one.
func (c *Config) storeConnection() (*connection, string) {
	name := cmp.Or(c.settings.text("stores.database.connection"), c.database.text("default"))
	if name == "" && len(c.connections) == 1 {
		for _, con := range c.connections {
			return con, con.name
		}
	}
	return c.connections[fold(name)], name
}

// Connection returns the configured connection with the given name, ignoring case,
// hyphens and underscores. The name "" means the connection of the database store.
func (c *Config) Connection(name string) (Connection, error) {
	con := c.connections[fold(name)]
	if name == "" {
		con, name = c.storeConnection()
	}
	switch {
	case con == nil && name == "":
		return Connection{}, &Error{Key: "default", Reason: "does not say which connection to use", Hint: configured(c.connections, name)}
	case con == nil:
		return Connection{}, &Error{Key: "connections." + name, Reason: "is not a configured connection", Hint: configured(c.connections, name)}
	case con.broken:
		return Connection{}, c.err
	}
	return con.public(c.root), nil
}

// Table returns the table that the database store uses.
func (c *Config) Table() sqlstore.Config {
	return sqlstore.Config{Schema: c.settings.text("stores.database.schema"), Table: c.settings.text("stores.database.table")}
}

// MigrationsTable returns the name of the table in which beam db migrate records the
// migrations that have run. It is in the schema of Table.
func (c *Config) MigrationsTable() string { return c.settings.text("stores.database.migrations_table") }

// OpenDB opens a connection, named as for [Config.Connection], and waits until the
// database answers: at most five seconds, or until ctx ends. If the file of a SQLite
// database or its folder is missing, OpenDB creates it, accessible to this user only, so
// that migrations can run. The caller must close the result.
func (c *Config) OpenDB(ctx context.Context, name string) (*sql.DB, error) {
	con, err := c.Connection(name)
	if err != nil {
		return nil, err
	}
	if file, key := con.details.sqliteFile(c.base); file != "" {
		_, missing := os.Stat(file)
		if err := createFile(file); missing != nil && err != nil {
			return nil, con.details.at(key, "the file cannot be created: "+plain(err), "", err)
		}
		if m := con.details.writable(file, key); m != nil {
			return nil, m
		}
	}
	db, m := con.details.open(ctx, c.base, con.details.settings.yes("prepare"))
	if m != nil {
		return nil, m
	}
	return db, nil
}

// createFile creates an empty file, which is an empty database, unless it exists. SQLite
// itself would create a file that everybody can read.
func createFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// answerTime limits how long Open waits for a database to answer.
const answerTime = 5 * time.Second

func (c *connection) open(ctx context.Context, root string, prepare bool) (*sql.DB, *Error) {
	driver, m := c.driver()
	if m != nil {
		return nil, m
	}
	dsn := c.dsn(root)
	if driver == "pgx" && !prepare {
		dsn = unprepared(dsn)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil { // the driver has only parsed the dsn
		return nil, c.at(c.addressKey(), "the driver does not understand the address or the options", "", err)
	}
	// An idle connection costs less than a new one. By default, PostgreSQL accepts 100
	// connections: enough for six processes with 16 each. Cloud networks forget a
	// connection that is idle for four minutes or longer, without telling its ends.
	db.SetMaxOpenConns(c.settings.number("max_open"))
	db.SetMaxIdleConns(c.settings.number("max_open"))
	db.SetConnMaxLifetime(max(0, c.settings.duration("max_lifetime")))
	if c.dialect() != sqlstore.SQLite {
		db.SetConnMaxIdleTime(max(0, c.settings.duration("max_idle_time")))
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	ping := func() error { return db.PingContext(ctx) }
	if c.dialect() == sqlstore.SQLite { // another process may have locked the file for a moment
		ping = func() error {
			return sqltable.SQLite.Retry(ctx, func() error { return db.PingContext(ctx) })
		}
	}
	if err := ping(); err != nil {
		db.Close()
		return nil, c.noAnswer(root, err)
	}
	return db, nil
}

// noAnswer reports a failure to connect.
func (c *connection) noAnswer(root string, err error) *Error {
	return c.at(c.addressKey(), "the database does not answer: "+scrub(err, c.secrets(), c.settings.text("dsn")), c.public(root).hint(), err)
}

// addressKey returns the setting under which mistakes in the address are reported.
func (c *connection) addressKey() string {
	if c.settings.given("dsn") {
		return "dsn"
	}
	return "database"
}

func (c Connection) hint() string {
	if c.Dialect == sqlstore.SQLite {
		return "check that the file and its folder are writable"
	}
	return "check that " + c.Address + " is correct and that the server is running"
}

// at returns a mistake about one setting of the connection.
func (c *connection) at(key, reason, hint string, err error) *Error {
	m := c.settings.mistake(c.prefix(), key, reason, hint)
	m.Err = conceal(err, m.Reason)
	return m
}

// openDatabase opens the database store on a connection, named as for [Config.Connection]. It does not create a missing SQLite file,
// because that would be an empty database without the table.
func (c *Config) openDatabase(ctx context.Context, connection string) (session.Store, error) {
	con, err := c.Connection(connection)
	if err != nil {
		return nil, err
	}
	if con.Dialect == sqlstore.PostgreSQL && c.postgres != nil {
		return c.openPostgres(ctx, con)
	}
	if file, key := con.details.sqliteFile(c.base); file != "" {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			if _, m := con.details.driver(); m != nil {
				return nil, m
			}
			return nil, con.details.at(key, "the file does not exist yet, so there is no table for sessions",
				"create it with: beam make session-table && beam db migrate", err)
		}
		if m := con.details.writable(file, key); m != nil {
			return nil, m
		}
	}
	prepare := con.details.settings.yes("prepare")
	store, err := c.openTable(ctx, con, prepare)
	if prepare && errors.Is(err, sqltable.ErrPooled) {
		if store, err = c.openTable(ctx, con, false); err == nil {
			store.warning = sqltable.Pooled
		}
	}
	if err != nil {
		return nil, err
	}
	return store, nil
}

// openTable opens the connection and checks the table in its database.
func (c *Config) openTable(ctx context.Context, con Connection, prepare bool) (*ownedStore, error) {
	db, m := con.details.open(ctx, c.base, prepare)
	if m != nil {
		return nil, m
	}
	cfg := c.Table()
	cfg.Unprepared = !prepare
	store, err := sqlstore.New(db, con.Dialect, cfg)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, answerTime)
		defer cancel()
		err = store.Check(ctx)
	}
	if err != nil {
		defer db.Close()
		if m := c.schemaMistake(ctx, db, con); m != nil {
			return nil, m
		}
		return nil, c.tableMistakes(con, err)
	}
	return &ownedStore{Store: store, closers: []func() error{store.Close, db.Close}}, nil
}

// tableMistakes reports errors of the store at the keys of its table.
func (c *Config) tableMistakes(con Connection, err error) error {
	s := &c.settings
	if ces := configErrors(err); len(ces) > 0 {
		var all []*Error
		for _, ce := range ces {
			key := map[string]string{"Schema": "stores.database.schema", "Table": "stores.database.table"}[ce.Field]
			m := s.mistake("", key, ce.Reason, "")
			m.Err = ce
			all = append(all, m)
		}
		return join(all)
	}
	m := s.mistake("", "stores.database.table", scrub(err, con.details.secrets(), con.details.settings.text("dsn")), "")
	m.Reason += " (connection " + con.String() + ")"
	m.Err = conceal(err, m.Reason)
	return m
}
