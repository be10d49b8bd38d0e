package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	gomodule "golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// writeProxy lays out the released modules below dir as the go command expects it of
// GOPROXY=file://dir: for each module MODULE/@v/ with list and, for the version,
// .info, .mod and .zip. The content is the working tree, committed or not, less what
// git ignores.
func (r *repo) writeProxy(ctx context.Context, dir string) error {
	files, err := r.output(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	commit, err := r.output(ctx, "git", "log", "-1", "--format=%cI")
	if err != nil {
		return err
	}
	when, err := time.Parse(time.RFC3339, commit)
	if err != nil {
		return err
	}
	names := strings.Split(strings.TrimSuffix(files, "\x00"), "\x00")
	for _, m := range r.modules {
		if !m.released {
			continue
		}
		if err := r.writeVersion(filepath.Join(dir, filepath.FromSlash(m.path), "@v"), m, when.UTC(), names); err != nil {
			return fmt.Errorf("%s: %w", m.dir, err)
		}
	}
	return nil
}

func (r *repo) writeVersion(dir string, m module, when time.Time, names []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(struct {
		Version string
		Time    time.Time
	}{r.version, when})
	if err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(r.folder(m), "go.mod"))
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"list": []byte(r.version + "\n"), r.version + ".info": info, r.version + ".mod": mod} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, r.version+".zip"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := zip.Create(f, gomodule.Version{Path: m.path, Version: r.version}, r.zipFiles(m, names)); err != nil {
		return err
	}
	return f.Close()
}

// zipFiles picks the files of m; zip.Create leaves out those of modules nested in it.
// A nested module without a licence gets the root's, as the go command does it.
func (r *repo) zipFiles(m module, names []string) []zip.File {
	var files []zip.File
	licensed := false
	for _, name := range names {
		below := name
		if m.dir != "." {
			var ok bool
			if below, ok = strings.CutPrefix(name, m.dir+"/"); !ok {
				continue
			}
		}
		file := zipFile{name: below, source: filepath.Join(r.root, filepath.FromSlash(name))}
		if !exists(file.source) { // deleted, but not yet committed
			continue
		}
		licensed = licensed || below == "LICENSE"
		files = append(files, file)
	}
	if !licensed {
		files = append(files, zipFile{name: "LICENSE", source: filepath.Join(r.root, "LICENSE")})
	}
	return files
}

// A zipFile is a file of the working tree under its name in the module.
type zipFile struct{ name, source string }

func (f zipFile) Path() string                 { return f.name }
func (f zipFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.source) }
func (f zipFile) Open() (io.ReadCloser, error) { return os.Open(f.source) }

func fileURL(dir string) string {
	return (&url.URL{Scheme: "file", Path: path.Join("/", filepath.ToSlash(dir))}).String()
}
