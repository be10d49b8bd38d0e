package sessionmigrate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"
)

// A Source reads the sessions of another library. It writes nothing. The packages scs, gorilla,
// fiber, laravel and expanse provide sources. A Source is safe for concurrent use.
type Source interface {
	// Key returns the key from the request's old cookie, or false if it has no such cookie, or
	// one that the old library would refuse. It does no I/O.
	Key(r *http.Request) (Key, bool)

	// Load returns the session of a key that Key has returned. If there is none, the error
	// matches [session.ErrNotFound].
	Load(ctx context.Context, k Key) (Old, error)
}

// A Lister is a [Source] that can enumerate its sessions, which [Migration.Import] needs.
type Lister interface {
	Source

	// List yields all sessions, in no particular order; it may yield one twice, or one that
	// has expired. If one does not decode, List yields its key and the error, and continues.
	// An error with a zero Old ends the sequence.
	List(ctx context.Context) iter.Seq2[Old, error]
}

// A Key identifies an old session, as read from a visitor's old cookie. It cannot be printed by
// accident.
type Key struct {
	// ID names the session in the old store. It stays the same as long as the session.
	ID string

	// Secret is something that only the visitor's cookie, or somebody with the old library's
	// keys, can show. For libraries whose cookie is the key in the store, it is that key.
	Secret string
}

// Format writes "[redacted]" for every verb.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") }

// An Old is a session of another library.
type Old struct {
	Key       Key            // of the visitor's old cookie
	Values    map[string]any // decoded, but not yet mapped
	Owner     string         // if the old library knows it, else ""
	ExpiresAt time.Time      // zero: the old store does not return sessions that have expired
}

// Format writes "old session" for every verb.
func (Old) Format(f fmt.State, _ rune) { io.WriteString(f, "old session") }

// A Record is a row, or a key, of an old store.
type Record struct {
	Key       string    // of the row, or without the prefix
	Data      []byte    // as the old library has encoded it
	ExpiresAt time.Time // zero: unknown, or never
}

// Records reads an old store. [SQL] and package redisrecords implement it.
type Records interface {
	// Load returns a record. If there is none, the error matches [session.ErrNotFound].
	Load(ctx context.Context, key string) (Record, error)

	// List yields all records, in no particular order. It may yield a record twice. An error
	// ends the sequence.
	List(ctx context.Context) iter.Seq2[Record, error]
}
