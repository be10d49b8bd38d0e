package migratetest

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	fibersession "github.com/gofiber/fiber/v3/middleware/session"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session/sessionmigrate"
	sessionfiber "github.com/expanse-go/session/sessionmigrate/fiber"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
	"github.com/expanse-go/session/sqlstore"
)

// onFiber returns an application on the session middleware of Fiber.
func onFiber(storage fiber.Storage, source func() sessionmigrate.Source) old {
	app := fiber.New()
	app.Use(fibersession.New(fibersession.Config{Storage: storage, AbsoluteTimeout: 24 * time.Hour}))
	app.Get("/:action", func(c fiber.Ctx) error {
		s, values := fibersession.FromContext(c), map[any]any{}
		fill("/"+c.Params("action"), values)
		for k, v := range values {
			s.Set(k, v)
		}
		if c.Params("action") == "logout" {
			return s.Destroy()
		}
		return nil
	})
	return old{handler: adaptor.FiberApp(app), source: source()}
}

func TestFiber(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		db := sqlite(t)
		statement(t, db, "CREATE TABLE fiber_storage (k VARCHAR(64) PRIMARY KEY NOT NULL DEFAULT '', v BLOB NOT NULL, e BIGINT NOT NULL DEFAULT '0')")
		laws(t, onFiber(&table{db: db}, func() sessionmigrate.Source {
			return sessionfiber.New(must(sessionfiber.SQL(db, sqlstore.SQLite, "fiber_storage")), sessionfiber.Config{})
		}))
	})
	t.Run("redis", func(t *testing.T) {
		client, prefix := redisClient(t)
		laws(t, onFiber(&keys{client: client, prefix: prefix}, func() sessionmigrate.Source {
			return sessionfiber.New(redisrecords.New(client, prefix), sessionfiber.Config{})
		}))
	})
	t.Run("storage", func(t *testing.T) {
		client, prefix := redisClient(t)
		storage := &keys{client: client, prefix: prefix}
		laws(t, onFiber(storage, func() sessionmigrate.Source {
			return sessionfiber.New(sessionfiber.Storage(storage), sessionfiber.Config{})
		}))
	})
}

// A table is a storage in the form of github.com/gofiber/storage/sqlite3.
type table struct {
	fiber.Storage // what is not needed

	db *sql.DB
}

func (s *table) GetWithContext(ctx context.Context, key string) ([]byte, error) {
	var v []byte
	err := s.db.QueryRowContext(ctx, "SELECT v FROM fiber_storage WHERE k = ? AND (e = 0 OR e > ?)", key, time.Now().Unix()).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return v, err
}

func (s *table) SetWithContext(ctx context.Context, key string, v []byte, exp time.Duration) error {
	_, err := s.db.ExecContext(ctx, "INSERT OR REPLACE INTO fiber_storage (k, v, e) VALUES (?, ?, ?)", key, v, time.Now().Add(exp).Unix())
	return err
}

func (s *table) DeleteWithContext(ctx context.Context, key string) error {
	_, err := s.db.ExecContext(ctx, "DELETE FROM fiber_storage WHERE k = ?", key)
	return err
}

// A keys is a storage in the form of github.com/gofiber/storage/redis.
type keys struct {
	fiber.Storage

	client redis.UniversalClient
	prefix string
}

func (s *keys) GetWithContext(ctx context.Context, key string) ([]byte, error) {
	v, err := s.client.Get(ctx, s.prefix+key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return v, err
}

func (s *keys) SetWithContext(ctx context.Context, key string, v []byte, exp time.Duration) error {
	return s.client.Set(ctx, s.prefix+key, v, exp).Err()
}

func (s *keys) DeleteWithContext(ctx context.Context, key string) error {
	return s.client.Del(ctx, s.prefix+key).Err()
}
