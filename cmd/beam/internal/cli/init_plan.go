package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/mod/module"
)

// initStores are the names of --stores. The first three are connections of the
// database store; the others need no driver.
var initStores = []string{"sqlite", "postgres", "mysql", "file", "memory", "null"}

// drivers are the imports of the connections.
var drivers = map[string]string{
	"sqlite":   "modernc.org/sqlite",
	"postgres": "github.com/jackc/pgx/v5/stdlib",
	"mysql":    "github.com/go-sql-driver/mysql",
}

// A plan is what init was asked for.
type plan struct {
	Store       string   // the store in use: database, file, memory or null
	Connection  string   // the default connection
	Connections []string // all that are compiled in, the default one first; never empty
	Drivers     []string // imports, sorted
	Config      string   // the folder of the configuration, in the current one
	Module      string
	Command     string // the last element of Module
	Version     string // of the library; "" for the latest
}

// plan turns --stores and --module into a plan.
func (a *app) plan(cmd *cli.Command, stores, name string) (*plan, error) {
	p := &plan{Config: filepath.Clean(cmd.String("config")), Module: name, Version: releasedVersion()}
	names := strings.Split(stores, ",")
	for i, name := range names {
		name = strings.TrimSpace(name)
		if name == "dict" {
			name = "memory"
		}
		if name == "mariadb" {
			name = "mysql"
		}
		if !slices.Contains(initStores, name) {
			return nil, wrong(cmd, "unknown store %q in --stores; known are %s", name, strings.Join(initStores, ", "))
		}
		names[i] = name
		if d, ok := drivers[name]; ok {
			p.Drivers = append(p.Drivers, d)
		}
	}
	if !filepath.IsLocal(p.Config) || filepath.Base(p.Config) != p.Config || p.Config == "." {
		return nil, wrong(cmd, "--config must name a folder in this one, got %q", cmd.String("config"))
	}
	p.Store = names[0]
	if drivers[names[0]] != "" {
		p.Store = "database"
	}
	p.Connections = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return drivers[n] == "" })
	if len(p.Connections) == 0 {
		p.Connections = []string{"sqlite"}
	}
	p.Connection = p.Connections[0]
	slices.Sort(p.Drivers)
	p.Drivers = slices.Compact(p.Drivers)
	if p.Module == "" {
		p.Module = moduleName(filepath.Base(a.dir))
	}
	if err := module.CheckImportPath(p.Module); err != nil {
		return nil, wrong(cmd, "%q cannot be the name of a module", p.Module)
	}
	p.Command = p.Module[strings.LastIndex(p.Module, "/")+1:]
	return p, nil
}

// moduleName makes a module name of a folder's name.
func moduleName(folder string) string {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, folder), "-._")
	if name == "" {
		return "app"
	}
	return name
}

// flag is what commands need to find the folder of the configuration.
func (p *plan) flag() string {
	if p.Config == "config" {
		return ""
	}
	return " --config " + p.Config
}

// at is the version in the form that go get takes.
func (p *plan) at() string {
	if p.Version == "" {
		return "@latest"
	}
	return "@" + p.Version
}
