package sessionconfig

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expanse-go/session/sqlstore"
)

// loadDatabase reads and checks database.toml and the DB_ variables, even if the store
// does not use them.
func (c *Config) loadDatabase(l *loader, doc document, vars map[string]entry) {
	c.database = settings{specs: databaseSpecs, entries: map[string]entry{}, values: map[string]any{}, bad: map[string]bool{}}
	if e, ok := doc.entries["default"]; ok {
		c.database.entries["default"] = e
	}
	if e, ok := vars[defaultVariable]; ok {
		c.database.entries["default"] = e
	}
	c.database.parse(l, "")
	v := vocabulary{keys: []string{"default"}, tables: []string{"connections"}}
	c.connections, v.open = databases.connectionsOf(l, doc)
	if !doc.broken { // otherwise the connections of the file are unknown
		databases.define(c.connections, vars)
		c.optionVariables(vars)
	}
	for _, name := range sortedKeys(c.connections) {
		con := c.connections[name]
		con.settings.overlay(l, vars, connectionPrefix+variable("", con.name)+"__", con.prefix(), c.root)
		con.settings.parse(l, con.prefix())
		con.check(l)
		for _, key := range con.settings.keys() {
			if serverKeys[key] && con.dialect() == sqlstore.SQLite {
				v.hidden = append(v.hidden, con.prefix()+key)
			} else {
				v.keys = append(v.keys, con.prefix()+key)
			}
		}
		v.open = append(v.open, con.prefix()+options)
	}
	if !doc.broken {
		databases.unknownVariables(l, c.connections, vars)
	}
	l.reportUnknown(doc, v)
}

// A family is a kind of connections: those of one file.
type family struct {
	prefix string // of their variables
	specs  []spec

	// births are the ends of variables that define a connection which is not in the file, so
	// that a container needs no file.
	births []string
}

var (
	databases = &family{connectionPrefix, connectionSpecs, []string{"DRIVER"}}
	redises   = &family{redisPrefix, redisConnectionSpecs, []string{"URL", "URL_FILE", "ADDRESSES"}}
)

// connectionsOf creates a connection for each table below [connections], and returns the
// tables that it refused.
func (f *family) connectionsOf(l *loader, doc document) (all map[string]*connection, refused []string) {
	all = map[string]*connection{}
	names := map[string]int{}
	for path, line := range doc.tables {
		if rest, ok := strings.CutPrefix(path, "connections."); ok && !strings.Contains(rest, ".") {
			names[rest] = line
		}
	}
	for _, name := range sortedKeys(names) {
		e := entry{origin: Origin{File: doc.name, Line: names[name]}}
		other := all[fold(name)]
		switch {
		case !connectionName.MatchString(name):
			l.add(e.mistake("connections."+name, false, "is not a valid connection name; use letters and digits, in words joined by hyphens or underscores"))
		case other != nil:
			l.add(e.mistake("connections."+name, false, "differs from %q only in case, hyphens or underscores, which names of variables cannot express", other.name))
		default:
			con := f.newConnection(name, e.origin)
			con.take(doc)
			all[fold(name)] = con
			continue
		}
		refused = append(refused, "connections."+name)
	}
	return all, refused
}

func (f *family) newConnection(name string, o Origin) *connection {
	return &connection{name: name, origin: o, options: map[string]entry{}, settings: settings{
		specs: f.specs, entries: map[string]entry{}, values: map[string]any{}, bad: map[string]bool{},
	}}
}

func (c *connection) take(doc document) {
	for path, e := range doc.entries {
		key, ok := strings.CutPrefix(path, c.prefix())
		if !ok {
			continue
		}
		if option, ok := strings.CutPrefix(key, options+"."); ok {
			c.options[option] = e
		} else {
			c.settings.entries[key] = e
		}
	}
}

// define creates the connections that only variables define: DB_CONNECTIONS__NAME__DRIVER.
func (f *family) define(all map[string]*connection, vars map[string]entry) {
	for _, name := range sortedKeys(vars) {
		rest, ok := strings.CutPrefix(name, f.prefix)
		con, key, ok2 := strings.Cut(rest, "__")
		if ok && ok2 && slices.Contains(f.births, key) && all[fold(con)] == nil && connectionName.MatchString(con) {
			all[fold(con)] = f.newConnection(strings.ToLower(con), vars[name].origin)
		}
	}
}

// optionVariables reads DB_CONNECTIONS__NAME__OPTIONS__KEY.
func (c *Config) optionVariables(vars map[string]entry) {
	for _, name := range sortedKeys(vars) {
		rest, _ := strings.CutPrefix(name, connectionPrefix)
		conName, key, _ := strings.Cut(rest, "__")
		if option, ok := strings.CutPrefix(key, "OPTIONS__"); ok && c.connections[fold(conName)] != nil {
			c.connections[fold(conName)].setOption(option, vars[name])
		}
	}
}

// unknownVariables is called after the values are parsed, because the dialect decides which
// names it can suggest.
func (f *family) unknownVariables(l *loader, all map[string]*connection, vars map[string]entry) {
	for _, name := range sortedKeys(vars) {
		if rest, ok := strings.CutPrefix(name, f.prefix); ok {
			f.unknownVariable(l, all, rest, vars[name])
		}
	}
}

func (f *family) unknownVariable(l *loader, all map[string]*connection, rest string, e entry) {
	m := e.mistake("", false, "")
	m.Value = ""
	conName, key, _ := strings.Cut(rest, "__")
	con := all[fold(conName)]
	if con == nil {
		m.Reason = fmt.Sprintf("the connection %q does not exist", strings.ToLower(conName))
		m.Hint = configured(all, conName) + fmt.Sprintf("; or create it with %s%s__%s", f.prefix, conName, f.births[0])
		l.add(m)
		return
	}
	var fitting []string
	for _, s := range f.specs {
		names := []string{s.key}
		if s.secret {
			names = append(names, s.key+strings.ToLower(fileSuffix))
		}
		if slices.Contains(names, strings.ToLower(key)) && key == strings.ToUpper(key) {
			return // overlay takes it
		}
		if !serverKeys[s.key] || con.dialect() != sqlstore.SQLite {
			fitting = append(fitting, names...)
		}
	}
	if strings.HasPrefix(key, "OPTIONS__") && f == databases {
		return
	}
	m.Reason = "is not a setting"
	m.Hint = "unset it"
	if near := nearest(key, fitting); near != "" {
		m.Hint = "did you mean " + f.prefix + conName + "__" + strings.ToUpper(near) + "?"
	}
	l.add(m)
}

// setOption sets an option from a variable. It restores the spelling of the option, because
// the name of the variable is in capitals.
func (c *connection) setOption(option string, e entry) {
	name := strings.ToLower(option)
	for known := range c.options {
		if strings.EqualFold(known, option) {
			name = known
		}
	}
	for _, known := range mixedCaseOptions {
		if strings.EqualFold(known, option) {
			name = known
		}
	}
	if e.origin.layer() > c.options[name].origin.layer() {
		c.options[name] = e
	}
}

// noConnection returns what is wrong with the name of a connection, and how to fix it.
func (c *Config) noConnection(name string) (reason, hint string) {
	if strings.Contains(name, "://") || strings.Contains(name, "@") {
		return "is an address, not the name of a connection",
			"make it the dsn of a connection: set DB_CONNECTIONS__MAIN__DSN and DB_CONNECTIONS__MAIN__DRIVER"
	}
	return "is not a configured connection", configured(c.connections, name)
}

// configured lists the configured connections, for a hint.
func configured(all map[string]*connection, wanted string) string {
	names := namesOf(all)
	if len(names) == 0 {
		return "none is configured"
	}
	return "configured: " + strings.Join(names, ", ") + didYouMean(wanted, names)
}
