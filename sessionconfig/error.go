package sessionconfig

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Error is one mistake in the configuration. [Load], [Open] and [Config.Check]
// report all mistakes at once, joined into one error; [Mistakes] splits them.
//
// The text of an Error contains no secret: Value is "[redacted]" for a secret setting,
// and secrets are removed from driver messages before they become part of Reason.
type Error struct {
	// File and Line locate the mistake, such as "config/session.toml" and 12, or ".env"
	// and 3. They are "" and 0 for the environment and for a default value.
	File string
	Line int

	// Variable is the environment variable that set the value, "" if none did.
	Variable string

	// Key is the setting, such as "lifetime" or "connections.main.port".
	Key string

	// Value is the invalid value as written.
	Value string

	Reason string // what is wrong
	Hint   string // how to fix it; "" if Reason says so

	// Err is the underlying error, if any, for [errors.Is] and [errors.As]. Its text is
	// Reason if the error comes from a driver or a store; what errors.As finds may contain
	// secrets.
	Err error `json:"-"`
}

// Error returns one line, or more if the hint shows code. It begins with the location:
//
//	session: config/session.toml:12: lifetime = "2 hours": is not a duration; use …
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("session: ")
	if p := e.place(); p != "" {
		b.WriteString(p + ": ")
	}
	if e.Key != "" {
		b.WriteString(e.Key)
		if e.Value != "" {
			b.WriteString(" = " + e.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Reason)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A concealed error is one whose text and fields may contain secrets. It is a pointer, which
// no verb of fmt follows.
type concealed struct {
	err  error
	text string
}

// conceal returns an error that matches whatever err matches, with another text. Loggers that
// walk along Unwrap then find no secret.
func conceal(err error, text string) error {
	if err == nil {
		return nil
	}
	return &concealed{err, "session: " + text}
}

func (c *concealed) Error() string        { return c.text }
func (c *concealed) Is(target error) bool { return errors.Is(c.err, target) }
func (c *concealed) As(target any) bool   { return errors.As(c.err, target) }

func (e *Error) place() string {
	return Origin{File: e.File, Line: e.Line, Variable: e.Variable}.place()
}

// Mistakes returns the [*Error] values in err, in order. If err contains an error of
// another type, Mistakes wraps it in an Error whose Reason is its text.
func Mistakes(err error) []*Error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) { //nolint:errorlint // the walk must visit every branch
		case *Error:
			return []*Error{e}
		case interface{ Unwrap() []error }:
			var all []*Error
			for _, sub := range e.Unwrap() {
				all = append(all, Mistakes(sub)...)
			}
			return all
		}
	}
	if err == nil {
		return nil
	}
	return []*Error{{Reason: strings.TrimPrefix(err.Error(), "session: "), Err: err}}
}

// report collects mistakes and warnings while the configuration is read.
type report struct {
	mistakes []*Error
	warnings []*Error
}

func (r *report) add(e *Error)  { r.mistakes = append(r.mistakes, e.masked()) }
func (r *report) warn(e *Error) { r.warnings = append(r.warnings, e.masked()) }

// mistake returns an Error about the entry, without a secret value or anything that
// looks like a secret.
func (e entry) mistake(key string, secret bool, reason string, args ...any) *Error {
	m := &Error{
		File: e.origin.File, Line: e.origin.Line, Variable: e.origin.Variable,
		Key: key, Value: e.text, Reason: fmt.Sprintf(reason, args...),
	}
	if secret && m.Value != "" {
		m.Value = redacted
	}
	return m.masked()
}

// join sorts the mistakes by location, so that the text does not vary between runs, and
// removes duplicates.
func join(mistakes []*Error) error {
	sorted := slices.Clone(mistakes)
	slices.SortStableFunc(sorted, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Variable, b.Variable),
			cmp.Compare(a.Key, b.Key),
		)
	})
	var errs []error
	seen := map[string]bool{}
	for _, e := range sorted {
		if text := e.masked().Error(); !seen[text] {
			seen[text] = true
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// rank sorts locations in the order in which a reader fixes them: session.toml,
// database.toml, .env, the environment, everything else.
func rank(e *Error) int {
	switch {
	case strings.HasSuffix(e.File, sessionFile):
		return 0
	case strings.HasSuffix(e.File, databaseFile):
		return 1
	case e.File != "":
		return 2
	case e.Variable != "":
		return 3
	}
	return 4
}
