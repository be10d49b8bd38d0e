package cli

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/expanse-go/session/sessionconfig"
	"github.com/expanse-go/session/sqlstore"
)

// files returns the files that init writes, except migrations.
func (p *plan) files() ([]file, error) {
	out := []file{
		{p.Config + "/session.toml", choose(sessionconfig.SessionTemplate(), "store", "database", p.Store), 0o644},
		{p.Config + "/database.toml", choose(sessionconfig.DatabaseTemplate(), "default", "sqlite", p.Connection), 0o644},
		{".env.example", sessionconfig.EnvTemplate(), 0o644},
	}
	if p.Redis {
		out = append(out, file{p.Config + "/redis.toml", sessionconfig.RedisTemplate(), 0o644})
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

// workFile returns the go.work that keeps the application out of the checkout's workspace,
// if it is needed.
func (a *app) workFile(p *plan) []file {
	if p.checkout == nil || !p.checkout.contains(a.dir) {
		return nil
	}
	return []file{{"go.work", workspace, 0o644}}
}

// choose replaces the value of key in a template.
func choose(template, key, was, is string) string {
	return strings.Replace(template, fmt.Sprintf("\n%s = %q\n", key, was), fmt.Sprintf("\n%s = %q\n", key, is), 1)
}

// initMigrations writes the migrations for each connection that is compiled in, so that one
// variable is enough to switch connections. The default connection comes first, because the
// first dialect uses the common folder. Without a driver, it writes the one for SQLite.
func (a *app) initMigrations(p *plan) error {
	for _, name := range p.Connections {
		if err := a.writeMigrations(a.path(migrations), connectionDialects[name], sqlstore.Config{}); err != nil {
			return err
		}
	}
	return nil
}

// connectionDialects maps the connections in the template to their dialects.
var connectionDialects = map[string]sqlstore.Dialect{
	"sqlite": sqlstore.SQLite, "postgres": sqlstore.PostgreSQL, "mysql": sqlstore.MySQL,
}
