package session

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Errors to compare with [errors.Is]. Every error text of this package begins
// with "session: " and says what to do where something can be done.
var (
	// ErrNotFound is returned by stores for an absent record, and by
	// [Session.Decode] for an absent path.
	ErrNotFound = errors.New("session: not found")

	// ErrConflict is returned by stores for a version that has moved on. A commit
	// fails with it when other processes were faster for as long as the deadline
	// allows, or when another request took what [PopOnce] took.
	ErrConflict = errors.New("session: changed by another request")

	// ErrEnded is returned by a commit whose session was logged out, revoked,
	// rotated by a login, or expired before its writes could be stored. They are
	// dropped; nothing is brought back to life.
	ErrEnded = errors.New("session: ended before the request did; its changes were not stored")

	// ErrTooLarge is returned by a commit above [Config.MaxBytes], or above 256
	// flash messages.
	ErrTooLarge = errors.New("session: too large")

	// ErrCorrupt is returned by a store whose medium holds something that is not a
	// record; the manager treats the session as absent and reports [EventCorrupt].
	ErrCorrupt = errors.New("session: stored record does not decode")

	// ErrFull is returned by a store that has reached its limit and may forget
	// none of its sessions.
	ErrFull = errors.New("session: store is full")

	// ErrCommitted is reported when a change after the first byte of the response
	// can no longer be told to the client: a new session or a new token.
	ErrCommitted = errors.New("session: changed after the response began; the cookie can no longer be sent")

	// ErrClosed is returned by a manager after [Manager.Close].
	ErrClosed = errors.New("session: manager is closed; close it only after the server has shut down")

	// ErrNoSession is returned by [From] outside of the middleware.
	ErrNoSession = errors.New("session: no session in the context; wrap the handler in Manager.Handler")

	// ErrCrossOrigin is what the error handler gets for an unsafe request that
	// another site made the browser send; see [Config].TrustedOrigins.
	ErrCrossOrigin = errors.New("session: cross-origin request refused; trust the origin in Config.TrustedOrigins if it is yours")

	// ErrInvalidPath is the error of a path with an empty segment, more than
	// [MaxDepth] segments, or invalid UTF-8.
	ErrInvalidPath = errors.New("session: invalid path")

	// ErrPathConflict is the error of a write through a list, or of an Append to
	// something else than a list. Use [Update] to change a list in the middle.
	ErrPathConflict = errors.New("session: the value in the way is not of the kind that the path needs")
)

// A StoreError says which operation of a store failed on which record.
type StoreError struct {
	Op  string // "load", "create", "update", "delete", "touch", "prune", "list", …
	ID  ID     // zero if the operation is not about one record
	Err error
}

// Error names the operation, the record and the cause.
func (e *StoreError) Error() string {
	if e.ID.IsZero() {
		return fmt.Sprintf("session: store: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("session: store: %s %s: %v", e.Op, e.ID, e.Err)
}

// Unwrap returns Err.
func (e *StoreError) Unwrap() error { return e.Err }

// A TypeError says that the value at a path does not fit the type that was asked
// for.
type TypeError struct {
	Path string // as it was asked for
	Want string // the Go type asked for
	Err  error  // what the decoder said
}

// Error names the path, the type and what the decoder said.
func (e *TypeError) Error() string {
	return fmt.Sprintf("session: value at %q is not of type %s: %v", e.Path, e.Want, e.Err)
}

// Unwrap returns Err.
func (e *TypeError) Unwrap() error { return e.Err }

// A ValueError says which value could not be stored, and why.
type ValueError struct {
	Path string // as it was given
	Type string // the Go type of the value
	Err  error
}

// Error names the type, the path and the reason.
func (e *ValueError) Error() string {
	return fmt.Sprintf("session: cannot store the %s at %q: %v", e.Type, e.Path, e.Err)
}

// Unwrap returns Err.
func (e *ValueError) Unwrap() error { return e.Err }

// A ConfigError is one mistake in a [Config]. [New] returns all of them, joined.
type ConfigError struct {
	Field  string // such as "Cookie.SameSite"
	Value  any
	Reason string // what is wrong, and what to do
}

// Error names the field, its value and what to do.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("session: Config.%s = %v: %s", e.Field, e.Value, e.Reason)
}

// errTaken is the conflict that no retry can solve.
var errTaken error = takenError{}

type takenError struct{}

func (takenError) Error() string { return "session: taken by another request" }

func (takenError) Is(target error) bool { return target == ErrConflict }

var (
	errFunction  = errors.New("session: an Update function panicked")
	errGone      = fmt.Errorf("session: the record is gone: %w", ErrEnded)
	errNotStored = errors.New("session: the commit ended early")
)

// DefaultError is the default of [Config].OnError. It answers in plain text
//
//   - 403 to a cross-origin write,
//   - 404 if what [Manager.Info] looked for is not there,
//   - 409 if the session has ended meanwhile, or if another request took what
//     [PopOnce] took,
//   - 503 with Retry-After if the store is down, full or too contended,
//   - 500 to everything else, which is a mistake of the program.
//
// It sends no detail and no cookie, so the client keeps the one it has.
func DefaultError(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusInternalServerError
	var store *StoreError
	switch {
	case errors.Is(err, ErrCrossOrigin):
		status = http.StatusForbidden
	case errors.Is(err, ErrEnded), errors.Is(err, errTaken):
		status = http.StatusConflict
	case errors.As(err, &store), errors.Is(err, ErrConflict), errors.Is(err, ErrClosed):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "2")
	case errors.Is(err, ErrNotFound):
		status = http.StatusNotFound
	}
	text := http.StatusText(status) + "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text))) // whole even if the handler aborts
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that has gone needs no answer
}
