package sessionconfig

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/expanse-go/session/sqlstore"
)

// The options that we set unless the file or a variable does, per dialect.
var (
	// In WAL mode readers and the writer do not wait for each other. Together with
	// it, NORMAL keeps the file sound through a crash; a power cut may take the last
	// moments. Transactions take the write lock at once: one that starts as a reader
	// cannot wait for it, and fails. Within the busy timeout the end of a request's time
	// is not noticed, so it is short; the store itself goes on waiting after it.
	sqliteOptions = map[string]string{
		"busy_timeout": "1000", "foreign_keys": "on", "journal_mode": "WAL", "synchronous": "NORMAL", "txlock": "immediate",
	}
	postgresOptions = map[string]string{"connect_timeout": "5"}

	// A server that has become a replica refuses writes; the driver then drops the
	// connection instead of keeping it in the pool.
	mysqlOptions = map[string]string{"timeout": "5s", "rejectReadOnly": "true"}
)

// sqliteForms are the options that both kinds of driver know, with their values.
var sqliteForms = map[string]*regexp.Regexp{
	"busy_timeout": regexp.MustCompile(`^[0-9]{1,9}$`),
	"foreign_keys": regexp.MustCompile(`^(?i:on|off|true|false|1|0)$`),
	"journal_mode": regexp.MustCompile(`^(?i:WAL|DELETE|TRUNCATE|PERSIST)$`),
	"synchronous":  regexp.MustCompile(`^(?i:OFF|NORMAL|FULL|EXTRA)$`),
	"cache_size":   regexp.MustCompile(`^-?[0-9]{1,9}$`),
	"txlock":       regexp.MustCompile(`^(deferred|immediate|exclusive)$`),
}

// mixedCaseOptions are options of the MySQL driver, whose spelling a variable loses.
var mixedCaseOptions = []string{
	"allowAllFiles", "allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords", "allowOldPasswords",
	"checkConnLiveness", "clientFoundRows", "columnsWithAlias", "connectionAttributes", "interpolateParams",
	"maxAllowedPacket", "multiStatements", "parseTime", "readTimeout", "rejectReadOnly", "serverPubKey", "timeTruncate",
	"writeTimeout",
}

var optionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// checkOptions checks what can be: SQLite's options become statements and are few;
// the servers' drivers judge their own.
func (c *connection) checkOptions(l *loader) {
	for _, name := range sortedKeys(c.options) {
		e := c.options[name]
		key := c.prefix() + options + "." + name
		_, isList := e.value.([]any)
		form := sqliteForms[name]
		switch {
		case !optionName.MatchString(name) || isList:
			l.add(e.mistake(key, true, "must be a name of letters with a text, a number, true or false"))
		case c.dialect() != sqlstore.SQLite:
		case form == nil:
			m := e.mistake(key, true, "is no option here")
			m.Hint = "known: " + strings.Join(sortedKeys(sqliteForms), ", ") + "; anything else goes into a dsn"
			l.add(m)
		case !form.MatchString(fmt.Sprint(e.value)):
			l.add(e.mistake(key, false, "is not a value of this option"))
		}
	}
}

// optionsOver lays the given options over the defaults, the last ones over those before.
func (c *connection) optionsOver(defaults ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, d := range defaults {
		maps.Copy(all, d)
	}
	for name, e := range c.options {
		all[name] = fmt.Sprint(e.value)
	}
	return all
}

// dsn is what [database/sql.Open] gets, with defaults over those of a server's dialect.
// It holds the password.
func (c *connection) dsn(root string, defaults map[string]string) string {
	switch {
	case c.settings.given("dsn"):
		return c.settings.text("dsn")
	case c.dialect() == sqlstore.SQLite:
		return sqliteDSN(c.file(root), c.optionsOver(sqliteOptions))
	case c.dialect() == sqlstore.PostgreSQL:
		return c.postgresDSN(defaults)
	}
	return c.mysqlDSN(defaults)
}

// sqliteDSN is a URI, so that a path may hold any byte. The drivers for Go spell
// pragmas in two ways, _pragma=name(value) and _name=value, and ignore or accept the
// other; both are given, because the name under which a driver is registered does
// not tell which one it is.
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

// postgresDSN is in the form of libpq, which has a place for sockets.
func (c *connection) postgresDSN(defaults map[string]string) string {
	s := &c.settings
	pairs := c.optionsOver(postgresOptions, defaults)
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

// mysqlDSN is in the form of the driver: user:password@tcp(host:port)/name?options.
// It takes user and password as they are, up to the last "@".
func (c *connection) mysqlDSN(defaults map[string]string) string {
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
	opts := c.optionsOver(mysqlOptions, defaults)
	for _, name := range sortedKeys(opts) {
		b.WriteString(separator + name + "=" + url.QueryEscape(opts[name]))
		separator = "&"
	}
	return b.String()
}
