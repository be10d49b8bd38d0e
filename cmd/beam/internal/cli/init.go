package cli

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/urfave/cli/v3"
)

const initHelp = `Writes config/session.toml, config/database.toml, .env.example, .env for this computer, .gitignore,
the migration of the sessions table, main.go, go.mod and the script beam, then downloads the
modules. A file that is there already is kept as it is. Afterwards:

  ./beam db migrate && go run .`

//go:embed scaffold
var scaffold embed.FS

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
	Store      string   // the store in use: database, file, memory or null
	Connection string   // the default connection
	Drivers    []string // imports, sorted
	Module     string
	Command    string // the last element of Module
	Version    string // of the library; "" for the latest
}

// A file is one file that init writes.
type file struct {
	name string
	text string
	mode fs.FileMode
}

func (a *app) initialize(ctx context.Context, cmd *cli.Command) error {
	p, err := a.plan(cmd, cmd.String("stores"), cmd.String("module"))
	if err != nil {
		return err
	}
	files, err := p.files()
	if err != nil {
		return err
	}
	freshModule := !exists(a.path("go.mod"))
	for _, f := range files {
		if err := a.writeNew(f); err != nil {
			return err
		}
	}
	if err := a.initMigration(p); err != nil {
		return err
	}
	if !freshModule {
		a.hint("go.mod was there already; add what main.go and the script beam import:")
		a.hint("  go get -tool %s && go mod tidy", modulePath+"/cmd/beam"+p.at())
		return nil
	}
	if err := a.tidy(ctx); err != nil {
		return err
	}
	if p.Store == "database" {
		a.printf("\nNext:\n  ./beam db migrate\n  go run .\n")
	} else {
		a.printf("\nNext:\n  go run .\n")
	}
	return nil
}

// plan turns --stores and --module into a plan.
func (a *app) plan(cmd *cli.Command, stores, module string) (*plan, error) {
	p := &plan{Connection: "sqlite", Module: module, Version: releasedVersion()}
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
	p.Store = names[0]
	if drivers[names[0]] != "" {
		p.Store = "database"
	}
	if i := slices.IndexFunc(names, func(n string) bool { return drivers[n] != "" }); i >= 0 {
		p.Connection = names[i]
	}
	slices.Sort(p.Drivers)
	p.Drivers = slices.Compact(p.Drivers)
	if p.Module == "" {
		p.Module = moduleName(filepath.Base(a.dir))
	}
	if strings.ContainsAny(p.Module, " \t\r\n\"'`\\") {
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

// at is the version in the form that go get takes.
func (p *plan) at() string {
	if p.Version == "" {
		return "@latest"
	}
	return "@" + p.Version
}

func render(name string, data any) (string, error) {
	t, err := template.ParseFS(scaffold, "scaffold/"+name)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, data)
	return b.String(), err
}

// writeNew writes a file that is not there, and says so. O_EXCL rather than a
// look beforehand: nothing is ever overwritten, not even in a race.
func (a *app) writeNew(f file) error {
	name := a.path(f.name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return cannotWrite(f.name, err)
	}
	w, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if errors.Is(err, fs.ErrExist) {
		a.printf("kept   %s\n", f.name)
		return nil
	}
	if err != nil {
		return cannotWrite(f.name, err)
	}
	_, err = w.WriteString(f.text)
	if err = errors.Join(err, w.Close()); err != nil {
		return cannotWrite(f.name, err)
	}
	a.printf("wrote  %s\n", f.name)
	return nil
}

func cannotWrite(name string, err error) error {
	return fmt.Errorf("cannot write %s: %w; run beam in a folder that you may write to", name, cause(err))
}

func cannotRead(name string, err error) error {
	return fmt.Errorf("cannot read %s: %w", name, cause(err))
}

// cause is an operating-system error without the path, which the message has.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
