package sessionconfig

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/expanse-go/session"
)

// A Config is a configuration that was read and checked, but not acted upon:
// nothing is opened, created or started by [Load]. It does not change.
type Config struct {
	dir  string // as given
	root string // the project: where .env is, and where relative paths begin
	base string // root, whatever the working directory will be

	logger      *slog.Logger
	foreign     map[string]foreign
	settings    settings               // session.toml
	database    settings               // database.toml without its connections
	connections map[string]*connection // :: folded name → connection
	session     session.Config
	written     session.Config // session before Configure

	err      error // mistakes
	warnings []*Error
}

// Load reads dir/session.toml and dir/database.toml, the .env file beside dir, and
// the environment; each goes before the one named earlier. dir is usually
// "config".
//
// The error holds all mistakes, each an [*Error]; [Mistakes] lists them. The Config
// is there even then, so that a command can show it; its methods that open
// something return the mistakes instead. What only the outside world can tell,
// such as whether the database answers, is left to [Config.Check].
func Load(dir string, opts ...Option) (*Config, error) {
	l := &loader{environ: os.Environ(), logger: slog.Default(), foreign: map[string]foreign{}}
	for _, o := range opts {
		o(l)
	}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	c := &Config{
		dir: dir, root: filepath.Join(dir, ".."), base: absolute(filepath.Join(dir, "..")),
		logger: l.logger, foreign: l.foreign,
	}
	sessionDoc := l.readTOML(filepath.Join(dir, sessionFile))
	databaseDoc := l.readTOML(filepath.Join(dir, databaseFile))
	vars := l.readEnv(filepath.Join(c.root, ".env"), l.environ)

	c.loadSession(l, sessionDoc, vars)
	c.loadDatabase(l, databaseDoc, vars)
	if !sessionDoc.broken {
		c.checkStore(l, databaseDoc)
	}
	c.buildSession(l)

	c.err, c.warnings = join(l.mistakes), l.warnings
	return c, c.err
}

// absolute is the path itself if the working directory is not known.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Dir is the folder that was given to [Load].
func (c *Config) Dir() string { return c.dir }

// Root is the project's folder, the parent of Dir. Relative paths begin there.
func (c *Config) Root() string { return c.root }

// Warnings are what Load noticed that is probably not meant, such as
// SESSION_LIFTIME, or a store that forgets. [Open] logs them.
func (c *Config) Warnings() []*Error { return slices.Clone(c.warnings) }

// StoreName is the store in use: "database", "file", "memory", "null" or the name
// of one that [With] handed in. "dict" is called "memory" here.
func (c *Config) StoreName() string {
	name := c.settings.text("store")
	if name == "dict" {
		return "memory"
	}
	return name
}

// Session returns the manager's settings, with Logger set and [Configure] applied.
func (c *Config) Session() session.Config { return c.session }

// loadSession checks everything that session.toml and SESSION_* say.
func (c *Config) loadSession(l *loader, doc document, vars map[string]entry) {
	specs := slices.Clone(sessionSpecs)
	for _, name := range sortedKeys(c.foreign) {
		specs = append(specs, c.foreign[name].specs...)
	}
	if doc.missing {
		l.add(&Error{File: doc.name, Reason: "no such file", Err: fs.ErrNotExist,
			Hint: `run the program in the project's folder, or write the file with "./beam init"`})
	}
	doc.mergeAlias(l)
	c.settings = settings{specs: specs, values: map[string]any{}, entries: doc.entries, bad: map[string]bool{}}
	c.settings.overlay(l, vars, sessionPrefix, "", c.root)
	c.settings.parse(l, "")
	if name := c.settings.text("store"); name != "" {
		c.settings.values["store"] = strings.ToLower(name) // as every choice
	}
	l.reportUnknown(doc, c.vocabulary())
	c.unknownVariables(l, vars)
}

// mergeAlias turns [stores.dict] into [stores.memory], its other name.
func (d *document) mergeAlias(l *loader) {
	delete(d.tables, "stores.dict")
	for _, key := range sortedKeys(d.entries) {
		rest, ok := strings.CutPrefix(key, "stores.dict.")
		if !ok {
			continue
		}
		e, same := d.entries[key], "stores.memory."+rest
		if _, twice := d.entries[same]; twice {
			m := e.mistake(key, false, "%s is set too, and dict and memory are one store", same)
			m.Hint = "keep one of the two"
			l.add(m)
		}
		d.entries[same] = e
		delete(d.entries, key)
	}
}

// vocabulary is what session.toml may hold. Tables of a store that this program was
// built without are none of its business, as long as the store is not in use.
func (c *Config) vocabulary() vocabulary {
	v := vocabulary{keys: c.settings.keys(), tables: []string{"stores.null"}}
	for _, name := range sortedKeys(c.foreign) {
		v.tables = append(v.tables, "stores."+name)
	}
	for _, name := range c.absent() {
		v.open = append(v.open, "stores."+name)
	}
	return v
}

// absent are the known stores that [With] has not handed in.
func (c *Config) absent() []string {
	var names []string
	for _, name := range sortedKeys(elsewhere) {
		if _, here := c.foreign[name]; !here {
			names = append(names, name)
		}
	}
	return names
}

// unknownVariables reports what looks like ours and is not. Other programs own
// names that begin with SESSION_, too (SESSION_MANAGER of every desktop), so one
// that is near to nothing is passed over, and one that is what other libraries call
// a setting is only warned of. A typing error is a mistake: whoever misspells
// SESSION_LIFETIME must not run with the default.
func (c *Config) unknownVariables(l *loader, vars map[string]entry) {
	known := map[string]bool{}
	for _, s := range c.settings.specs {
		name := variable(sessionPrefix, s.key)
		known[name] = true
		known[strings.Replace(name, storesPrefix+"MEMORY__", storesPrefix+"DICT__", 1)] = true
		if s.secret {
			known[name+fileSuffix] = true
		}
	}
	for _, name := range sortedKeys(vars) {
		if !strings.HasPrefix(name, sessionPrefix) || known[name] || c.variableOfAbsentStore(name) {
			continue
		}
		m := &Error{File: vars[name].origin.File, Line: vars[name].origin.Line, Variable: name,
			Reason: "is no setting"}
		m.Hint = "unset it"
		synonym := variable(sessionPrefix, synonyms[fold(strings.TrimPrefix(name, sessionPrefix))])
		near := nearestVariable(name, sortedKeys(known))
		switch {
		case near != "":
			m.Hint = "did you mean " + near + "?"
			l.add(m)
		case known[synonym]:
			m.Hint = "did you mean " + synonym + "?"
			l.warn(m)
		case strings.HasPrefix(name, storesPrefix):
			l.add(m)
		}
	}
}

func (c *Config) variableOfAbsentStore(name string) bool {
	return slices.ContainsFunc(c.absent(), func(store string) bool {
		return strings.HasPrefix(name, variable(storesPrefix, store)+"__")
	})
}

// nearestVariable looks for what follows the prefix, so that the prefix does not
// count as likeness, name by name between double underscores.
func nearestVariable(name string, known []string) string {
	path := func(v string) string {
		return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(v, sessionPrefix), "__", "."))
	}
	variables := map[string]string{} // :: path → variable
	for _, k := range known {
		variables[path(k)] = k
		if fold(k) == fold(name) { // SESSION_STORES_FILE_PATH
			return k
		}
	}
	return variables[nearestPath(path(name), sortedKeys(variables))]
}
