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

// isServerAddress reports whether dsn belongs to the driver of a database server. SQLite
// would treat it as a file name and create a file with the password in its name.
func isServerAddress(dsn string) bool {
	if strings.HasPrefix(dsn, "file:") {
		return false
	}
	return strings.Contains(dsn, "://") || strings.Contains(dsn, "@tcp(") || strings.Contains(dsn, "@unix(") || serverPair.MatchString(dsn)
}

// sqliteFile returns the file of a SQLite database and the key that names it. Both are ""
// for a database in memory, for a custom file system, and for a dsn that requires the
// file to exist.
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

// writable reports a file that cannot be written. The driver's own message is less clear.
func (c *connection) writable(path, key string) *Error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		f.Close()
		return nil
	}
	hint := "give this user write access to the file and its folder with chown or chmod"
	switch {
	case errors.Is(err, syscall.EISDIR):
		hint = "name a file inside it"
	case errors.Is(err, syscall.EROFS):
		hint = "move the file to a writable file system"
	}
	return c.at(key, "cannot be written: "+plain(err), hint, err)
}
