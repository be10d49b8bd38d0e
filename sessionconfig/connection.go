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

	// Address says where the database is, without secrets: "app@127.0.0.1:5432/shop",
	// the path of a file, or "dsn" if a dsn says it all.
	Address string

	details *connection
}

// String gives "main (postgres app@127.0.0.1:5432/shop)".
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

// dialectOf maps the names of drivers, which people mix up, to dialects.
var dialectOf = map[string]sqlstore.Dialect{
	"sqlite":     sqlstore.SQLite,
	"postgres":   sqlstore.PostgreSQL,
	"postgresql": sqlstore.PostgreSQL,
	"mysql":      sqlstore.MySQL,
	"mariadb":    sqlstore.MySQL,
}

func (c *connection) dialect() sqlstore.Dialect { return dialectOf[c.settings.text("driver")] }

func (c *connection) prefix() string { return "connections." + c.name + "." }

// connectionName leaves out what a variable cannot spell.
var connectionName = regexp.MustCompile(`^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$`)

// Connections lists the names of the configured connections, sorted.
func (c *Config) Connections() []string {
	var names []string
	for _, con := range c.connections {
		names = append(names, con.name)
	}
	slices.Sort(names)
	return names
}

// public describes the connection without its secrets.
func (c *connection) public(root string) Connection {
	s := &c.settings
	p := Connection{Name: c.name, Dialect: c.dialect(), Address: "dsn", details: c}
	switch {
	case s.given("dsn"):
	case p.Dialect == sqlstore.SQLite:
		p.Address = c.file(root)
	default:
		p.Address = c.hostPort() + "/" + s.text("database")
		if user := s.text("user"); user != "" {
			p.Address = user + "@" + p.Address
		}
	}
	return p
}

// file is the path of a SQLite database.
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

// isSocket tells the folder or file of a Unix socket from a host.
func (c *connection) isSocket() bool { return strings.HasPrefix(c.settings.text("host"), "/") }

func (c *connection) hostPort() string {
	if c.isSocket() {
		return c.settings.text("host")
	}
	return net.JoinHostPort(c.settings.text("host"), strconv.Itoa(c.port()))
}
