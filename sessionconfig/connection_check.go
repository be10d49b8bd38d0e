package sessionconfig

import (
	"strings"

	"github.com/expanse-go/session/sqlstore"
)

// check reports settings of the connection that are missing, wrong or contradictory.
func (c *connection) check(l *loader) {
	before := len(l.mistakes)
	s := &c.settings
	at := entry{origin: c.origin}
	switch {
	case !s.given("driver"):
		m := at.mistake("connections."+c.name, false, "has no driver")
		m.Hint = `add driver = "sqlite", "postgres" or "mysql"`
		l.add(m)
	case s.bad["driver"]:
	case s.given("dsn"):
		c.checkDSNAlone(l)
		if c.dialect() == sqlstore.PostgreSQL && poolOption.MatchString(s.text("dsn")) {
			s.refuse(l, c.prefix(), "dsn", "contains an option that begins with pool_, which only pgxpool supports", poolOptionHint)
		}
		if c.dialect() == sqlstore.SQLite && isServerAddress(s.text("dsn")) {
			s.refuse(l, c.prefix(), "dsn", "is the address of a server, but a SQLite database is a file",
				`write a path, or a URI that begins with "file:", or choose another driver`)
		}
	case !s.given("database") && !s.bad["database"]:
		m := at.mistake("connections."+c.name, false, "has no database")
		m.Hint = `add database = "the name of the database"`
		if c.dialect() == sqlstore.SQLite {
			m.Hint = `add database = "storage/app.db"`
		}
		l.add(m)
	case c.dialect() == sqlstore.SQLite:
		c.checkSQLite(l)
	}
	for _, key := range []string{"host", "database"} {
		text := s.text(key)
		at := strings.Contains(text, "@") && (key == "host" || c.dialect() != sqlstore.SQLite)
		if !s.bad[key] && (at || strings.Contains(text, "://")) {
			s.refuse(l, c.prefix(), key, "is an address, which may contain a password",
				"put the address in dsn, and leave out database, host, port, user and password")
		}
	}
	if strings.Contains(s.text("user"), ":") {
		s.refuse(l, c.prefix(), "user", "cannot contain a colon", "set the password separately")
	}
	c.checkOptions(l)
	c.broken = len(l.mistakes) > before || len(s.bad) > 0
}

// checkDSNAlone refuses settings beside a dsn, because the driver would not see them.
// Settings from a source that the dsn overrides are allowed.
func (c *connection) checkDSNAlone(l *loader) {
	s := &c.settings
	layer := s.entries["dsn"].origin.layer()
	for _, key := range []string{"database", "host", "port", "user", "password"} {
		if s.given(key) && !s.bad[key] && s.entries[key].origin.layer() >= layer {
			s.refuse(l, c.prefix(), key, "has no effect because dsn is set", "remove one of the two")
		}
	}
	for _, name := range sortedKeys(c.options) {
		if e := c.options[name]; e.origin.layer() >= layer {
			m := e.mistake(c.prefix()+options+"."+name, true, "has no effect because dsn is set")
			m.Hint = "make it part of the dsn"
			l.add(m)
		}
	}
}

func (c *connection) checkSQLite(l *loader) {
	s := &c.settings
	for _, key := range sortedKeys(serverKeys) {
		if s.given(key) {
			s.refuse(l, c.prefix(), key, "does not apply to SQLite, whose database is a file", "remove it")
		}
	}
	switch db := s.text("database"); {
	case db == ":memory:":
		s.refuse(l, c.prefix(), "database", "is an empty database at each start, without the table",
			`name a file, or set store = "memory" in session.toml`)
	case strings.HasPrefix(db, "file:"):
		s.refuse(l, c.prefix(), "database", "must be a path", "put a URI in dsn")
	}
}
