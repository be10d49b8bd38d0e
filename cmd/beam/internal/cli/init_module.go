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

// goVersion is what the generated go.mod asks for: what the modules of the
// library ask for, the command line included.
const goVersion = "1.26.0"

// releasedVersion is the version of this program if it is a release; a checkout
// has none, or one that no proxy knows.
func releasedVersion() string {
	v := version()
	if !semver.IsValid(v) || semver.Prerelease(v) != "" || semver.Build(v) != "" {
		return ""
	}
	return v
}

// goMod names the library and this program in one version, so that the table
// that the migration makes is the one that the store asks for.
func (p *plan) goMod() string {
	var b strings.Builder
	fmt.Fprintf(&b, "module %s\n\ngo %s\n\ntool %s/cmd/beam\n", p.Module, goVersion, modulePath)
	if p.Version != "" {
		fmt.Fprintf(&b, "\nrequire (\n")
		for _, m := range []string{"", "/cmd/beam", "/sessionconfig"} {
			fmt.Fprintf(&b, "\t%s%s %s\n", modulePath, m, p.Version)
		}
		fmt.Fprintf(&b, ")\n")
	}
	return b.String()
}

// hasTool reports whether go.mod, which may have been there before, names this
// program, as the script beam needs.
func (a *app) hasTool() bool {
	text, err := os.ReadFile(a.path("go.mod"))
	if err != nil {
		return false
	}
	f, err := modfile.Parse("go.mod", text, nil)
	return err == nil && slices.ContainsFunc(f.Tool, func(t *modfile.Tool) bool { return t.Path == modulePath+"/cmd/beam" })
}

// tidy downloads what main.go imports. What the go command says is shown as
// progress, and in full if it fails.
func (a *app) tidy(ctx context.Context) error {
	const remedy = "when that is solved, run: go mod tidy"
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("the files are written, but the go command is not on the PATH; %s", remedy)
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
		return errors.Join(fmt.Errorf("the files are written, but go mod tidy failed; %s", remedy),
			errors.New(strings.TrimSpace(said.all.String())))
	}
	a.printf("wrote  go.sum\n")
	return nil
}

// lastLine keeps everything, and passes each line on as it comes.
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
