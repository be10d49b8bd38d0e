// Package laravel takes over sessions of Laravel's database driver.
//
//	records, err := laravel.SQL(db, sqlstore.MySQL, "sessions", 120*time.Minute) // SESSION_LIFETIME
//	…
//	old, err := laravel.New(records, laravel.Config{
//		Cookie: "myapp_session",
//		Keys:   []string{os.Getenv("APP_KEY")},
//	})
//	…
//	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
//		Until: deployed.Add(120 * time.Minute),
//		Owner: laravel.Owner("web"),
//		Map:   laravel.Map,
//	})
//
// The data may be serialized by PHP or as JSON, and encrypted or not. Objects of PHP classes are not
// decoded.
package laravel

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sqlstore"
)

// A Config has the settings of the old application that matter.
type Config struct {
	// Cookie is SESSION_COOKIE: the name of the cookie. It is required.
	Cookie string

	// Keys has APP_KEY, and then the keys of APP_PREVIOUS_KEYS. It is required, because Laravel
	// encrypts its cookies. While sessions are taken over, keep the first key.
	Keys []string

	// Encrypted is SESSION_ENCRYPT: the data is encrypted as well.
	Encrypted bool
}

// New returns the source of the sessions in an old table.
func New(records sessionmigrate.Records, cfg Config) (sessionmigrate.Lister, error) {
	if cfg.Cookie == "" {
		return nil, errors.New("session: laravel.Config.Cookie is empty; it is the name of the old cookie, such as laravel_session")
	}
	e, err := newEncrypter(cfg.Keys)
	if err != nil {
		return nil, err
	}
	return &source{records, cfg, e}, nil
}

// SQL returns the records of a table of sessions, usually "sessions". The lifetime is
// SESSION_LIFETIME.
func SQL(db *sql.DB, dialect sqlstore.Dialect, table string, lifetime time.Duration) (sessionmigrate.Records, error) {
	now := map[sqlstore.Dialect]string{
		sqlstore.SQLite:     "CAST(strftime('%s', 'now') AS INTEGER)",
		sqlstore.PostgreSQL: "EXTRACT(EPOCH FROM current_timestamp)",
		sqlstore.MySQL:      "UNIX_TIMESTAMP()",
	}
	left := "last_activity + " + strconv.FormatInt(int64(lifetime/time.Second), 10) + " - " + now[dialect]
	return sessionmigrate.SQL(db, dialect, sessionmigrate.Table{Name: table, Key: "id", Data: "payload", Left: left})
}

type source struct {
	records sessionmigrate.Records
	cfg     Config
	box     *encrypter
}

// Key returns the ID in the encrypted cookie.
func (s *source) Key(r *http.Request) (sessionmigrate.Key, bool) {
	c, err := r.Cookie(s.cfg.Cookie)
	if err != nil {
		return sessionmigrate.Key{}, false
	}
	text, err := url.QueryUnescape(c.Value)
	if err != nil {
		return sessionmigrate.Key{}, false
	}
	if strings.Contains(c.Value, "+") { // a plus sign that was not escaped
		text = strings.ReplaceAll(text, " ", "+")
	}
	plain, key, err := s.box.open(text)
	if err != nil {
		return sessionmigrate.Key{}, false
	}
	id, ok := strings.CutPrefix(plain, cookiePrefix(s.cfg.Cookie, key))
	if !ok || !valid(id) {
		return sessionmigrate.Key{}, false
	}
	return s.key(id), true
}

// valid reports whether an ID is one that Laravel makes.
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

// key returns the key of an ID. The cookie was encrypted, so a copy of the table is not enough to
// make it.
func (s *source) key(id string) sessionmigrate.Key {
	mac := hmac.New(sha256.New, s.box.keys[0])
	mac.Write([]byte("session/takeover/1\x00" + s.cfg.Cookie + "\x00" + id))
	return sessionmigrate.Key{ID: s.cfg.Cookie + "\x00" + id, Secret: string(mac.Sum(nil))}
}

// Load returns the session of an ID.
func (s *source) Load(ctx context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	_, id, _ := strings.Cut(k.ID, "\x00")
	r, err := s.records.Load(ctx, id)
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	return s.old(k, r)
}

// List yields the sessions in the table.
func (s *source) List(ctx context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		for r, err := range s.records.List(ctx) {
			if err != nil {
				yield(sessionmigrate.Old{}, err)
				return
			}
			if valid(r.Key) && !yield(s.old(s.key(r.Key), r)) {
				return
			}
		}
	}
}

func (s *source) old(k sessionmigrate.Key, r sessionmigrate.Record) (sessionmigrate.Old, error) {
	old := sessionmigrate.Old{Key: k, ExpiresAt: r.ExpiresAt}
	values, err := s.decode(string(r.Data))
	if err != nil {
		return old, fmt.Errorf("session: the old session does not decode: %w: %w", err, session.ErrCorrupt)
	}
	old.Values = values
	return old, nil
}

func (s *source) decode(payload string) (map[string]any, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(payload))
	if err != nil {
		return nil, errors.New("the payload is not base64")
	}
	text := string(raw)
	if s.cfg.Encrypted {
		if text, _, err = s.box.open(text); err != nil {
			return nil, err
		}
		inner, err := unserialize(text) // Laravel serializes what it encrypts
		if err != nil {
			return nil, err
		}
		var ok bool
		if text, ok = inner.(string); !ok {
			return nil, errors.New("the decrypted payload is not a string")
		}
	}
	var v any
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		err = d.Decode(&v)
	} else {
		v, err = unserialize(text)
	}
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case []any:
		if len(v) == 0 { // PHP does not tell an empty map from an empty list
			return map[string]any{}, nil
		}
	}
	return nil, errors.New("the payload is no array with keys")
}

// Owner returns a function for [sessionmigrate.Config].Owner that reads the account that is signed
// in to a guard, usually "web". The owner is the identifier of the account, as text.
func Owner(guard string) func(sessionmigrate.Old) (string, error) {
	sum := sha1.Sum([]byte(`Illuminate\Auth\SessionGuard`))
	return sessionmigrate.OwnerKey("login_" + guard + "_" + hex.EncodeToString(sum[:]))
}

// Map is a function for [sessionmigrate.Config].Map that leaves out the keys that only Laravel
// uses: its CSRF token, the previous URL, the names of flash messages, validation errors, and the
// keys of guards.
func Map(key string, value any) (any, error) {
	for _, prefix := range []string{"login_", "password_hash_"} {
		if strings.HasPrefix(key, prefix) {
			return nil, sessionmigrate.ErrOmit
		}
	}
	if slices.Contains(ours, key) {
		return nil, sessionmigrate.ErrOmit
	}
	if o, ok := find(value); ok {
		return nil, &sessionmigrate.ValueError{Key: key, Type: o.Class, Err: errors.New("it is an object of a PHP class")}
	}
	return sessionmigrate.Value(key, value)
}

var ours = []string{"_token", "_previous", "_flash", "errors", "_old_input", "url"}

// find returns an object inside a value.
func find(v any) (Object, bool) {
	var all []any
	switch v := v.(type) {
	case Object:
		return v, true
	case []any:
		all = v
	case map[string]any:
		all = slices.Collect(maps.Values(v))
	}
	for _, e := range all {
		if o, ok := find(e); ok {
			return o, ok
		}
	}
	return Object{}, false
}
