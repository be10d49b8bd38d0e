// Package scs takes over sessions of [github.com/alexedwards/scs/v2].
//
//	records, err := scs.SQL(db, sqlstore.PostgreSQL, "sessions")
//	…
//	old := scs.New(records, scs.Config{})
//	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
//		Until: deployed.Add(24 * time.Hour), // SessionManager.Lifetime
//		Owner: sessionmigrate.OwnerKey("user_id"),
//	})
//
// SQL reads the tables of sqlite3store, postgresstore, pgxstore and mysqlstore. For redisstore and
// goredisstore, pass the records of package redisrecords, with [RedisPrefix].
package scs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/internal/gobvalues"
	"github.com/expanse-go/session/sqlstore"
)

// RedisPrefix is the default prefix of the keys of redisstore and goredisstore.
const RedisPrefix = "scs:session:"

// A Config has the settings of the old SessionManager that matter. The zero value fits its
// defaults.
type Config struct {
	// Cookie is SessionManager.Cookie.Name. Defaults to "session".
	Cookie string

	// HashedTokens is SessionManager.HashTokenInStore. The store then has no tokens, so only
	// requests can take the sessions over, and List fails.
	HashedTokens bool

	// Decode decodes what SessionManager.Codec has encoded. Defaults to scs.GobCodec.
	// Applications register the types of their values with [gob.Register], as before.
	Decode func(data []byte) (deadline time.Time, values map[string]any, err error)
}

// New returns the source of the sessions in an old store.
func New(records sessionmigrate.Records, cfg Config) sessionmigrate.Lister {
	cfg.Cookie = cmp.Or(cfg.Cookie, "session")
	if cfg.Decode == nil {
		cfg.Decode = decode
	}
	return &source{records, cfg}
}

// SQL returns the records of a table of scs. The name of the table is "sessions", unless the
// store was configured otherwise.
func SQL(db *sql.DB, dialect sqlstore.Dialect, table string) (sessionmigrate.Records, error) {
	left := map[sqlstore.Dialect]string{
		sqlstore.SQLite:     "(expiry - julianday('now')) * 86400.0",
		sqlstore.PostgreSQL: "EXTRACT(EPOCH FROM expiry - current_timestamp)",
		sqlstore.MySQL:      "TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), expiry) / 1000000.0",
	}
	return sessionmigrate.SQL(db, dialect, sessionmigrate.Table{Name: table, Key: "token", Data: "data", Left: left[dialect]})
}

type source struct {
	records sessionmigrate.Records
	cfg     Config
}

// Key returns the token in the cookie.
func (s *source) Key(r *http.Request) (sessionmigrate.Key, bool) {
	c, err := r.Cookie(s.cfg.Cookie)
	if err != nil {
		return sessionmigrate.Key{}, false
	}
	if b, err := base64.RawURLEncoding.DecodeString(c.Value); err != nil || len(b) != 32 {
		return sessionmigrate.Key{}, false
	}
	return sessionmigrate.Key{ID: c.Value, Secret: c.Value}, true
}

// Load returns the session of a token.
func (s *source) Load(ctx context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	token := k.ID
	if s.cfg.HashedTokens {
		sum := sha256.Sum256([]byte(token))
		token = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	r, err := s.records.Load(ctx, token)
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	return s.old(k, r)
}

// List yields the sessions in the store.
func (s *source) List(ctx context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		if s.cfg.HashedTokens {
			yield(sessionmigrate.Old{}, errors.New("session: the old store has only hashes of the tokens (HashTokenInStore), so requests have to take over the sessions"))
			return
		}
		for r, err := range s.records.List(ctx) {
			if err != nil {
				yield(sessionmigrate.Old{}, err)
				return
			}
			if !yield(s.old(sessionmigrate.Key{ID: r.Key, Secret: r.Key}, r)) {
				return
			}
		}
	}
}

func (s *source) old(k sessionmigrate.Key, r sessionmigrate.Record) (sessionmigrate.Old, error) {
	old := sessionmigrate.Old{Key: k, ExpiresAt: r.ExpiresAt}
	deadline, values, err := s.cfg.Decode(r.Data)
	if err != nil {
		if !errors.Is(err, session.ErrCorrupt) {
			err = fmt.Errorf("session: the old session does not decode: %w: %w", err, session.ErrCorrupt)
		}
		return old, err
	}
	if old.ExpiresAt.IsZero() || !deadline.IsZero() && deadline.Before(old.ExpiresAt) {
		old.ExpiresAt = deadline
	}
	old.Values = values
	return old, nil
}

func decode(data []byte) (time.Time, map[string]any, error) {
	var aux struct {
		Deadline time.Time
		Values   map[string]any
	}
	err := gobvalues.Decode(data, &aux)
	return aux.Deadline, aux.Values, err
}
