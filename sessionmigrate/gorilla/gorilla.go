// Package gorilla takes over sessions of [github.com/gorilla/sessions]: those of its CookieStore
// and FilesystemStore, and those of boj/redistore. The session packages of gin-contrib and
// echo-contrib use these stores.
//
//	old, err := gorilla.Files("/var/lib/app/sessions", gorilla.Config{
//		Name:     "session-name",
//		KeyPairs: [][]byte{[]byte(os.Getenv("SESSION_KEY"))},
//	})
//
// The name and the keys are those that the old program passes to store.Get and to the
// constructor of its store. While sessions are taken over, keep the first key. Applications
// register the types of their values with [gob.Register], as before.
//
// Flash messages are taken over as an ordinary list under the key "_flash".
package gorilla

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gorilla/securecookie"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/internal/gobvalues"
)

// A Config has the settings of the old store.
type Config struct {
	// Name is the name of the session, which is that of the cookie. It is required.
	Name string

	// KeyPairs are the keys that the old store was made with. They are required.
	KeyPairs [][]byte

	// MaxAge is Options.MaxAge of the old store, in seconds: the age from which its cookies are
	// refused. Zero means the default of gorilla/sessions, 30 days; a negative value means no
	// limit.
	MaxAge int

	// JSON says that the values are encoded as JSON: by the JSONSerializer of redistore, or the
	// JSONEncoder of securecookie. By default, they are encoded by encoding/gob.
	JSON bool
}

// defaultMaxAge is that of gorilla/sessions.
const defaultMaxAge = 30 * 24 * 3600

// A reader checks and decodes what the old store has encoded.
type reader struct {
	Config
	codecs []securecookie.Codec
}

func (cfg Config) reader() (*reader, error) {
	switch {
	case cfg.Name == "":
		return nil, errors.New("session: gorilla.Config.Name is empty; it is the name that the old program passes to store.Get")
	case len(cfg.KeyPairs) == 0 || len(cfg.KeyPairs[0]) == 0:
		return nil, errors.New("session: gorilla.Config.KeyPairs is empty; it has the keys that the old store was made with")
	}
	age := cfg.MaxAge
	switch {
	case age == 0:
		age = defaultMaxAge
	case age < 0:
		age = 0 // no limit
	}
	d := &reader{Config: cfg, codecs: securecookie.CodecsFromPairs(cfg.KeyPairs...)}
	for _, c := range d.codecs {
		sc := c.(*securecookie.SecureCookie)
		sc.MaxAge(age).MaxLength(0).SetSerializer(securecookie.NopEncoder{}) // gobvalues decodes, with better errors
		if _, err := sc.Encode(cfg.Name, []byte{}); err != nil {
			return nil, fmt.Errorf("session: gorilla.Config.KeyPairs: %w", err)
		}
	}
	return d, nil
}

// unseal returns what a value contains, if a key of the old program has made it and it is not too
// old.
func (d *reader) unseal(value string) (content []byte, ok bool) {
	err := securecookie.DecodeMulti(d.Name, value, &content, d.codecs...)
	return content, err == nil
}

// cookie returns the old cookie and its content.
func (d *reader) cookie(r *http.Request) (value string, content []byte, ok bool) {
	c, err := r.Cookie(d.Name)
	if err != nil {
		return "", nil, false
	}
	content, ok = d.unseal(c.Value)
	return c.Value, content, ok
}

// keyOf returns the key of the ID in the cookie.
func (d *reader) keyOf(r *http.Request) (sessionmigrate.Key, bool) {
	var id string
	_, content, ok := d.cookie(r)
	if !ok || gobvalues.Decode(content, &id) != nil || !valid(id) {
		return sessionmigrate.Key{}, false
	}
	return d.key(id), true
}

// valid reports whether an ID is one that the old stores make: it becomes the name of a file.
func valid(id string) bool {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(id)
	return err == nil && len(b) == 32 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// key returns the key of an ID. Only the old program's key makes a cookie of an ID, so it is part
// of the secret: who can read the old store alone has none.
func (d *reader) key(id string) sessionmigrate.Key {
	mac := hmac.New(sha256.New, d.KeyPairs[0])
	mac.Write([]byte("session/takeover/1\x00" + d.Name + "\x00" + id))
	return sessionmigrate.Key{ID: d.Name + "\x00" + id, Secret: string(mac.Sum(nil))}
}

// idOf returns the ID in a key.
func idOf(k sessionmigrate.Key) string {
	_, id, _ := strings.Cut(k.ID, "\x00")
	return id
}

// Cookie returns the source of the sessions of a CookieStore. They are in the cookies alone, so
// only requests can take them over.
//
// The old program cannot end such a session: a copy of an older cookie signs in until it is too
// old. The takeover does not change that for the copies of cookies that it has not seen.
func Cookie(cfg Config) (sessionmigrate.Source, error) {
	d, err := cfg.reader()
	if err != nil {
		return nil, err
	}
	return &cookies{d}, nil
}

type cookies struct{ *reader }

func (s *cookies) Key(r *http.Request) (sessionmigrate.Key, bool) {
	value, _, ok := s.cookie(r)
	return sessionmigrate.Key{ID: s.Name + "\x00" + value, Secret: value}, ok
}

func (s *cookies) Load(_ context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	content, ok := s.unseal(idOf(k))
	if !ok { // too old since Key
		return sessionmigrate.Old{}, session.ErrNotFound
	}
	return s.old(k, content)
}

// old decodes the values of a session.
func (d *reader) old(k sessionmigrate.Key, data []byte) (old sessionmigrate.Old, err error) {
	old.Key = k
	old.Values, err = d.decode(data)
	return old, err
}

// decode decodes values.
func (d *reader) decode(data []byte) (map[string]any, error) {
	if !d.JSON {
		var values map[any]any
		if err := gobvalues.Decode(data, &values); err != nil {
			return nil, err
		}
		return gobvalues.Strings(values)
	}
	var values map[string]any
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	if err := dec.Decode(&values); err != nil {
		return nil, fmt.Errorf("session: the old session is not JSON: %w: %w", err, session.ErrCorrupt)
	}
	return values, nil
}
