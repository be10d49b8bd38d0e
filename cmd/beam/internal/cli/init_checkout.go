package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"
)

// A checkout is a working copy of the library. Its go.work replaces the modules of the
// library, which a development build cannot download, by its folders.
type checkout struct {
	dir     string
	version string // which the modules require of each other
	modules []replacement
}

// A replacement is a module of the library and its folder.
type replacement struct{ path, dir string }

// findCheckout returns the checkout that this program was built from, nil if it no longer
// exists. The compiler records the path of this file, except with -trimpath; the script
// beam in the checkout puts the program into the folder .cache there.
func findCheckout() *checkout {
	const here = "cmd/beam/internal/cli/init_checkout.go"
	_, source, _, _ := runtime.Caller(0)
	if dir, ok := strings.CutSuffix(filepath.ToSlash(source), "/"+here); ok && filepath.IsAbs(source) {
		if c := readCheckout(filepath.FromSlash(dir)); c != nil {
			return c
		}
	}
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	if cache := filepath.Dir(program); err == nil && filepath.Base(cache) == ".cache" {
		return readCheckout(filepath.Dir(cache))
	}
	return nil
}

// readCheckout returns nil if dir is not a checkout of the library.
func readCheckout(dir string) *checkout {
	file := filepath.Join(dir, "go.work")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	work, err := modfile.ParseWork(file, text, nil)
	if err != nil {
		return nil
	}
	c := &checkout{dir: dir}
	for _, r := range work.Replace {
		if r.Old.Path == modulePath {
			c.version = r.Old.Version
		}
		if below, ok := strings.CutPrefix(r.Old.Path, modulePath); ok && !strings.HasPrefix(below, "/internal/") {
			c.modules = append(c.modules, replacement{r.Old.Path, filepath.Join(dir, r.New.Path)})
		}
	}
	if c.version == "" {
		return nil
	}
	return c
}

// contains reports whether dir is in the checkout, where its go.work applies.
func (c *checkout) contains(dir string) bool {
	rel, err := filepath.Rel(resolved(c.dir), resolved(dir))
	return err == nil && filepath.IsLocal(rel)
}

// resolved returns path without symbolic links, as the go command sees it.
func resolved(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	return path
}

// replaces returns the lines of a go.mod that join an application to the checkout.
func (c *checkout) replaces() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n// The modules of the library come from a checkout. To change to a release, delete these\n"+
		"// lines and run:\n//\n//\t%s\nreplace (\n", c.afterRelease())
	for _, m := range c.modules {
		fmt.Fprintf(&b, "\t%s => %s\n", m.path, modfile.AutoQuote(m.dir))
	}
	fmt.Fprintf(&b, ")\n")
	return b.String()
}

// afterRelease returns the command that requires a release instead of the checkout.
func (c *checkout) afterRelease() string {
	command := "go get"
	for _, m := range c.modules {
		command += " " + m.path + "@latest"
	}
	return command + " && go mod tidy"
}

// join returns the command that joins an existing go.mod to the checkout.
func (c *checkout) join() string {
	command := "go mod edit -tool=" + modulePath + "/cmd/beam"
	for _, m := range c.modules {
		command += " " + shellWord("-replace="+m.path+"="+m.dir)
	}
	return command
}

// workspace is a go.work for an application inside the folder of the checkout, where the
// go.work of the checkout would apply otherwise.
const workspace = `// The application is in a folder of a checkout, but is not part of the checkout's workspace.
go ` + goVersion + `

use .
`
