package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/mod/modfile"
)

func checkout(t *testing.T) *repo {
	t.Helper()
	r, err := openRepo(".")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestModulesAreThoseOnDisk(t *testing.T) {
	r := checkout(t)
	var got []string
	for _, m := range r.modules {
		got = append(got, m.dir)
	}
	var want []string
	err := filepath.WalkDir(r.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".cache" || d.Name() == "dist" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if d.Name() == "go.mod" {
			dir, err := filepath.Rel(r.root, filepath.Dir(name))
			want = append(want, filepath.ToSlash(dir))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("modules.txt lists %q, want the folders with a go.mod, sorted: %q", got, want)
	}
	for _, m := range r.modules {
		if want := path.Join("github.com/expanse-go/session", m.dir); m.path != want {
			t.Errorf("%s/go.mod: module %s, want %s", m.dir, m.path, want)
		}
	}
}

func TestWorkspaceHasEveryModule(t *testing.T) {
	r := checkout(t)
	file := filepath.Join(r.root, "go.work")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	work, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	var uses []string
	for _, use := range work.Use {
		uses = append(uses, path.Clean(use.Path))
	}
	slices.Sort(uses)
	replaces := make(map[string]string)
	for _, rep := range work.Replace {
		replaces[rep.Old.String()] = path.Clean(rep.New.Path)
	}
	var dirs []string
	for _, m := range r.modules {
		dirs = append(dirs, m.dir)
		if !m.released {
			continue
		}
		if got := replaces[m.path+"@"+r.version]; got != m.dir {
			t.Errorf("go.work: replace %s %s => %q, want ./%s", m.path, r.version, got, m.dir)
		}
	}
	if !slices.Equal(uses, dirs) {
		t.Errorf("go.work uses %q, want the folders of modules.txt %q", uses, dirs)
	}
}

// What is wrong in a go.mod at a release stays wrong for ever.
func TestModulesCouldBeReleased(t *testing.T) {
	r := checkout(t)
	for _, m := range r.modules {
		if err := r.checkRequires(m); err != nil {
			t.Error(err)
		}
	}
}

func TestReadModulesRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"unknown state":  ".  published\n",
		"missing state":  ".\n",
		"missing module": ".  released\nnowhere  released\n",
		"root not first": "sub  released\n.  released\n",
		"empty":          "# nothing\n",
	} {
		t.Run(name, func(t *testing.T) {
			root := fixture(t)
			write(t, root, "modules.txt", text)
			if got, err := readModules(root); err == nil {
				t.Errorf("got %v, want an error", got)
			}
		})
	}
}

func TestOpenRepoOutside(t *testing.T) {
	if r, err := openRepo(t.TempDir()); err == nil {
		t.Errorf("got %s, want an error outside a checkout", r.root)
	}
}
