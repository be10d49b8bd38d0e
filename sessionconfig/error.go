package sessionconfig

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Error is one mistake in the configuration. [Load], [Open] and [Config.Check]
// return all mistakes at once, joined; [Mistakes] takes them apart again.
//
// It never holds a secret: Value is "[redacted]" for one, and texts of drivers are
// searched for secrets before they get into Reason.
type Error struct {
	// File and Line say where the mistake is: "config/session.toml" and 12, or
	// ".env" and 3. File is "" and Line 0 for the environment and for a default.
	File string
	Line int

	// Variable is the environment variable that brought the value, "" if none did.
	Variable string

	// Key is the setting, such as "lifetime" or "connections.main.port".
	Key string

	// Value is the offending value as it was written.
	Value string

	Reason string // what is wrong
	Hint   string // what to do about it; "" if Reason says so

	// Err is the cause, if there is one to test with [errors.Is]. Its text may
	// hold secrets; Reason has what is fit to be read.
	Err error `json:"-"` // errors of drivers have fields with the whole address
}

// Error gives one line (more if the hint shows code), that begins with the place:
//
//	session: config/session.toml:12: lifetime = "2 hours": not a duration; write …
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

func (e *Error) place() string {
	return Origin{File: e.File, Line: e.Line, Variable: e.Variable}.place()
}

// Mistakes returns the [*Error] values in err, in the order of the report. An
// error of another type becomes one whose Reason is its text.
func Mistakes(err error) []*Error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e := e.(type) { //nolint:errorlint // this walks the tree itself, to find all of them
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

// mistake begins one about the entry; a secret value stays out of it, and so does
// what is a secret by its looks.
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

// join sorts the mistakes by place, so that two runs give one text, and drops
// repetitions.
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

// rank orders the places as a reader fixes them: files, .env, environment, rest.
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
