package sessionconfig

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/expanse-go/session"
)

// A Config is a configuration that [Load] has read and validated. Load opens, creates
// and starts nothing. A Config is immutable. Printing or logging it shows no settings; print
// [Config.Values] instead.
type Config struct {
	*hidden
}

// hidden keeps secrets out of what fmt prints. Some verbs follow one pointer, even in a copy
// or in an unexported field, where Format methods have no effect; none follows two.
type hidden struct{ *contents }

type contents struct {
	dir  string // as given
	root string // the project folder, which contains .env and resolves relative paths
	base string // root as an absolute path

	logger      *slog.Logger
	foreign     map[string]foreign
	settings    settings               // session.toml
	database    settings               // database.toml without its connections
	connections map[string]*connection // :: folded name → connection
	redisSet    settings               // redis.toml without its connections
	redises     map[string]*connection // likewise
	session     session.Config
	written     session.Config // session before Configure
	readOnly    bool           // see ReadOnly
	checking    bool           // for Check: would this user be able to write?

	// postgres is nil without WithPostgres.
	postgres func(ctx context.Context, dsn, schema, table string) (session.Store, error)

	// redis is nil without WithRedis.
	redis func(ctx context.Context, url, prefix string) (session.Store, error)

	err      error // mistakes
	warnings []*Error
}

// Load reads dir/session.toml, dir/database.toml and dir/redis.toml, the .env file in the parent of dir,
// and the environment. Each source overrides the ones before it. dir is usually "config".
//
// The error contains all mistakes, each as an [*Error]; [Mistakes] lists them. Load
// returns a Config even then, so that a command can show it, but the methods that open
// something return the mistakes instead. Load does not check anything outside the
// configuration, such as whether the database answers; [Config.Check] does.
func Load(dir string, opts ...Option) (*Config, error) {
	l := &loader{environ: os.Environ(), logger: slog.Default(), foreign: map[string]foreign{}}
	for _, o := range opts {
		o(l)
	}
	if l.logger == nil {
		l.logger = slog.Default()
	}
	c := &Config{&hidden{&contents{
		dir: dir, root: filepath.Join(dir, ".."), base: absolute(filepath.Join(dir, "..")),
		logger: l.logger, foreign: l.foreign, postgres: l.postgres, redis: l.redis, readOnly: l.readOnly,
	}}}
	sessionDoc := l.readTOML(filepath.Join(dir, sessionFile))
	databaseDoc := l.readTOML(filepath.Join(dir, databaseFile))
	redisDoc := l.readTOML(filepath.Join(dir, redisFile))
	vars := l.readEnv(filepath.Join(c.root, ".env"), l.environ)

	c.loadSession(l, sessionDoc, vars)
	c.loadDatabase(l, databaseDoc, vars)
	c.loadRedis(l, redisDoc, vars)
	if !sessionDoc.broken {
		c.checkStore(l, databaseDoc)
		c.checkRedisStore(l, redisDoc)
	}
	c.buildSession(l)

	c.err, c.warnings = join(l.mistakes), l.warnings
	return c, c.err
}

// absolute returns path unchanged if the working directory is unknown.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// Dir returns the folder that was passed to [Load].
func (c *Config) Dir() string { return c.dir }

// Root returns the project folder, which is the parent of Dir. Relative paths in the
// configuration are resolved against it.
func (c *Config) Root() string { return c.root }

// Warnings returns what Load found that is valid but probably unintended, such as the
// variable SESSION_COOKIE, which is not a setting, or a store that keeps sessions in
// memory. [Open] logs the warnings.
func (c *Config) Warnings() []*Error { return slices.Clone(c.warnings) }

// StoreName returns the configured store: "database", "file", "memory", "null", "redis" or a name
// registered with [With]. For "dict" it returns "memory".
func (c *Config) StoreName() string {
	name := c.settings.text("store")
	if name == "dict" {
		return "memory"
	}
	return name
}

// Session returns the manager's settings, including Logger and the changes made by
// [Configure].
func (c *Config) Session() session.Config { return c.session }

// loadSession reads and validates session.toml and the SESSION_ variables.
func (c *Config) loadSession(l *loader, doc document, vars map[string]entry) {
	specs := slices.Clone(sessionSpecs)
	for _, name := range sortedKeys(c.foreign) {
		specs = append(specs, c.foreign[name].specs...)
	}
	if doc.missing {
		l.add(&Error{File: doc.name, Reason: "no such file", Err: fs.ErrNotExist,
			Hint: `run the program in the project folder, or create the file with "./beam init"`})
	}
	doc.mergeAlias(l)
	c.settings = settings{specs: specs, values: map[string]any{}, entries: doc.entries, bad: map[string]bool{}}
	c.settings.overlay(l, vars, sessionPrefix, "", c.root)
	c.settings.parse(l, "")
	if name := c.settings.text("store"); name != "" {
		c.settings.values["store"] = strings.ToLower(name) // like every kindChoice
	}
	c.settings.values["fallback"] = lowerName(c.settings.text("fallback"))
	l.reportUnknown(doc, c.vocabulary())
	c.unknownVariables(l, vars)
}

// mergeAlias renames [stores.dict] to [stores.memory], which is the same store.
func (d *document) mergeAlias(l *loader) {
	delete(d.tables, "stores.dict")
	for _, key := range sortedKeys(d.entries) {
		rest, ok := strings.CutPrefix(key, "stores.dict.")
		if !ok {
			continue
		}
		e, same := d.entries[key], "stores.memory."+rest
		if _, twice := d.entries[same]; twice {
			m := e.mistake(key, false, "%s is also set, and dict and memory are the same store", same)
			m.Hint = "keep only one of them"
			l.add(m)
		}
		d.entries[same] = e
		delete(d.entries, key)
	}
}

// vocabulary returns the names that session.toml may contain.
func (c *Config) vocabulary() vocabulary {
	v := vocabulary{keys: c.settings.keys(), tables: []string{"stores.null"}}
	for _, name := range sortedKeys(c.foreign) {
		v.tables = append(v.tables, "stores."+name)
	}
	return v
}

// unknownVariables reports SESSION_ variables that are not settings. A name that closely
// resembles a setting is a mistake, because a program with a misspelled SESSION_LIFETIME
// must not run with the default. A name that other libraries use for a setting causes a
// warning only. Any other name is ignored, because it may belong to another program:
// desktops set SESSION_MANAGER, for example.
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
		if !strings.HasPrefix(name, sessionPrefix) || known[name] {
			continue
		}
		m := &Error{File: vars[name].origin.File, Line: vars[name].origin.Line, Variable: name,
			Reason: "is not a setting"}
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

// nearestVariable compares names without the prefix, which would make all of them look
// similar, and part by part between double underscores.
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
