package main

import (
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/expanse-go/session/internal/respawn"
)

// programs are those that the scripts and the tests run. Each beam runs the real main in its
// own process.
var programs = map[string]func(){
	"application": application,
	"beam":        main,
	"replica":     replica,
	"seed":        seed,
}

// TestMain lets the test binary act as the programs.
func TestMain(m *testing.M) { testscript.Main(plainly{m}, programs) }

// A plainly runs the tests with programs that have no race detector: there are hundreds of them,
// and the packages below test the same code with it. With -long, they have it.
type plainly struct{ *testing.M }

func (p plainly) Run() int {
	flag.Parse()
	if !*long {
		remove, err := linkPlain()
		if remove != nil {
			defer remove()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return p.M.Run()
}

// linkPlain puts the programs without the race detector first on the PATH.
func linkPlain() (remove func(), err error) {
	program, removeProgram, err := respawn.Plain()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "programs-")
	remove = func() {
		removeProgram()
		_ = os.RemoveAll(dir)
	}
	for name := range programs {
		err = errors.Join(err, os.Symlink(program, filepath.Join(dir, name)))
	}
	return remove, errors.Join(err, os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")))
}

var long = flag.Bool("long", false, "run the programs with the race detector, which takes ten times as long")

// TestScript runs the scripts in testdata/script, which cover every command and every error
// of the command line.
func TestScript(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { busy.Close() })
	testscript.Run(t, params("script", map[string]string{
		"BUSY_PORT": strconv.Itoa(busy.Addr().(*net.TCPAddr).Port),
		"DEMO_URL":  demoServer(t),
		"LOSSY_URL": lossyServer(t),
	}))
}

// params returns the parameters for the scripts in testdata/dir. Each script gets the given
// variables and its own home folder.
func params(dir string, env map[string]string) testscript.Params {
	return testscript.Params{
		Dir:                 filepath.Join("testdata", dir),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir+"/home")
			e.Setenv("XDG_CACHE_HOME", e.WorkDir+"/home/cache")
			for name, value := range env {
				e.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":     code,
			"together": together,
			"sql":      statement,
		},
	}
}

// code runs a program and checks its exit code: code 2 beam nonsense.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// statement runs SQL on the database of the script: sql 'DROP TABLE sessions'. With "!", it
// must fail.
func statement(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] sql STATEMENT")
	}
	driver, dsn := ts.Getenv("DB_CONNECTIONS__MAIN__DRIVER"), ts.Getenv("DB_CONNECTIONS__MAIN__DSN")
	switch driver {
	case "postgres":
		driver = "pgx"
	case "":
		driver, dsn = "sqlite", ts.MkAbs("app.db")
	}
	db, err := sql.Open(driver, dsn)
	ts.Check(err)
	defer db.Close()
	if _, err = db.Exec(args[0]); neg && err == nil {
		ts.Fatalf("the statement succeeds, and should fail")
	} else if !neg {
		ts.Check(err)
	}
}

// together runs a program in several processes at once, and fails if any of them fails:
// together 5 beam db migrate. The outputs are written to out.0, out.1, …
func together(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: together N program args...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	program, err := exec.LookPath(args[1])
	ts.Check(err)
	cmds := make([]*exec.Cmd, n)
	for i := range cmds {
		out, err := os.Create(ts.MkAbs("out." + strconv.Itoa(i)))
		ts.Check(err)
		defer out.Close()
		cmds[i] = exec.Command(program, args[2:]...)
		cmds[i].Dir, cmds[i].Env = ts.MkAbs("."), environ(ts)
		cmds[i].Stdout, cmds[i].Stderr = out, out
	}
	for _, c := range cmds {
		ts.Check(c.Start())
	}
	failed := ""
	for i, c := range cmds {
		if err := c.Wait(); err != nil {
			failed += "process " + strconv.Itoa(i) + ": " + err.Error() + "\n" + ts.ReadFile("out."+strconv.Itoa(i))
		}
	}
	if failed != "" {
		ts.Fatalf("%s", failed)
	}
}

// environ returns the variables of the script that the started programs need.
func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"HOME", "PATH", "XDG_CACHE_HOME", "TMPDIR", "SESSION_STORE", "DB_CONNECTION",
		"DB_CONNECTIONS__MAIN__DRIVER", "DB_CONNECTIONS__MAIN__DSN", "SESSION_STORES__DATABASE__CONNECTION"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
