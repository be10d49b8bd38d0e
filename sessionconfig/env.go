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

// Prefixes of our variables. In the rest of a name, a double underscore stands for a dot.
const (
	sessionPrefix    = "SESSION_"
	storesPrefix     = "SESSION_STORES__"
	defaultVariable  = "DB_CONNECTION"
	connectionPrefix = "DB_CONNECTIONS__"
	fileSuffix       = "_FILE" // for secrets: names a file that contains the value
)

// variable returns the variable that sets key: stores.file.path → STORES__FILE__PATH.
func variable(prefix, key string) string {
	return prefix + strings.ToUpper(strings.NewReplacer(".", "__", "-", "_").Replace(key))
}

// readEnv merges .env and the environment, which takes precedence. It keeps only the
// variables that could be ours. An empty variable counts as unset, because that is what
// `SESSION_DOMAIN=${DOMAIN:-}` in a compose file means.
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
		// The parser's message quotes the rest of the file, including secrets.
		r.add(&Error{File: path, Line: brokenLine(data), Reason: "is not of the form NAME=value",
			Hint: `close every quote, and start comments with "#"`})
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

// isOurs reports whether a variable could be ours, possibly misspelt.
func isOurs(name string) bool {
	return utf8.ValidString(name) &&
		(strings.HasPrefix(name, sessionPrefix) || name == defaultVariable || strings.HasPrefix(name, connectionPrefix))
}

// brokenLine returns the line after the longest prefix of the file that parses.
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

// lineOf returns the line of the last assignment to name, which is the one that takes
// effect. The library reports no positions.
func lineOf(data []byte, name string) int {
	all := regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?`+regexp.QuoteMeta(name)+`[ \t]*[=:]`).FindAllIndex(data, -1)
	if len(all) == 0 {
		return 0
	}
	return 1 + bytes.Count(data[:all[len(all)-1][0]], []byte("\n"))
}

// takeSecretFile resolves NAME_FILE to the content of the file that it names, which is
// how container platforms provide secrets. One trailing line break is removed.
func (r *report) takeSecretFile(vars map[string]entry, name, key, root string) (entry, bool) {
	plainEntry, hasPlain := vars[name]
	file, hasFile := vars[name+fileSuffix]
	if !hasFile || hasPlain && plainEntry.origin.layer() > file.origin.layer() {
		return plainEntry, hasPlain
	}
	if hasPlain && plainEntry.origin.layer() == file.origin.layer() {
		m := file.mistake(key, false, "%s is also set", name)
		m.Hint = "set only one of them"
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
