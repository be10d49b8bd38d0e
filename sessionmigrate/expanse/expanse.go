// Package expanse takes over sessions of the database store of Expanse, the Python framework.
//
//	records, err := expanse.SQL(db, sqlstore.PostgreSQL, "sessions", 2*time.Hour) // lifetime
//	…
//	old := expanse.New(records, expanse.Config{Cookie: "myapp_session"})
//	…
//	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
//		Until: deployed.Add(2 * time.Hour),
//		Owner: sessionmigrate.OwnerKey("user_id"),
//		Map:   expanse.Map,
//	})
package expanse

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sqlstore"
)

// A Config has the settings of the old application that matter.
type Config struct {
	// Cookie is the name of the cookie, which holds the ID of the session. It is required.
	Cookie string
}

// New returns the source of the sessions in an old table.
func New(records sessionmigrate.Records, cfg Config) (sessionmigrate.Lister, error) {
	if cfg.Cookie == "" {
		return nil, errors.New("session: expanse.Config.Cookie is empty; it is the name of the old cookie")
	}
	return &source{records, cfg.Cookie}, nil
}

// SQL returns the records of a table of sessions, usually "sessions". The lifetime is the setting
// of that name.
func SQL(db *sql.DB, dialect sqlstore.Dialect, table string, lifetime time.Duration) (sessionmigrate.Records, error) {
	left := map[sqlstore.Dialect]string{
		sqlstore.SQLite:     "(julianday(last_activity) - julianday('now')) * 86400.0",
		sqlstore.PostgreSQL: "EXTRACT(EPOCH FROM last_activity - current_timestamp)",
		sqlstore.MySQL:      "TIMESTAMPDIFF(SECOND, UTC_TIMESTAMP(), last_activity)",
	}
	seconds := strconv.FormatInt(int64(lifetime/time.Second), 10)
	return sessionmigrate.SQL(db, dialect, sessionmigrate.Table{Name: table, Key: "id", Data: "payload", Left: left[dialect] + " + " + seconds})
}

type source struct {
	records sessionmigrate.Records
	cookie  string
}

// Key returns the ID in the cookie.
func (s *source) Key(r *http.Request) (sessionmigrate.Key, bool) {
	c, err := r.Cookie(s.cookie)
	if err != nil || !valid(c.Value) {
		return sessionmigrate.Key{}, false
	}
	return sessionmigrate.Key{ID: c.Value, Secret: c.Value}, true
}

// valid reports whether an ID is one that Expanse makes.
func valid(id string) bool {
	if len(id) != 40 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// Load returns the session of an ID.
func (s *source) Load(ctx context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	r, err := s.records.Load(ctx, k.ID)
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	return decode(r)
}

// List yields the sessions in the table.
func (s *source) List(ctx context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		for r, err := range s.records.List(ctx) {
			if err != nil {
				yield(sessionmigrate.Old{}, err)
				return
			}
			if valid(r.Key) && !yield(decode(r)) {
				return
			}
		}
	}
}

// decode decodes JSON in base64.
func decode(r sessionmigrate.Record) (sessionmigrate.Old, error) {
	old := sessionmigrate.Old{Key: sessionmigrate.Key{ID: r.Key, Secret: r.Key}, ExpiresAt: r.ExpiresAt}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(r.Data)))
	if err == nil && len(text) > 0 {
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		err = d.Decode(&old.Values)
	}
	if err != nil {
		return old, fmt.Errorf("session: the payload of the old session is not JSON in base64: %w: %w", err, session.ErrCorrupt)
	}
	return old, nil
}

// Map is a function for [sessionmigrate.Config].Map that leaves out the keys that only Expanse
// uses: its CSRF token and the names of flash messages.
func Map(key string, value any) (any, error) {
	if key == "_csrf_token" || key == "_flash" {
		return nil, sessionmigrate.ErrOmit
	}
	return sessionmigrate.Value(key, value)
}
