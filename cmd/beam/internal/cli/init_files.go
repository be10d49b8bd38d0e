package cli

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// files are what init writes besides the migration, in the order in which it
// says so.
func (p *plan) files() ([]file, error) {
	out := []file{
		{p.Config + "/session.toml", choose(sessionconfig.SessionTemplate(), "store", "database", p.Store), 0o644},
		{p.Config + "/database.toml", choose(sessionconfig.DatabaseTemplate(), "default", "sqlite", p.Connection), 0o644},
		{".env.example", sessionconfig.EnvTemplate(), 0o644},
	}
	for _, f := range []struct {
		name, template string
		mode           fs.FileMode
	}{
		{".env", "env.tmpl", 0o600},
		{".gitignore", "gitignore.tmpl", 0o644},
		{"main.go", "main.go.tmpl", 0o644},
		{"beam", "beam.tmpl", 0o755},
	} {
		text, err := render(f.template, p)
		if err != nil {
			return nil, err
		}
		out = append(out, file{f.name, text, f.mode})
	}
	return append(out, file{"go.mod", p.goMod(), 0o644}), nil
}

// choose replaces the value of the one line of a template that differs.
func choose(template, key, was, is string) string {
	return strings.Replace(template, fmt.Sprintf("\n%s = %q\n", key, was), fmt.Sprintf("\n%s = %q\n", key, is), 1)
}

// initMigrations writes the migration for each connection that is compiled in, so
// that one variable switches; the default one comes first, and with no driver
// SQLite, of which a later choice may be made.
func (a *app) initMigrations(p *plan) error {
	for _, name := range p.Connections {
		if err := a.writeMigrations(a.path(migrations), connectionDialects[name], sqlstore.Config{}); err != nil {
			return err
		}
	}
	return nil
}

// connectionDialects are those of the connections of the template.
var connectionDialects = map[string]sqlstore.Dialect{
	"sqlite": sqlstore.SQLite, "postgres": sqlstore.PostgreSQL, "mysql": sqlstore.MySQL,
}
