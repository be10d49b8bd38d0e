package demo

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A form holds the input and the errors that a page needs to show a refused form again. It is
// stored as a flash message, so that the page can be fetched with GET.
type form struct {
	Values map[string]string `json:"values"`
	Errors []fieldError      `json:"errors"` // in the order of the fields
}

// A fieldError says what is wrong with a field and how to fix it.
type fieldError struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// Value returns the input of a field.
func (f form) Value(field string) string { return f.Values[field] }

// Error returns the error of a field, "" if there is none.
func (f form) Error(field string) string {
	for _, e := range f.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// readForm returns the named fields without surrounding space. If the body is too large or
// not a form, it sends an error page and returns false.
func (a *app) readForm(w http.ResponseWriter, r *http.Request, fields ...string) (form, bool) {
	var large *http.MaxBytesError
	if err := r.ParseForm(); errors.As(err, &large) {
		a.fail(w, http.StatusRequestEntityTooLarge, "The form is too large.")
		return form{}, false
	} else if err != nil {
		a.fail(w, http.StatusBadRequest, "The form could not be read.")
		return form{}, false
	}
	f := form{Values: make(map[string]string, len(fields))}
	for _, name := range fields {
		// Clients may send anything, but a session holds UTF-8, and an owner may not
		// contain control characters.
		text := strings.ToValidUTF8(r.PostForm.Get(name), "\uFFFD")
		f.Values[name] = strings.TrimSpace(strings.Map(printable, text))
	}
	return f, true
}

// printable drops control characters except tabs and line breaks.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
		return -1
	}
	return r
}

// length records an error if a field has fewer than least or more than most characters.
func (f *form) length(field string, least, most int, empty string) {
	switch n := utf8.RuneCountInString(f.Values[field]); {
	case n < least:
		f.refuse(field, empty)
	case n > most:
		f.Values[field] = string([]rune(f.Values[field])[:most])
		f.refuse(field, "The text was too long and was cut to "+count(most, "character")+". Check the result.")
	}
}

func (f *form) refuse(field, text string) {
	f.Errors = append(f.Errors, fieldError{Field: field, Text: text})
}
