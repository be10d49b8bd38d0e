package session

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Errors to compare with [errors.Is]. Every error text of this package begins with
// "session: " and, if possible, says what to do.
var (
	// ErrNotFound is returned by stores for an absent record, and by
	// [Session.Decode] for an absent path.
	ErrNotFound = errors.New("session: not found")

	// ErrConflict is returned by stores for a version that is no longer the stored one.
	// A commit fails with it if other processes kept committing first until its deadline,
	// or if another request got the value that [PopOnce] returned.
	ErrConflict = errors.New("session: changed by another request")

	// ErrEnded is returned by a commit whose session was logged out, revoked, rotated by
	// a login, or expired before the changes could be stored. The changes are dropped, so
	// that the session does not come back.
	ErrEnded = errors.New("session: the session ended before the request did; the changes of the request were not stored")

	// ErrExpired is the cause of a context of [Session.Watch] whose session has expired. It
	// matches [ErrEnded], too.
	ErrExpired = errorf(ErrEnded, "the session has expired")

	// ErrReplaced is the cause of a context of [Session.Watch] whose token gives no access
	// any more, because [Session.Login], [Session.Confirm] or [Session.Regenerate] has replaced it. It matches
	// [ErrEnded], too.
	ErrReplaced = errorf(ErrEnded, "a login has replaced the token of the session; connect again with the new one")

	// ErrTooLarge is returned by a write or a commit that exceeds [Config].MaxBytes, 256
	// flash messages, or 1,000 levels of nesting in a value.
	ErrTooLarge = errors.New("session: too large")

	// ErrCorrupt is returned by a store for stored data that it cannot decode. The manager
	// treats the session as absent and sends an [EventCorrupt].
	ErrCorrupt = errors.New("session: stored record does not decode")

	// ErrFull is returned by a store that has reached its limit and must not drop any of
	// its sessions.
	ErrFull = errors.New("session: store is full")

	// ErrCommitted is the error of a change that needs a new cookie, made after the
	// response has begun: a new session, a new token, or another lifetime. The errors of
	// changes after the request has ended, after a timeout has responded for the handler,
	// or after a panic match it too; their texts give the reason.
	ErrCommitted = errors.New("session: changed too late: the response has begun, so no cookie can be sent; make the change before the first write")

	// ErrAnonymous is the error of [Session.Confirm] in a session that has no owner.
	ErrAnonymous = errors.New("session: nobody is signed in; Login comes before Confirm")

	// ErrClosed is returned by a manager after [Manager.Close].
	ErrClosed = errors.New("session: manager is closed; close it only after the server has shut down")

	// ErrNoSession is returned by [From] outside the middleware.
	ErrNoSession = errors.New("session: no session in the context; wrap the handler in Manager.Handler")

	// ErrCrossOrigin is passed to the error handler for an unsafe request that another
	// site made the browser send; see [Config].TrustedOrigins.
	ErrCrossOrigin = errors.New("session: cross-origin request refused; trust the origin in Config.TrustedOrigins if it is yours")

	// ErrInvalidPath is the error for a path with an empty segment, more than [MaxDepth]
	// segments, or invalid UTF-8.
	ErrInvalidPath = errors.New("session: invalid path")

	// ErrPathConflict is the error for a write inside a list, or for an Append to a value
	// that is not a list. To change an element of a list, use [Update] on the list.
	ErrPathConflict = errors.New("session: path conflicts with an existing value")
)

// A StoreError reports that an operation of a store failed.
type StoreError struct {
	Op  string // "load", "create", "update", "delete", "touch", "prune", "list", …
	ID  ID     // zero if the operation is not about one record
	Err error
}

// Error names the operation, the record and the cause.
func (e *StoreError) Error() string {
	if e.ID.IsZero() {
		return fmt.Sprintf("session: store: %s: %s", e.Op, detail(e.Err))
	}
	return fmt.Sprintf("session: store: %s %s: %s", e.Op, e.ID, detail(e.Err))
}

// detail returns the text of an error without the prefix, for a text that has it already.
func detail(err error) string {
	if err == nil {
		return "unknown error"
	}
	return strings.ReplaceAll(err.Error(), "session: ", "")
}

// Unwrap returns Err.
func (e *StoreError) Unwrap() error { return e.Err }

// A TypeError reports a stored value that does not have the type that the caller asked
// for, or that a write needs along its path.
type TypeError struct {
	Path string // as the caller gave it
	Want string // the Go type that the caller asked for
	Err  error  // what is stored instead; it never quotes the value
}

// typeError describes a stored value without quoting it: an error ends up in logs, which
// must not hold the data of sessions.
func typeError(path, want string, raw []byte) *TypeError {
	kind := "a number"
	switch raw[0] {
	case '"':
		kind = "text"
	case '{':
		kind = "an object"
	case '[':
		kind = "a list"
	case 't', 'f':
		kind = "a boolean"
	case 'n':
		kind = "null"
	}
	return &TypeError{path, want, fmt.Errorf("what is stored is %s of %d bytes, which does not decode", kind, len(raw))}
}

// Error names the path, the type, and the kind of the stored value.
func (e *TypeError) Error() string {
	return fmt.Sprintf("session: value at %q is not of type %s: %s", e.Path, e.Want, detail(e.Err))
}

// Unwrap returns Err.
func (e *TypeError) Unwrap() error { return e.Err }

// A ValueError reports a value that cannot be stored, because reading it back would not
// return the same value; see [Session.Set].
type ValueError struct {
	Path string // as the caller gave it
	Type string // the Go type of the value
	Err  error  // what would be lost, and what to store instead
}

// Error names the type, the path and the reason.
func (e *ValueError) Error() string {
	return fmt.Sprintf("session: cannot store the %s at %q: %s", e.Type, e.Path, detail(e.Err))
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

func (takenError) Error() string {
	return "session: another request has changed or removed the value that PopOnce returned"
}

func (takenError) Is(target error) bool { return target == ErrConflict }

var (
	errSeveral        = errors.New("session: several cookies of the same name with different values")
	errSeveralHeaders = errors.New("session: several token headers with different values")
	errUnclear        = errors.New("session: several cookies of the same name are valid, so at least one was planted, and none is trusted; the changes are not stored, because only Login creates a session in such a request")
	errWithheld       = errors.New("session: another site caused the request, so browsers withhold the cookie (SameSite); the changes are not stored, because only Login creates a session in such a request; redirect to a page of this site before you write")
	errRejected       = errors.New("session: browsers reject the cookie")
	errOver           = errorf(ErrCommitted, "changed too late: the request has ended; for work that continues, use Load and Commit")
	errEdit           = errorf(ErrCommitted, "Edit can send the client nothing, so it cannot change the owner, the token or the lifetime of a session")
	errTimedOut       = errorf(ErrCommitted, "nothing is stored: the context passed to From reached its deadline before the response began")
	errPanicked       = errorf(ErrCommitted, "nothing is stored: the handler panicked")
	errFunction       = errors.New("session: a function passed to Update or OnlyIf panicked")
	errLoad           = errors.New("session: loading the session panicked")
	errGone           = errorf(ErrEnded, "ended by another request; the changes of this one were not stored")
	errLogin          = errorf(ErrEnded, "the condition of the login (OnlyIf) is no longer true; the user has to sign in again")
	errInterrupted    = errors.New("session: the commit panicked, so its outcome is unknown")
	errLoggedOut      = errorf(ErrEnded, "the session was logged out or revoked")
	errUnwatched      = errorf(ErrEnded, "nothing is stored of the session, so there is nothing to watch")
)

// A kindError is an error of one of the kinds above, with a text of its own.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func errorf(kind error, format string, args ...any) error {
	return &kindError{kind, "session: " + fmt.Sprintf(format, args...)}
}

// DefaultError is the default of [Config].OnError. It responds in plain text, with a
// sentence that tells the visitor what to do, and with the status
//
//   - 401 for a Confirm while nobody is signed in,
//   - 403 for a cross-origin write,
//   - 404 if [Manager.Info] or [Manager.Edit] found no session,
//   - 409 if the session ended before the request did, or if another request got the value
//     that [PopOnce] returned,
//   - 503 with Retry-After if the store is down, full or too contended, or if a timeout had
//     passed before a success could be sent,
//   - 500 for everything else, which is a mistake in the program.
//
// It sends no detail and no cookie, so the client keeps the cookie that it has. [ErrorStatus]
// returns the status and the sentence, for an error handler of your own.
func DefaultError(w http.ResponseWriter, _ *http.Request, err error) {
	status, advice := ErrorStatus(err)
	text := http.StatusText(status) + ". " + advice + "\n"
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(text))) // complete even if the handler aborts
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", challenge)
	}
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "2")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that has gone needs no answer
}

// challenge is what a 401 has to contain (RFC 9110, section 15.5.2) where no registered scheme
// applies. Browsers ignore a scheme that they don't know.
const challenge = "Session"

const unknownOutcome = "Your changes may not have been saved. Check before you try again."

// ErrorStatus returns the HTTP status for an error of this package, and a sentence that tells
// the visitor what to do; see [DefaultError]. The status is 500 for an error that it doesn't
// know.
func ErrorStatus(err error) (status int, advice string) {
	switch {
	case errors.Is(err, ErrAnonymous):
		return http.StatusUnauthorized, "Sign in, and try again."
	case errors.Is(err, ErrCrossOrigin):
		return http.StatusForbidden, "The request came from another site."
	case errors.Is(err, ErrEnded), errors.Is(err, errTaken):
		return http.StatusConflict, "Your session has changed, so nothing was saved. Reload the page and try again."
	case errors.As(err, new(*StoreError)), errors.Is(err, ErrConflict), errors.Is(err, ErrClosed), errors.Is(err, errTimedOut):
		return http.StatusServiceUnavailable, unknownOutcome
	case errors.Is(err, errInterrupted):
		return http.StatusInternalServerError, unknownOutcome
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound, "There is no such session."
	}
	return http.StatusInternalServerError, "Nothing was saved."
}
