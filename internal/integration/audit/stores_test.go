package audit

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/pgxstore"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sqlstore"
)

// A backend is a kind of store.
type backend struct {
	name string
	open func(tb testing.TB) opened
}

// An opened is an empty store.
type opened struct {
	store session.Store
	dump  func(tb testing.TB) []byte // all that whoever reads the store can see
	query func(tb testing.TB, statement string) int
	redis *redis.Client
	keys  string // pattern of the keys of Redis
	dir   string // of the file store
}

var backends = []backend{
	{"memory", openMemory},
	{"file", openFile},
	{"SQLite", openSQLite},
	{"PostgreSQL", openPostgres},
	{"MariaDB", openMariaDB},
	{"Redis", openRedis},
}

// each runs a test on every store.
func each(t *testing.T, test func(t *testing.T, o opened)) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) { test(t, b.open(t)) })
	}
}

func must[T any](v T, err error) func(tb testing.TB) T {
	return func(tb testing.TB) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

func openMemory(testing.TB) opened {
	s := memstore.New(memstore.Config{})
	return opened{store: s, dump: func(tb testing.TB) []byte {
		var all bytes.Buffer
		for r, err := range s.List(tb.Context()) {
			if err != nil {
				tb.Fatal(err)
			}
			fmt.Fprintf(&all, "%s %s %+v ", r.ID, r.Owner, r.Client)
			all.Write(r.Data)
		}
		return all.Bytes()
	}}
}

func openFile(tb testing.TB) opened {
	dir := filepath.Join(tb.TempDir(), "sessions")
	s := must(filestore.Open(dir, filestore.Config{}))(tb)
	tb.Cleanup(func() { s.Close() })
	return opened{store: s, dir: dir, dump: func(tb testing.TB) []byte { return files(tb, dir) }}
}

// files returns the names and contents of all files in a folder.
func files(tb testing.TB, dir string) []byte {
	tb.Helper()
	var all bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		fmt.Fprintln(&all, path)
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return all.Bytes()
}

func openSQLite(tb testing.TB) opened {
	dir := tb.TempDir()
	db := connect(tb, "sqlite", "file:"+filepath.Join(dir, "test.db")+"?_pragma=busy_timeout(1000)")
	o := openSQL(tb, db, sqlstore.SQLite, nil, sqlstore.Config{})
	o.dump = func(tb testing.TB) []byte { return files(tb, dir) } // with the log and free pages
	return o
}

func openPostgres(tb testing.TB) opened {
	dsn, schema := testserver.DSN(tb, testserver.Postgres), testserver.Name()
	db := connect(tb, "pgx", dsn)
	execute(tb, db, `CREATE SCHEMA "`+schema+`"`)
	tb.Cleanup(func() { execute(tb, db, `DROP SCHEMA "`+schema+`" CASCADE`) })
	return openSQL(tb, db, sqlstore.PostgreSQL, func(tb testing.TB) session.Store {
		s := must(pgxstore.Open(context.Background(), dsn, schema, ""))(tb)
		tb.Cleanup(func() { s.Close() })
		return s
	}, sqlstore.Config{Schema: schema})
}

func openMariaDB(tb testing.TB) opened {
	dsn, name := testserver.DSN(tb, testserver.MySQL), testserver.Name()
	admin := connect(tb, "mysql", dsn)
	execute(tb, admin, "CREATE DATABASE `"+name+"`")
	tb.Cleanup(func() { execute(tb, admin, "DROP DATABASE `"+name+"`") })
	cfg := must(mysql.ParseDSN(dsn))(tb)
	cfg.DBName = name
	return openSQL(tb, connect(tb, "mysql", cfg.FormatDSN()), sqlstore.MySQL, nil, sqlstore.Config{})
}

func connect(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db := must(sql.Open(driver, dsn))(tb)
	tb.Cleanup(func() { db.Close() })
	return db
}

func execute(tb testing.TB, db *sql.DB, statement string) {
	tb.Helper()
	if _, err := db.ExecContext(context.Background(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// openSQL creates the table, and opens a store on it. Without open, this is a sqlstore.
func openSQL(tb testing.TB, db *sql.DB, d sqlstore.Dialect, open func(testing.TB) session.Store, cfg sqlstore.Config) opened {
	tb.Helper()
	for _, m := range must(sqlstore.Migrations(d, cfg))(tb) {
		for _, statement := range m.Statements() {
			execute(tb, db, statement)
		}
	}
	if open == nil {
		open = func(tb testing.TB) session.Store {
			s := must(sqlstore.New(db, d, cfg))(tb)
			tb.Cleanup(func() { s.Close() })
			return s
		}
	}
	table := sqlstore.DefaultTable
	if cfg.Schema != "" {
		table = `"` + cfg.Schema + `".` + table
	}
	return opened{
		store: open(tb),
		dump:  func(tb testing.TB) []byte { return rows(tb, db, "SELECT * FROM "+table) },
		query: func(tb testing.TB, where string) (n int) {
			tb.Helper()
			if err := db.QueryRowContext(tb.Context(), "SELECT COUNT(*) FROM "+table+where).Scan(&n); err != nil {
				tb.Fatal(err)
			}
			return n
		},
	}
}

// rows returns all values of a query.
func rows(tb testing.TB, db *sql.DB, query string) []byte {
	tb.Helper()
	found := must(db.QueryContext(tb.Context(), query))(tb)
	defer found.Close()
	columns := must(found.Columns())(tb)
	var all bytes.Buffer
	for found.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := found.Scan(values...); err != nil {
			tb.Fatal(err)
		}
		for _, v := range values {
			if b, ok := (*v.(*any)).([]byte); ok {
				all.Write(b)
				continue
			}
			fmt.Fprintln(&all, *v.(*any))
		}
	}
	if err := found.Err(); err != nil {
		tb.Fatal(err)
	}
	return all.Bytes()
}

func openRedis(tb testing.TB) opened {
	dsn, prefix := testserver.DSN(tb, testserver.Redis), testserver.Name()+":"
	s := must(redisstore.Open(tb.Context(), dsn, prefix))(tb)
	client := redis.NewClient(must(redis.ParseURL(dsn))(tb))
	o := opened{store: s, redis: client, keys: prefix + "*"}
	o.dump = func(tb testing.TB) []byte {
		var all bytes.Buffer
		for _, key := range o.scan(tb) {
			fmt.Fprintln(&all, key)
			switch kind := must(client.Type(tb.Context(), key).Result())(tb); kind {
			case "string":
				all.WriteString(must(client.Get(tb.Context(), key).Result())(tb))
			case "hash":
				fmt.Fprintln(&all, must(client.HGetAll(tb.Context(), key).Result())(tb))
			case "zset":
				fmt.Fprintln(&all, must(client.ZRange(tb.Context(), key, 0, -1).Result())(tb))
			default:
				tb.Fatalf("%s is a %s, which this test cannot read", key, kind)
			}
		}
		return all.Bytes()
	}
	tb.Cleanup(func() {
		for _, key := range o.scan(tb) {
			client.Del(context.Background(), key)
		}
		s.Close()
		client.Close()
	})
	return o
}

// scan returns the keys of a store on Redis.
func (o opened) scan(tb testing.TB) (keys []string) {
	tb.Helper()
	for it := o.redis.Scan(context.Background(), 0, o.keys, 1000).Iterator(); it.Next(context.Background()); {
		keys = append(keys, it.Val())
	}
	return keys
}
