package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
	"golang.org/x/mod/module"
)

// initStores are the valid names for --stores. The first three are connections of the
// database store.
var initStores = []string{"sqlite", "postgres", "mysql", "file", "memory", "redis", "null"}

// drivers maps connections to the import paths of their drivers. PostgreSQL has none,
// because its store is pgxstore.
var drivers = map[string]string{
	"sqlite": "modernc.org/sqlite",
	"mysql":  "github.com/go-sql-driver/mysql",
}

func isConnection(store string) bool { _, ok := connectionDialects[store]; return ok }

// A plan holds the decoded flags of init.
type plan struct {
	Store       string   // the configured store: database, file, memory, redis or null
	Connection  string   // the default connection
	Connections []string // the connections to compile in, default first; never empty
	Drivers     []string // imports, sorted
	Postgres    bool     // compile in pgxstore
	Redis       bool     // compile in redisstore
	Config      string   // the configuration folder, in the current folder
	Module      string
	Command     string // the last element of Module
	Version     string // of the library; "" for the latest

	checkout *checkout // the modules of the library come from here; nil for a release
}

// plan turns --stores and --module into a plan.
func (a *app) plan(cmd *cli.Command, stores, name string) (*plan, error) {
	p := &plan{Config: filepath.Clean(cmd.String("config")), Module: name, Version: releasedVersion()}
	if p.checkout = findCheckout(); p.checkout != nil {
		p.Version = p.checkout.version
	}
	if own := a.modulePath(); own == modulePath || strings.HasPrefix(own, modulePath+"/") {
		return nil, wrong(cmd, "this folder belongs to the session library itself (module %s); run beam init in an empty folder", own)
	}
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
			return nil, wrong(cmd, "unknown store %q in --stores; use one or more of %s", name, strings.Join(initStores, ", "))
		}
		names[i] = name
		if d, ok := drivers[name]; ok {
			p.Drivers = append(p.Drivers, d)
		}
	}
	if !filepath.IsLocal(p.Config) || filepath.Base(p.Config) != p.Config || p.Config == "." {
		return nil, wrong(cmd, "--config must name a folder directly in the current folder, got %q", cmd.String("config"))
	}
	p.Store = names[0]
	if isConnection(names[0]) {
		p.Store = "database"
	}
	p.Connections = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !isConnection(n) })
	p.Postgres = slices.Contains(p.Connections, "postgres")
	p.Redis = slices.Contains(names, "redis")
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
		return nil, wrong(cmd, "%q is not a valid module name; choose one with --module", p.Module)
	}
	p.Command = p.Module[strings.LastIndex(p.Module, "/")+1:]
	return p, nil
}

// moduleName derives a module name from a folder name.
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

// flag returns the flag with which commands find the configuration folder.
func (p *plan) flag() string {
	if p.Config == "config" {
		return ""
	}
	return " --config " + p.Config
}

// at returns the version in the syntax of go get.
func (p *plan) at() string {
	if p.Version == "" {
		return "@latest"
	}
	return "@" + p.Version
}
