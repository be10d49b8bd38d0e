package sessionconfig

import (
	"strconv"
	"time"

	"github.com/expanse-go/session/sqlstore"
)

// A Value is one setting with its effective value and the origin of that value.
type Value struct {
	// File is the file that the key belongs to: "session.toml", "database.toml" or "redis.toml".
	File string
	Key  string

	// Value is the value as TOML, such as `"2h"` or `true`; "[redacted]" for a secret
	// that is set, "" if there is no value.
	Value string

	// Variable is the environment variable that sets the key.
	Variable string

	Origin  Origin // the source of the value
	Default bool   // true if the setting is not set
	Secret  bool
}

// Values returns all settings with their effective values: first those of session.toml,
// then those of database.toml and, if a connection is configured there, of redis.toml, with
// connections sorted by name. It contains no secrets.
func (c *Config) Values() []Value {
	var all []Value
	for _, sp := range c.settings.specs {
		v := c.settings.value(sp, "", sessionPrefix)
		if d, ok := c.derived(sp.key); ok {
			v.Value = sp.show(d)
		}
		if con, _ := c.storeConnection(); v.Default && con != nil && sp.key == "stores.database.connection" {
			v.Value = literal(con.name)
		}
		if con, _ := c.redisConnection(); v.Default && con != nil && sp.key == "stores.redis.connection" {
			v.Value = literal(con.name)
		}
		v.File = sessionFile
		all = append(all, v)
	}
	v := c.database.value(databaseSpecs[0], "", "")
	v.File, v.Variable = databaseFile, defaultVariable
	all = append(all, v)
	for _, name := range sortedKeys(c.connections) {
		all = append(all, c.connections[name].values()...)
	}
	return append(all, c.redisValues()...)
}

func (c *connection) values() []Value {
	var all []Value
	prefix := connectionPrefix + variable("", c.name) + "__"
	for _, sp := range c.settings.specs {
		if !c.applies(sp.key) {
			continue
		}
		v := c.settings.value(sp, c.prefix(), prefix)
		if v.Default && sp.key == "port" {
			v.Value = strconv.Itoa(c.port())
		}
		v.File = databaseFile
		all = append(all, v)
	}
	for _, name := range sortedKeys(c.options) {
		e := c.options[name]
		v := Value{File: databaseFile, Key: c.prefix() + options + "." + name, Value: e.text,
			Variable: prefix + variable("OPTIONS__", name), Origin: e.origin, Secret: soundsSecret(name) && !harmless(e.value)}
		if v.Secret {
			v.Value = redacted
		}
		v.Key, v.Value = mask(v.Key), mask(v.Value)
		all = append(all, v)
	}
	return all
}

// applies reports whether a setting is listed. Unless they are set, server settings of a
// SQLite file and settings that a dsn replaces are omitted.
func (c *connection) applies(key string) bool {
	if c.settings.given(key) {
		return true
	}
	switch key {
	case "host", "port", "user", "password":
		return c.dialect() != sqlstore.SQLite && !c.settings.given("dsn")
	case "max_idle_time", "prepare":
		return c.dialect() != sqlstore.SQLite
	case "database":
		return !c.settings.given("dsn")
	case "dsn":
		return false
	}
	return true
}

// value describes one setting. A refused value is shown as written.
func (s *settings) value(sp spec, prefix, varPrefix string) Value {
	e, given := s.entries[sp.key]
	parsed, ok := s.values[sp.key]
	hidden := sp.secret && (s.bad[sp.key] || sp.kind != kindBool && sp.kind != kindSpan)
	v := Value{Key: prefix + sp.key, Variable: variable(varPrefix, sp.key), Origin: e.origin, Default: !given, Secret: hidden}
	switch {
	case given && hidden:
		v.Value = redacted
	case given && s.bad[sp.key]:
		v.Value = e.text
	case ok:
		v.Value = sp.show(parsed)
	}
	v.Value = sp.mask(v.Value)
	return v
}

// derived returns the defaults that depend on other settings, computed as in session.New.
func (c *Config) derived(key string) (time.Duration, bool) {
	if c.settings.given(key) {
		return 0, false
	}
	const longest = 400 * 24 * time.Hour
	idle, absolute := c.settings.duration("lifetime"), c.settings.duration("absolute_lifetime")
	if !c.settings.given("absolute_lifetime") {
		absolute = max(24*time.Hour, idle)
	}
	switch {
	case key == "absolute_lifetime":
		return absolute, true
	case key != "touch_every":
		return 0, false
	case idle > 0:
		return idle / 20, true
	case absolute > 0:
		return absolute / 20, true
	}
	return longest / 20, true
}
