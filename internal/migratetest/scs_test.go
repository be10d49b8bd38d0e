package migratetest

import (
	"database/sql"
	"encoding/gob"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/mysqlstore"
	"github.com/alexedwards/scs/pgxstore"
	"github.com/alexedwards/scs/postgresstore"
	"github.com/alexedwards/scs/redisstore"
	"github.com/alexedwards/scs/sqlite3store"
	oldscs "github.com/alexedwards/scs/v2"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session/internal/testserver"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
	"github.com/expanse-go/session/sessionmigrate/scs"
	"github.com/expanse-go/session/sqlstore"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

func init() { gob.Register(time.Time{}) }

// onSCS returns an application on scs.
func onSCS(store oldscs.Store, records sessionmigrate.Records) old {
	manager := oldscs.New()
	manager.Store = store
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if err := manager.RenewToken(ctx); err != nil {
			panic(err)
		}
		manager.Put(ctx, "user_id", 42)
		manager.Put(ctx, "name", "Ana")
		manager.Put(ctx, "visits", int64(7))
		manager.Put(ctx, "cart", []string{"tea", "milk"})
		manager.Put(ctx, "seen", seen)
	})
	mux.HandleFunc("/visit", func(_ http.ResponseWriter, r *http.Request) { manager.Put(r.Context(), "name", "guest") })
	mux.HandleFunc("/logout", func(_ http.ResponseWriter, r *http.Request) {
		if err := manager.Destroy(r.Context()); err != nil {
			panic(err)
		}
	})
	return old{handler: manager.LoadAndSave(mux), source: scs.New(records, scs.Config{})}
}

func TestSCS(t *testing.T) {
	t.Run("sqlite3store", func(t *testing.T) {
		db := sqlite(t)
		statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)")
		laws(t, onSCS(sqlite3store.NewWithCleanupInterval(db, 0), must(scs.SQL(db, sqlstore.SQLite, "sessions"))))
	})
	t.Run("postgresstore", func(t *testing.T) {
		db, _ := postgres(t)
		statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)")
		laws(t, onSCS(postgresstore.NewWithCleanupInterval(db, 0), must(scs.SQL(db, sqlstore.PostgreSQL, "sessions"))))
	})
	t.Run("pgxstore", func(t *testing.T) {
		db, dsn := postgres(t)
		statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)")
		pool, err := pgxpool.New(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		laws(t, onSCS(pgxstore.NewWithCleanupInterval(pool, 0), must(scs.SQL(db, sqlstore.PostgreSQL, "sessions"))))
	})
	t.Run("mysqlstore", func(t *testing.T) {
		db := mariadb(t)
		statement(t, db, "CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL)")
		laws(t, onSCS(mysqlstore.NewWithCleanupInterval(db, 0), must(scs.SQL(db, sqlstore.MySQL, "sessions"))))
	})
	t.Run("goredisstore", func(t *testing.T) {
		client, prefix := redisClient(t)
		laws(t, onSCS(goredisstore.NewWithPrefix(client, prefix), redisrecords.New(client, prefix)))
	})
	t.Run("redisstore", func(t *testing.T) {
		client, prefix := redisClient(t)
		laws(t, onSCS(redisstore.NewWithPrefix(redigoPool(t), prefix), redisrecords.New(client, prefix)))
	})
}

// The idle timeout of scs is in the column, and its lifetime in the data. A session that has
// expired by either is not taken over.
func TestSCSExpiry(t *testing.T) {
	db := sqlite(t)
	statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)")
	store := sqlite3store.NewWithCleanupInterval(db, 0)
	records := must(scs.SQL(db, sqlstore.SQLite, "sessions"))
	o := onSCS(store, records)
	cookie := o.visit(t, "/login")
	old, err := o.source.Load(t.Context(), sessionmigrate.Key{ID: cookie.Value, Secret: cookie.Value})
	if left := time.Until(old.ExpiresAt); err != nil || left < 23*time.Hour || left > 24*time.Hour+time.Second {
		t.Errorf("the session expires in %v, %v; want a day", left, err)
	}
	for column, deadline := range map[time.Duration]time.Duration{-time.Second: time.Hour, time.Hour: -time.Second} {
		data, err := oldscs.GobCodec{}.Encode(time.Now().Add(deadline), map[string]any{"user_id": 42})
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Commit(cookie.Value, data, time.Now().Add(column)); err != nil {
			t.Fatal(err)
		}
		if p := newApp(t, o).get("/", cookie); p.Owner != "" {
			t.Errorf("the column expires in %v, the deadline is in %v: taken over", column, deadline)
		}
	}
}

// With HashTokenInStore, requests can take sessions over, and List says why it can't.
func TestSCSHashedTokens(t *testing.T) {
	db := sqlite(t)
	statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)")
	manager := oldscs.New()
	manager.Store = sqlite3store.NewWithCleanupInterval(db, 0)
	manager.HashTokenInStore = true
	manager.Cookie.Name = "sid"
	h := manager.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { manager.Put(r.Context(), "user_id", 42) }))
	source := scs.New(must(scs.SQL(db, sqlstore.SQLite, "sessions")), scs.Config{HashedTokens: true, Cookie: "sid"})
	o := old{handler: h, source: source}
	if p := newApp(t, o).get("/", o.visit(t, "/")); p.Owner != "42" {
		t.Errorf("got %+v", p)
	}
	for _, err := range source.List(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "HashTokenInStore") {
			t.Errorf("List: %v", err)
		}
	}
}

// The old record has the type of another program. The error says what to do.
func TestSCSUnregisteredType(t *testing.T) {
	type basket struct{ N int }
	gob.RegisterName("example.com/shop.Basket", basket{})
	b, err := oldscs.GobCodec{}.Encode(time.Now().Add(time.Hour), map[string]any{"basket": basket{1}})
	if err != nil {
		t.Fatal(err)
	}
	b = []byte(strings.Replace(string(b), "example.com/shop.Basket", "example.com/shop.Bucket", 1))
	_, err = scs.New(one(b), scs.Config{}).Load(t.Context(), sessionmigrate.Key{ID: "x", Secret: "x"})
	if err == nil || !strings.Contains(err.Error(), "gob.Register") || !strings.Contains(err.Error(), "example.com/shop.Bucket") {
		t.Errorf("error %v", err)
	}
}

func sqlite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "old.db"))+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func postgres(t *testing.T) (db *sql.DB, dsn string) {
	t.Helper()
	return newDatabase(t, "pgx", testserver.DSN(t, testserver.Postgres), `"`)
}

func mariadb(t *testing.T) *sql.DB {
	t.Helper()
	db, _ := newDatabase(t, "mysql", testserver.DSN(t, testserver.MySQL), "`")
	return db
}

func redisClient(t *testing.T) (client *redis.Client, prefix string) {
	t.Helper()
	opts, err := redis.ParseURL(testserver.DSN(t, testserver.Redis))
	if err != nil {
		t.Fatal(err)
	}
	client = redis.NewClient(opts)
	t.Cleanup(func() { client.Close() })
	return client, testserver.Name() + ":"
}

func redigoPool(t *testing.T) *redigo.Pool {
	t.Helper()
	server := testserver.DSN(t, testserver.Redis)
	pool := &redigo.Pool{MaxIdle: 5, Dial: func() (redigo.Conn, error) { return redigo.DialURL(server) }}
	t.Cleanup(func() { pool.Close() })
	return pool
}
