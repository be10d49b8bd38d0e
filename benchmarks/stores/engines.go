package stores

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sqlstore"
)

// engines returns functions that make an empty place for each store that can run here.
func engines(dir, driver string) []func() (engine, error) {
	all := []func() (engine, error){
		memoryEngine,
		func() (engine, error) { return fileEngine(dir) },
		func() (engine, error) { return sqliteEngine(dir, driver) },
	}
	if server := os.Getenv("SESSION_TEST_POSTGRES"); server != "" {
		all = append(all, func() (engine, error) { return postgresEngine(server) })
	}
	if server := os.Getenv("SESSION_TEST_MYSQL"); server != "" {
		all = append(all, func() (engine, error) { return mariaEngine(server) })
	}
	if server := os.Getenv("SESSION_TEST_REDIS"); server != "" {
		all = append(all, func() (engine, error) { return redisEngine(server) })
	}
	return all
}

func nothing() error { return nil }

func memoryEngine() (engine, error) {
	return engine{
		name: "memory",
		open: func(string) (session.Store, func() error, error) {
			return memstore.New(memstore.Config{MaxSessions: -1, MaxBytes: -1}), nothing, nil
		},
		size: func() (int64, error) {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc), nil
		},
	}, nil
}

func fileEngine(dir string) (engine, error) {
	folder, err := os.MkdirTemp(dir, "footprint-")
	return engine{
		name: "file",
		most: 5000, // each is a file that is synced, and takes as many blocks as any other
		open: func(string) (session.Store, func() error, error) {
			s, err := filestore.Open(filepath.Join(folder, "sessions"), filestore.Config{})
			return s, nothing, err
		},
		size:   func() (int64, error) { return diskUsage(folder) },
		remove: func() error { return os.RemoveAll(folder) },
	}, err
}

// diskUsage returns the bytes that the blocks of all files and folders take.
func diskUsage(folder string) (n int64, err error) {
	err = filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		var s syscall.Stat_t
		if err == nil {
			err = syscall.Lstat(path, &s)
		}
		n += s.Blocks * 512
		return err
	})
	return n, err
}

// sqliteEngine switches automatic checkpoints off, so that the size of the log tells what was
// written to it.
func sqliteEngine(dir, driver string) (engine, error) {
	folder, err := os.MkdirTemp(dir, "footprint-")
	if err != nil {
		return engine{}, err
	}
	file := filepath.Join(folder, "bench.db")
	db, err := sql.Open(sqliteDriver(driver), sqliteDSN(file, driver, "FULL")+"&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		return engine{}, err
	}
	pool(db)
	checkpoint := func() error {
		var busy, pages, moved int
		err := db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
		if err == nil && busy != 0 {
			err = errors.New("the checkpoint was blocked")
		}
		return err
	}
	return engine{
		name: "SQLite FULL",
		open: func(string) (session.Store, func() error, error) {
			s, err := newSQLStore(db, sqlstore.SQLite)
			return s, db.Close, err
		},
		size: func() (int64, error) {
			if err := checkpoint(); err != nil {
				return 0, err
			}
			info, err := os.Stat(file)
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		},
		log: func() (int64, error) {
			info, err := os.Stat(file + "-wal")
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		},
		checkpoint: checkpoint,
		remove:     func() error { return os.RemoveAll(folder) },
	}, nil
}

func postgresEngine(server string) (engine, error) {
	dsn, err := postgresSchema(server, "footprint")
	if err != nil {
		return engine{}, err
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return engine{}, err
	}
	admin, err := sql.Open("pgx", dsn)
	if err != nil {
		return engine{}, err
	}
	if err := migrate(admin, sqlstore.PostgreSQL); err != nil {
		return engine{}, err
	}
	var backend int
	if err := admin.QueryRow("SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return engine{}, err
	}
	parent, err := processStat(backend)
	if err != nil {
		return engine{}, fmt.Errorf("the server must run on this machine: %w", err)
	}
	one := func(query string) func() (int64, error) {
		return func() (n int64, err error) {
			err = admin.QueryRow(query).Scan(&n)
			return n, err
		}
	}
	return engine{
		name: "PostgreSQL",
		open: func(through string) (session.Store, func() error, error) {
			place := *u
			if through != "" {
				place.Host = through
			}
			db, err := sql.Open("pgx", place.String())
			if err != nil {
				return nil, nil, err
			}
			pool(db)
			s, err := checked(db, sqlstore.PostgreSQL)
			return s, db.Close, err
		},
		server:     u.Host,
		size:       one("SELECT pg_total_relation_size('sessions')"),
		log:        one("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"),
		checkpoint: func() error { _, err := admin.Exec("CHECKPOINT"); return err },
		cpu:        func() (time.Duration, error) { return familyCPU(parent.parent) },
		remove: func() error {
			_, err := admin.Exec("DROP TABLE sessions")
			return errors.Join(err, admin.Close())
		},
	}, nil
}

func mariaEngine(server string) (engine, error) {
	admin, err := mariaDatabase(server, "footprint")
	if err != nil {
		return engine{}, err
	}
	if err := migrate(admin, sqlstore.MySQL); err != nil {
		return engine{}, err
	}
	cfg, err := mysql.ParseDSN(server)
	if err != nil {
		return engine{}, err
	}
	cfg.DBName = "bench_footprint"
	var file string
	if err := admin.QueryRow("SELECT @@pid_file").Scan(&file); err != nil {
		return engine{}, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return engine{}, fmt.Errorf("the server must run on this machine: %w", err)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text)))
	if err != nil {
		return engine{}, err
	}
	one := func(query string) func() (int64, error) {
		return func() (n int64, err error) {
			err = admin.QueryRow(query).Scan(&n)
			return n, err
		}
	}
	return engine{
		name: "MariaDB",
		open: func(through string) (session.Store, func() error, error) {
			place := cfg.Clone()
			if through != "" {
				place.Addr = through
			}
			db, err := sql.Open("mysql", place.FormatDSN())
			if err != nil {
				return nil, nil, err
			}
			pool(db)
			s, err := checked(db, sqlstore.MySQL)
			return s, db.Close, err
		},
		server: cfg.Addr,
		size:   one("SELECT file_size FROM information_schema.innodb_sys_tablespaces WHERE name = 'bench_footprint/sessions'"),
		log:    one("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_lsn_current'"),
		// A page goes to the log as its changes, never as a whole, so a checkpoint changes nothing.
		checkpoint: nothing,
		cpu:        func() (time.Duration, error) { return familyCPU(pid) },
		remove: func() error {
			_, err := admin.Exec("DROP DATABASE bench_footprint")
			return errors.Join(err, admin.Close())
		},
	}, nil
}

// checked returns a store on a table that exists.
func checked(db *sql.DB, d sqlstore.Dialect) (*sqlstore.Store, error) {
	s, err := sqlstore.New(db, d, sqlstore.Config{})
	if err == nil {
		err = s.Check(context.Background())
	}
	return s, err
}

// A processState is what Linux knows of a process.
type processState struct {
	parent int
	used   time.Duration // of the process, and of its children that have ended
}

// processStat reads /proc/PID/stat, in which times are hundredths of a second.
func processStat(pid int) (p processState, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // after the name of the program
	fields := strings.Fields(rest)
	const parent, first, last = 1, 11, 14 // utime, stime, cutime and cstime
	if len(fields) <= last {
		return p, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields))
	}
	if p.parent, err = strconv.Atoi(fields[parent]); err != nil {
		return p, err
	}
	for _, field := range fields[first : last+1] {
		ticks, err := strconv.Atoi(field)
		if err != nil {
			return p, err
		}
		p.used += time.Duration(ticks) * 10 * time.Millisecond
	}
	return p, nil
}

// familyCPU returns the processor time of a process and its children.
func familyCPU(pid int) (time.Duration, error) {
	head, err := processStat(pid)
	if err != nil {
		return 0, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	total := head.used
	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := processStat(child); err == nil && s.parent == pid { // others have ended meanwhile
			total += s.used
		}
	}
	return total, nil
}
