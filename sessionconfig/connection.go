package sessionconfig

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expanse-go/session/sqlstore"
)

// A Connection is one [connections.NAME] of database.toml.
type Connection struct {
	Name    string           // as in database.toml
	Dialect sqlstore.Dialect // of its driver

	// Address is the location of the database, without secrets: "app@127.0.0.1:5432/shop",
	// the path of a file, or "dsn" if the connection has a dsn.
	Address string

	// File is the file of a SQLite database that [Config.OpenDB] creates if it is missing;
	// otherwise "".
	File string

	details *hiddenConnection
}

// hiddenConnection is like [hidden].
type hiddenConnection struct{ *connection }

// String returns "main (postgres app@127.0.0.1:5432/shop)".
func (c Connection) String() string {
	return fmt.Sprintf("%s (%s %s)", c.Name, c.Dialect, c.Address)
}

type connection struct {
	name     string
	origin   Origin
	settings settings
	options  map[string]entry // :: option of the driver → value
	broken   bool
}

// dialectOf maps the values of driver to dialects. Each database server has two names.
var dialectOf = map[string]sqlstore.Dialect{
	"sqlite":     sqlstore.SQLite,
	"postgres":   sqlstore.PostgreSQL,
	"postgresql": sqlstore.PostgreSQL,
	"mysql":      sqlstore.MySQL,
	"mariadb":    sqlstore.MySQL,
}

func (c *connection) dialect() sqlstore.Dialect { return dialectOf[c.settings.text("driver")] }

func (c *connection) prefix() string { return "connections." + c.name + "." }

// connectionName matches names that work both as a table and in a variable.
var connectionName = regexp.MustCompile(`^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$`)

// Connections returns the sorted names of the configured connections.
func (c *Config) Connections() []string { return namesOf(c.connections) }

func namesOf(all map[string]*connection) []string {
	var names []string
	for _, con := range all {
		names = append(names, con.name)
	}
	slices.Sort(names)
	return names
}

// public returns the description of the connection, without its secrets.
func (c *connection) public(root string) Connection {
	s := &c.settings
	p := Connection{Name: c.name, Dialect: c.dialect(), Address: "dsn", details: &hiddenConnection{c}}
	p.File, _ = c.sqliteFile(root)
	switch {
	case s.given("dsn"):
	case p.Dialect == sqlstore.SQLite:
		p.Address = c.file(root)
	default:
		p.Address = c.hostPort() + "/" + s.text("database")
		if user := s.text("user"); user != "" {
			p.Address = user + "@" + p.Address
		}
		p.Address = maskText(p.Address) // a name with parameters, as in a URL
	}
	return p
}

// file returns the path of a SQLite database.
func (c *connection) file(root string) string {
	path := filepath.FromSlash(c.settings.text("database"))
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	return path
}

func (c *connection) port() int {
	switch port := c.settings.number("port"); {
	case port > 0:
		return port
	case c.dialect() == sqlstore.PostgreSQL:
		return 5432
	}
	return 3306
}

// isSocket reports whether host is the folder or the file of a Unix socket.
func (c *connection) isSocket() bool { return strings.HasPrefix(c.settings.text("host"), "/") }

func (c *connection) hostPort() string {
	if c.isSocket() {
		return c.settings.text("host")
	}
	return net.JoinHostPort(c.settings.text("host"), strconv.Itoa(c.port()))
}
