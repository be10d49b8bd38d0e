// Package fiber takes over sessions of the session middleware of
// [github.com/gofiber/fiber/v3/middleware/session], from the storages of github.com/gofiber/storage
// that outlive the program.
//
//	records, err := fiber.SQL(db, sqlstore.PostgreSQL, "fiber_storage")
//	…
//	old := fiber.New(records, fiber.Config{})
//
// For the storage redis, pass the records of package redisrecords, with the prefix "". For other
// storages, pass [Storage], from which only requests can take sessions over.
//
// Applications register the types of their values with [gob.Register], as before with
// Store.RegisterType. The sessions of Fiber v2 have the same form.
package fiber

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/gob"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/internal/gobvalues"
	"github.com/expanse-go/session/sqlstore"
)

// A Config has the settings of the old middleware that matter. The zero value fits its defaults.
type Config struct {
	// Cookie is the name of the cookie that Config.Extractor reads. Defaults to "session_id".
	Cookie string
}

// New returns the source of the sessions in an old storage.
func New(records sessionmigrate.Records, cfg Config) sessionmigrate.Lister {
	register()
	return &source{records, cmp.Or(cfg.Cookie, "session_id")}
}

// SQL returns the records of a table of the storages sqlite3, postgres and mysql. The name of the
// table is "fiber_storage", unless the storage was configured otherwise.
func SQL(db *sql.DB, dialect sqlstore.Dialect, table string) (sessionmigrate.Records, error) {
	now := map[sqlstore.Dialect]string{
		sqlstore.SQLite:     "CAST(strftime('%s', 'now') AS INTEGER)",
		sqlstore.PostgreSQL: "EXTRACT(EPOCH FROM current_timestamp)",
		sqlstore.MySQL:      "UNIX_TIMESTAMP()",
	}
	return sessionmigrate.SQL(db, dialect, sessionmigrate.Table{Name: table, Key: "k", Data: "v", Left: "CASE WHEN e = 0 THEN NULL ELSE e - " + now[dialect] + " END"})
}

// Storage returns the records of any storage. They cannot be enumerated.
func Storage(s interface {
	GetWithContext(ctx context.Context, key string) ([]byte, error)
}) sessionmigrate.Records {
	return storage{s}
}

type storage struct {
	of interface {
		GetWithContext(ctx context.Context, key string) ([]byte, error)
	}
}

func (s storage) Load(ctx context.Context, key string) (sessionmigrate.Record, error) {
	data, err := s.of.GetWithContext(ctx, key)
	if err == nil && data == nil {
		err = session.ErrNotFound
	}
	return sessionmigrate.Record{Key: key, Data: bytes.Clone(data)}, err
}

func (s storage) List(context.Context) iter.Seq2[sessionmigrate.Record, error] {
	return func(yield func(sessionmigrate.Record, error) bool) {
		yield(sessionmigrate.Record{}, fmt.Errorf("session: a storage of Fiber cannot enumerate its sessions: %w", errors.ErrUnsupported))
	}
}

// expiryKey stands for the type of the key under which the middleware keeps the absolute expiry.
type expiryKey int

// register registers that type, unless the program has done so by using the middleware itself, or
// package fiber is used twice.
var register = sync.OnceFunc(func() {
	defer func() { _ = recover() }() // the name is registered already
	gob.RegisterName("github.com/gofiber/fiber/v3/middleware/session.absExpirationKeyType", expiryKey(0))
})

// isExpiry reports whether a key is the one of the absolute expiry. In a program that also uses the
// middleware, it has the middleware's type.
func isExpiry(key any) bool {
	name := fmt.Sprintf("%T", key)
	return name == "session.absExpirationKeyType" || name == fmt.Sprintf("%T", expiryKey(0))
}

type source struct {
	records sessionmigrate.Records
	cookie  string
}

// Key returns the ID in the cookie. The middleware makes IDs of 36 or 43 characters, but an
// application can make others.
func (s *source) Key(r *http.Request) (sessionmigrate.Key, bool) {
	c, err := r.Cookie(s.cookie)
	if err != nil || len(c.Value) < 16 || len(c.Value) > 128 {
		return sessionmigrate.Key{}, false
	}
	return sessionmigrate.Key{ID: c.Value, Secret: c.Value}, true
}

func (s *source) Load(ctx context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	r, err := s.records.Load(ctx, k.ID)
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	return decode(k, r)
}

// List yields the sessions in the storage. Keys that other middleware keeps there do not decode.
func (s *source) List(ctx context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		for r, err := range s.records.List(ctx) {
			if err != nil {
				yield(sessionmigrate.Old{}, err)
				return
			}
			if !yield(decode(sessionmigrate.Key{ID: r.Key, Secret: r.Key}, r)) {
				return
			}
		}
	}
}

func decode(k sessionmigrate.Key, r sessionmigrate.Record) (sessionmigrate.Old, error) {
	old := sessionmigrate.Old{Key: k, ExpiresAt: r.ExpiresAt}
	var values map[any]any
	if err := gobvalues.Decode(r.Data, &values); err != nil {
		var v2 map[string]any
		if gobvalues.Decode(r.Data, &v2) != nil {
			return old, err
		}
		old.Values = v2
		return old, nil
	}
	for key, v := range values {
		if end, ok := v.(time.Time); ok && isExpiry(key) {
			if old.ExpiresAt.IsZero() || end.Before(old.ExpiresAt) {
				old.ExpiresAt = end
			}
			delete(values, key)
		}
	}
	var err error
	old.Values, err = gobvalues.Strings(values)
	return old, err
}
