package sessionconfig

import (
	"errors"
	"net/url"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/expanse-go/session/sqlstore"
)

var serverPair = regexp.MustCompile(`(?i)(^|\s)(host|hostaddr|port|user|password|dbname)\s*=`)

// isServerAddress knows the dsn of another driver. SQLite would take it for the name
// of a file, and make one with the password in its name.
func isServerAddress(dsn string) bool {
	if strings.HasPrefix(dsn, "file:") {
		return false
	}
	return strings.Contains(dsn, "://") || strings.Contains(dsn, "@tcp(") || strings.Contains(dsn, "@unix(") || serverPair.MatchString(dsn)
}

// sqliteFile is the file of a SQLite database and the key that names it; "" for one
// in memory, for another file system, and for what a dsn says must be there.
func (c *connection) sqliteFile(root string) (path, key string) {
	if c.dialect() != sqlstore.SQLite {
		return "", ""
	}
	if !c.settings.given("dsn") {
		return c.file(root), "database"
	}
	dsn := c.settings.text("dsn")
	path, query, _ := strings.Cut(dsn, "?")
	if rest, isURI := strings.CutPrefix(path, "file:"); isURI {
		path, _, _ = strings.Cut(rest, "#")
		path = strings.TrimPrefix(strings.TrimPrefix(path, "//localhost"), "//")
		if plain, err := url.PathUnescape(path); err == nil {
			path = plain
		}
	}
	values, _ := url.ParseQuery(query)
	if path == ":memory:" || values.Has("vfs") || values.Has("immutable") || values.Has("mode") && values.Get("mode") != "rwc" {
		return "", ""
	}
	return path, "dsn"
}

// writable refuses a file that cannot be written, before the driver says so in words
// of its own.
func (c *connection) writable(path, key string) *Error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		f.Close()
		return nil
	}
	hint := "let this user write the file and its folder: chown or chmod them"
	switch {
	case errors.Is(err, syscall.EISDIR):
		hint = "name a file in it"
	case errors.Is(err, syscall.EROFS):
		hint = "move the file to a file system that is not read-only"
	}
	return c.at(key, "cannot be written: "+plain(err), hint, err)
}
