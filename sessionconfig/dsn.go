package sessionconfig

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/expanse-go/session/sqlstore"
)

// Default driver options of each dialect. The file and variables override them.
var (
	// In WAL mode, readers and the writer do not block each other. With WAL, NORMAL
	// keeps the file consistent after a crash; a power failure may lose the last
	// commits. Transactions take the write lock at once, because one that starts as a
	// reader cannot wait for the lock and fails. The driver does not notice a request's
	// deadline during the busy timeout, so that timeout is short; the store keeps
	// retrying after it.
	sqliteOptions = map[string]string{
		"busy_timeout": "1000", "foreign_keys": "on", "journal_mode": "WAL", "synchronous": "NORMAL", "txlock": "immediate",
	}
	postgresOptions = map[string]string{"connect_timeout": "5"}

	// A server that has become a replica rejects writes. With rejectReadOnly, the driver
	// then drops the connection instead of returning it to the pool.
	// Without autocommit, nothing would ever be stored.
	mysqlOptions = map[string]string{"timeout": "5s", "rejectReadOnly": "true", "autocommit": "1"}
)

// sqliteForms holds the options that both SQLite drivers support, with their valid values.
var sqliteForms = map[string]*regexp.Regexp{
	"busy_timeout": regexp.MustCompile(`^[0-9]{1,9}$`),
	"foreign_keys": regexp.MustCompile(`^(?i:on|off|true|false|1|0)$`),
	"journal_mode": regexp.MustCompile(`^(?i:WAL|DELETE|TRUNCATE|PERSIST)$`),
	"synchronous":  regexp.MustCompile(`^(?i:OFF|NORMAL|FULL|EXTRA)$`),
	"cache_size":   regexp.MustCompile(`^-?[0-9]{1,9}$`),
	"txlock":       regexp.MustCompile(`^(deferred|immediate|exclusive)$`),
}

// mixedCaseOptions restores the spelling of MySQL options that are set by a variable,
// whose name is all upper case.
var mixedCaseOptions = []string{
	"allowAllFiles", "allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords", "allowOldPasswords",
	"checkConnLiveness", "clientFoundRows", "columnsWithAlias", "connectionAttributes", "interpolateParams",
	"maxAllowedPacket", "multiStatements", "parseTime", "readTimeout", "rejectReadOnly", "serverPubKey", "timeTruncate",
	"writeTimeout",
}

// poolOption matches an option of pgxpool in a dsn. The pool of database/sql, which
// commands use, would send it to the server, which refuses it.
var poolOption = regexp.MustCompile(`(^|[\s?&])pool_[a-z_]+\s*=`)

const poolOptionHint = "use max_open and max_lifetime of the connection instead"

var optionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// checkOptions validates the options of a SQLite connection, which are few. The drivers
// of database servers validate their own.
func (c *connection) checkOptions(l *loader) {
	for _, name := range sortedKeys(c.options) {
		e := c.options[name]
		key := c.prefix() + options + "." + name
		_, isList := e.value.([]any)
		form := sqliteForms[name]
		switch {
		case e.flaw != "":
			l.add(e.mistake(key, true, "%s", e.flaw))
		case !optionName.MatchString(name) || isList:
			l.add(e.mistake(key, true, "needs a name of letters, digits, underscores and dots, and a value that is a string, a number, true or false"))
		case c.dialect() == sqlstore.PostgreSQL && strings.HasPrefix(name, "pool_"):
			m := e.mistake(key, true, "is an option that only pgxpool supports")
			m.Hint = poolOptionHint
			l.add(m)
		case c.dialect() != sqlstore.SQLite:
		case form == nil:
			m := e.mistake(key, true, "is not a supported option")
			m.Hint = "supported: " + strings.Join(sortedKeys(sqliteForms), ", ") + "; put any other option in a dsn"
			l.add(m)
		case !form.MatchString(fmt.Sprint(e.value)):
			l.add(e.mistake(key, false, "is not a valid value for this option"))
		}
	}
}

// optionsOver returns the configured options over the defaults.
func (c *connection) optionsOver(defaults map[string]string) map[string]string {
	all := maps.Clone(defaults)
	for name, e := range c.options {
		all[name] = fmt.Sprint(e.value)
	}
	return all
}

// dsn returns the data source name for [database/sql.Open], which includes the password.
func (c *connection) dsn(root string) string {
	switch {
	case c.settings.given("dsn"):
		return c.settings.text("dsn")
	case c.dialect() == sqlstore.SQLite:
		return sqliteDSN(c.file(root), c.optionsOver(sqliteOptions))
	case c.dialect() == sqlstore.PostgreSQL:
		return c.postgresDSN()
	}
	return c.mysqlDSN()
}

// sqliteDSN returns a URI, so that the path may contain any byte. Go drivers spell
// pragmas in two ways, _pragma=name(value) and _name=value, and ignore or accept the
// other form. The URI contains both, because a driver's registered name does not reveal
// which form it expects.
func sqliteDSN(path string, opts map[string]string) string {
	var q []string
	for _, name := range sortedKeys(opts) {
		value := opts[name]
		if name != "txlock" {
			q = append(q, "_pragma="+name+"("+value+")")
		}
		q = append(q, "_"+name+"="+value)
	}
	escaped := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
	return "file:" + escaped + "?" + strings.Join(q, "&")
}

// postgresDSN returns a libpq keyword/value string, which supports sockets.
func (c *connection) postgresDSN() string {
	s := &c.settings
	pairs := c.optionsOver(postgresOptions)
	pairs["host"], pairs["port"] = s.text("host"), fmt.Sprint(c.port())
	pairs["dbname"] = s.text("database")
	for key, name := range map[string]string{"user": "user", "password": "password"} {
		if s.given(key) {
			pairs[name] = s.text(key)
		}
	}
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var parts []string
	for _, name := range sortedKeys(pairs) {
		parts = append(parts, name+"='"+quote.Replace(pairs[name])+"'")
	}
	return strings.Join(parts, " ")
}

// mysqlDSN returns user:password@tcp(host:port)/name?options, the driver's own format.
// The driver reads user and password verbatim, up to the last "@".
func (c *connection) mysqlDSN() string {
	s := &c.settings
	var b strings.Builder
	if user := s.text("user"); user != "" {
		b.WriteString(user)
		if password := s.text("password"); password != "" {
			b.WriteString(":" + password)
		}
		b.WriteByte('@')
	}
	network := "tcp"
	if c.isSocket() {
		network = "unix"
	}
	b.WriteString(network + "(" + c.hostPort() + ")/" + url.PathEscape(s.text("database")))
	separator := "?"
	opts := c.optionsOver(mysqlOptions)
	for _, name := range sortedKeys(opts) {
		b.WriteString(separator + name + "=" + url.QueryEscape(opts[name]))
		separator = "&"
	}
	return b.String()
}
