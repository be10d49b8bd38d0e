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
	"text/template"

	"github.com/urfave/cli/v3"
)

const initHelp = `Creates config/session.toml, config/database.toml, config/redis.toml if --stores names redis,
.env.example, .env with the settings for this computer, .gitignore, the migration for the sessions
table, main.go, go.mod and the script beam, then downloads the modules. Existing files are not
changed. A beam that was built in a checkout of the library makes the application use that checkout:
go.mod replaces the modules of the library with the folders there, and says how to change to a
release. Afterwards, run:

  ./beam db migrate && go run .`

//go:embed scaffold
var scaffold embed.FS

// A file is a file to write.
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
	for _, f := range append(files, a.workFile(p)...) {
		if err := a.writeNew(f); err != nil {
			return err
		}
	}
	if err := a.initMigrations(p); err != nil {
		return err
	}
	if freshModule {
		if err := a.tidy(ctx); err != nil {
			return err
		}
	}
	if p.checkout != nil && freshModule {
		a.printf("\ngo.mod takes the library from the checkout %s. Keep that folder, or, once there is\n"+
			"a release, follow the comment in go.mod.\n", p.checkout.dir)
	}
	a.printf("\nNext:\n")
	switch {
	case !a.hasTool() && p.checkout != nil:
		a.printf("  %s\n  go mod tidy\n", p.checkout.join())
	case !a.hasTool():
		a.printf("  go get -tool %s\n  go mod tidy\n", modulePath+"/cmd/beam"+p.at())
	case !exists(a.path("go.sum")):
		a.printf("  go mod tidy\n")
	}
	if p.Store == "database" {
		a.printf("  ./beam%s db migrate\n", p.flag())
	}
	a.printf("  go run .\n")
	return nil
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

// writeNew writes a file unless it exists, and prints what it did. O_EXCL ensures that no
// file is overwritten, not even in a race.
func (a *app) writeNew(f file) error {
	name := a.path(f.name)
	f.name = a.shorten(name)
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
	return fmt.Errorf("cannot write %s: %w; run beam in a folder that you can write to", name, cause(err))
}

func cannotRead(name string, err error) error {
	return fmt.Errorf("cannot read %s: %w", name, cause(err))
}

// cause returns an operating-system error without the path, which the message contains.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
