package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// goVersion is the Go version in the generated go.mod, the same as in the modules of the
// library.
const goVersion = "1.26.0"

// releasedVersion returns the version of this program, or "" if it is not a release. A
// development build has no version, or one that no module proxy knows.
func releasedVersion() string {
	v := version()
	if !semver.IsValid(v) || semver.Prerelease(v) != "" || semver.Build(v) != "" {
		return ""
	}
	return v
}

// goMod returns a go.mod that requires the library and this program at the same version, so
// that the migration creates the table that the store needs.
func (p *plan) goMod() string {
	var b strings.Builder
	fmt.Fprintf(&b, "module %s\n\ngo %s\n\ntool %s/cmd/beam\n", p.Module, goVersion, modulePath)
	if p.Version != "" {
		fmt.Fprintf(&b, "\nrequire (\n")
		modules := []string{"", "/cmd/beam"}
		if p.Postgres {
			modules = append(modules, "/pgxstore")
		}
		if p.Redis {
			modules = append(modules, "/redisstore")
		}
		for _, m := range append(modules, "/sessionconfig") {
			fmt.Fprintf(&b, "\t%s%s %s\n", modulePath, m, p.Version)
		}
		fmt.Fprintf(&b, ")\n")
	}
	if p.checkout != nil {
		b.WriteString(p.checkout.replaces())
	}
	return b.String()
}

// modulePath returns the path of the module in the current folder, "" if there is none.
func (a *app) modulePath() string {
	text, err := os.ReadFile(a.path("go.mod"))
	if err != nil {
		return ""
	}
	return modfile.ModulePath(text)
}

// hasTool reports whether go.mod has the tool directive that the script beam needs. An
// existing go.mod may lack it.
func (a *app) hasTool() bool {
	text, err := os.ReadFile(a.path("go.mod"))
	if err != nil {
		return false
	}
	f, err := modfile.Parse("go.mod", text, nil)
	return err == nil && slices.ContainsFunc(f.Tool, func(t *modfile.Tool) bool { return t.Path == modulePath+"/cmd/beam" })
}

// tidy runs go mod tidy, which downloads what main.go imports. It shows the output as
// progress, and completely if the command fails.
func (a *app) tidy(ctx context.Context) error {
	const remedy = "fix this, then run: go mod tidy"
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("the files were written, but the go command is not in PATH; %s", remedy)
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "tidy")
	cmd.Dir, cmd.Env = a.dir, a.environ
	p := a.begin("go mod tidy")
	said := &lastLine{say: p.say}
	cmd.Stdout, cmd.Stderr = said, said
	err := cmd.Run()
	p.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the files were written, but go mod tidy failed; %s", remedy),
			errors.New(strings.TrimSpace(said.all.String())))
	}
	a.printf("wrote  go.sum\n")
	return nil
}

// lastLine collects all output, and passes the latest line to say.
type lastLine struct {
	all bytes.Buffer
	say func(format string, args ...any)
}

func (l *lastLine) Write(b []byte) (int, error) {
	l.all.Write(b)
	text := strings.TrimSpace(string(b))
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	if text != "" {
		l.say("%s", text)
	}
	return len(b), nil
}
