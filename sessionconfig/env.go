package sessionconfig

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"
)

// Prefixes of our variables. A double underscore stands for the dot of a path.
const (
	sessionPrefix    = "SESSION_"
	storesPrefix     = "SESSION_STORES__"
	defaultVariable  = "DB_CONNECTION"
	connectionPrefix = "DB_CONNECTIONS__"
	fileSuffix       = "_FILE" // of secrets: the value is a file's content
)

// variable is the name that sets a key: stores.file.path → STORES__FILE__PATH.
func variable(prefix, key string) string {
	return prefix + strings.ToUpper(strings.NewReplacer(".", "__", "-", "_").Replace(key))
}

// readEnv merges .env with the environment, which wins. Only variables that could
// be ours are kept. An empty variable counts as one that is not set, because that
// is what `SESSION_DOMAIN=${DOMAIN:-}` in a compose file means.
func (r *report) readEnv(path string, environ []string) map[string]entry {
	vars := map[string]entry{}
	put := func(name, value string, o Origin) {
		if value != "" {
			vars[name] = entry{value: value, text: literal(value), origin: o}
		}
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.add(&Error{File: path, Reason: "cannot be read: " + plain(err), Err: err})
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if values, err := godotenv.UnmarshalBytes(data); err != nil {
		// The parser's text quotes the rest of the file, secrets included.
		r.add(&Error{File: path, Line: brokenLine(data), Reason: "not of the form NAME=value",
			Hint: `close every quote, and begin comments with "#"`})
	} else {
		for name, value := range values {
			if !isOurs(name) {
				continue
			}
			put(name, value, Origin{File: path, Line: lineOf(data, name), Variable: name})
		}
	}
	for _, kv := range environ {
		if name, value, ok := strings.Cut(kv, "="); ok && isOurs(name) {
			put(name, value, Origin{Variable: name})
		}
	}
	return vars
}

// isOurs tells names that could be ours. What is no text cannot be a misspelt one.
func isOurs(name string) bool {
	return utf8.ValidString(name) &&
		(strings.HasPrefix(name, sessionPrefix) || name == defaultVariable || strings.HasPrefix(name, connectionPrefix))
}

// brokenLine is the first line from which on no beginning of the file parses.
func brokenLine(data []byte) int {
	lines := bytes.SplitAfter(data, []byte("\n"))
	good := 0
	for n := range lines {
		if _, err := godotenv.UnmarshalBytes(bytes.Join(lines[:n+1], nil)); err == nil {
			good = n + 1
		}
	}
	return good + 1
}

// lineOf finds the last assignment, the one that counts. The library gives no
// positions.
func lineOf(data []byte, name string) int {
	all := regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?`+regexp.QuoteMeta(name)+`[ \t]*[=:]`).FindAllIndex(data, -1)
	if len(all) == 0 {
		return 0
	}
	return 1 + bytes.Count(data[:all[len(all)-1][0]], []byte("\n"))
}

// takeSecretFile replaces NAME_FILE by the content of the file that it names, as
// container platforms hand out secrets. The last line break is not part of it.
func (r *report) takeSecretFile(vars map[string]entry, name, key, root string) (entry, bool) {
	plainEntry, hasPlain := vars[name]
	file, hasFile := vars[name+fileSuffix]
	if !hasFile || hasPlain && plainEntry.origin.layer() > file.origin.layer() {
		return plainEntry, hasPlain
	}
	if hasPlain && plainEntry.origin.layer() == file.origin.layer() {
		m := file.mistake(key, false, "%s is set too", name)
		m.Hint = "set one of the two"
		r.add(m)
		return entry{}, false
	}
	path := file.value.(string)
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		m := file.mistake(key, false, "the file cannot be read: %s", plain(err))
		m.Err = err
		r.add(m)
		return entry{}, false
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	return entry{value: value, text: literal(value), origin: file.origin}, true
}
