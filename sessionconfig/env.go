package sessionconfig

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Prefixes of our variables. In the rest of a name, a double underscore stands for a dot.
const (
	sessionPrefix    = "SESSION_"
	storesPrefix     = "SESSION_STORES__"
	defaultVariable  = "DB_CONNECTION"
	connectionPrefix = "DB_CONNECTIONS__"
	redisVariable    = "REDIS_CONNECTION"
	redisPrefix      = "REDIS_CONNECTIONS__"
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
	vars, env := map[string]entry{}, map[string]string{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	for name, d := range r.readDotenv(path, env) {
		e := entry{value: d.value, text: literal(d.value), origin: Origin{File: path, Line: d.line, Variable: name}}
		if d.raw != "" {
			e.text, e.flaw = literal(d.raw), undefinedReference
		}
		if isOurs(name) && (d.value != "" || d.raw != "") {
			vars[name] = e
		}
	}
	for name, value := range env {
		e := entry{value: value, text: literal(value), origin: Origin{Variable: name}}
		// MySQL's driver needs the quotes of an option that is a text in SQL, such as sql_mode.
		if isQuoted(value) && (value[0] != '\'' || !strings.Contains(name, "__OPTIONS__")) {
			e.flaw = keptQuotes
		}
		if isOurs(name) && value != "" {
			vars[name] = e
		}
	}
	return vars
}

func isQuoted(value string) bool {
	return len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0]
}

// The flaws of variables that would otherwise become part of a value.
const (
	undefinedReference = "refers to a variable that is not set, neither in the environment nor above this line; set it, or write the value in single quotes to keep the $"
	keptQuotes         = "begins and ends with a quote, which would be part of the value; remove the quotes (unlike a shell, docker --env-file keeps them)"
)

// readDotenv reads the .env file, which need not exist.
func (r *report) readDotenv(path string, env map[string]string) map[string]definition {
	data, err := r.readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		r.add(&Error{File: path, Reason: "cannot be read: " + plain(err), Err: err})
		return nil
	}
	r.warnOfFile(path)
	all, malformed := parseDotenv(string(data), env)
	if malformed > 0 {
		r.add(&Error{File: path, Line: malformed, Reason: "is not of the form NAME=value",
			Hint: `close every quote, and start comments with "#"`})
	}
	return all
}

// readFile reads a text file. Editors and shells of Windows put a byte order mark before
// UTF-8, or write UTF-16.
func (r *report) readFile(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) >= 2 && (data[0] >= 0xfe && data[1] >= 0xfe || (data[0] == 0) != (data[1] == 0)) {
		return nil, errors.New("it is UTF-16 or UTF-32; save it as UTF-8")
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), nil
}

// isOurs reports whether a variable could be ours, possibly misspelled.
func isOurs(name string) bool {
	return utf8.ValidString(name) &&
		(strings.HasPrefix(name, sessionPrefix) || name == defaultVariable || strings.HasPrefix(name, connectionPrefix) ||
			name == redisVariable || strings.HasPrefix(name, redisPrefix))
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
	if file.flaw != "" {
		r.add(file.mistake(key, false, "%s", file.flaw))
		return entry{}, false
	}
	path := file.value.(string)
	if !filepath.IsAbs(path) {
		path = filepath.Join(root, path)
	}
	data, err := r.readFile(path)
	if err != nil {
		m := file.mistake(key, false, "the file cannot be read: %s", plain(err))
		m.Err = err
		r.add(m)
		return entry{}, false
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	return entry{value: value, text: literal(value), origin: file.origin}, true
}
