package sessionconfig

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/joho/godotenv"
)

var (
	commentedTOML = regexp.MustCompile(`(?m)^# ([a-z][A-Za-z_]* = \S.*|\[[a-z_.]+\])$`)
	commentedEnv  = regexp.MustCompile(`(?m)^# ([A-Z_]+=\S.*)$`)
	activeLine    = regexp.MustCompile(`(?m)^[a-z_]+ = `)
)

// uncomment activates every setting of a template.
func uncomment(text string) string { return commentedTOML.ReplaceAllString(text, "$1") }

// flat parses a template with all its settings.
func flat(t *testing.T, text string) document {
	t.Helper()
	d := document{name: "template", entries: map[string]entry{}, tables: map[string]int{}}
	tree := map[string]any{}
	if err := toml.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	d.locate([]byte(text))
	d.flatten("", tree)
	return d
}

// The template of session.toml lists exactly the existing settings, with their defaults.
// Only store is active.
func TestSessionTemplate(t *testing.T) {
	if got := activeLine.FindAllString(SessionTemplate(), -1); !slices.Equal(got, []string{"store = "}) {
		t.Errorf("active: got %q, want store", got)
	}
	d := flat(t, uncomment(SessionTemplate()))
	for _, sp := range sessionSpecs {
		e, ok := d.entries[sp.key]
		if !ok {
			t.Errorf("%s is missing", sp.key)
			continue
		}
		delete(d.entries, sp.key)
		if sp.def == "" {
			continue
		}
		got, err := sp.parse(e)
		if err != nil {
			t.Errorf("%s = %s: %v", sp.key, e.text, err)
		} else if want := sp.show(sp.defaultValue()); sp.show(got) != want || e.text != sp.def {
			t.Errorf("%s: got %s, want the default %s", sp.key, e.text, sp.def)
		}
	}
	if len(d.entries) > 0 {
		t.Errorf("unknown: %v", sortedKeys(d.entries))
	}
}

// The template of database.toml lists every setting of a connection with its default, and
// the default options that are passed to the drivers.
func TestDatabaseTemplate(t *testing.T) {
	d := flat(t, uncomment(DatabaseTemplate()))
	seen := map[string]bool{}
	defaults := map[string]map[string]string{"sqlite": sqliteOptions, "postgres": postgresOptions, "mysql": mysqlOptions}
	for _, path := range sortedKeys(d.entries) {
		e := d.entries[path]
		parts := strings.Split(path, ".")
		switch {
		case path == "default":
			seen[path] = true
		case len(parts) == 3:
			sp, ok := find(connectionSpecs, parts[2])
			if !ok {
				t.Errorf("%s is not a setting", path)
				continue
			}
			seen[sp.key] = true
			got, err := sp.parse(e)
			if err != nil && e.text != `""` {
				t.Errorf("%s = %s: %v", path, e.text, err)
			} else if sp.def != "" && sp.show(got) != sp.def {
				t.Errorf("%s: got %s, want the default %s", path, e.text, sp.def)
			}
		default:
			if got, want := strings.Trim(e.text, `"`), defaults[parts[1]][parts[3]]; got != want {
				t.Errorf("%s: got %s, want the default %q", path, got, want)
			}
			seen[parts[1]+"."+parts[3]] = true
		}
	}
	for _, sp := range append(databaseSpecs, connectionSpecs...) {
		if !seen[sp.key] {
			t.Errorf("%s is missing", sp.key)
		}
	}
	for name, opts := range defaults {
		for option := range opts {
			if !seen[name+"."+option] {
				t.Errorf("the default option %s of %s is missing", option, name)
			}
		}
	}
}

// The ports in the template are the actual defaults.
func TestDefaultPorts(t *testing.T) {
	d := flat(t, uncomment(DatabaseTemplate()))
	project(t, map[string]string{"config/session.toml": `store = "null"`, "config/database.toml": DatabaseTemplate()})
	c := load(t, nil)
	for _, name := range []string{"postgres", "mysql"} {
		con := c.connections[name]
		if got, want := con.port(), d.entries["connections."+name+".port"].value; int64(got) != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}

// Every variable in the example is a setting, and the templates together form a valid
// configuration.
func TestEnvTemplate(t *testing.T) {
	vars, err := godotenv.Unmarshal(commentedEnv.ReplaceAllString(EnvTemplate(), "$1"))
	if err != nil {
		t.Fatal(err)
	}
	if len(vars) < 8 {
		t.Errorf("got only %d variables", len(vars))
	}
	project(t, map[string]string{"config/session.toml": SessionTemplate(), "config/database.toml": DatabaseTemplate(), ".env": EnvTemplate()})
	if c := load(t, nil); len(c.Warnings()) > 0 || c.StoreName() != "database" {
		t.Errorf("got store %s, warnings %v", c.StoreName(), c.Warnings())
	}
	var environ []string
	for name, v := range vars {
		if strings.HasSuffix(name, "_FILE") || strings.HasSuffix(name, "DSN") {
			continue // conflicts with other variables
		}
		environ = append(environ, name+"="+v)
	}
	c := load(t, environ)
	if len(c.Warnings()) > 0 || c.StoreName() != "file" {
		t.Errorf("got store %s, warnings %v", c.StoreName(), c.Warnings())
	}
}

// Every default is a valid value of its kind.
func TestDefaultsParse(t *testing.T) {
	for _, sp := range append(slices.Clone(sessionSpecs), connectionSpecs...) {
		if sp.def == "" {
			continue
		}
		v := sp.defaultValue()
		if v == nil {
			t.Errorf("%s: the default %s does not parse", sp.key, sp.def)
		} else if got := sp.show(v); got != sp.def {
			t.Errorf("%s: got %s, want %s", sp.key, got, sp.def)
		}
	}
	// A synonym for an unknown name would never be suggested.
	var known []string
	for _, sp := range slices.Concat(sessionSpecs, connectionSpecs, redisConnectionSpecs) {
		known = append(known, sp.key)
		known = append(known, sp.choices...)
	}
	known = append(known, builtin...)
	for from, to := range synonyms {
		if !slices.Contains(known, to) || from != fold(from) {
			t.Errorf("synonym %q → %q leads nowhere", from, to)
		}
	}
}
