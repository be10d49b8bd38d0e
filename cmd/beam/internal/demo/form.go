package demo

import (
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A form is what a page needs to show a form again after it was refused: what
// was typed, and what is wrong with it. It travels in a flash message, so that
// the page that shows it is fetched with GET.
type form struct {
	Values map[string]string `json:"values"`
	Errors []fieldError      `json:"errors"` // in the order of the fields
}

// A fieldError says what is wrong with one field, and how to put it right.
type fieldError struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// Value returns what was typed into a field.
func (f form) Value(field string) string { return f.Values[field] }

// Error returns what is wrong with a field, "" if nothing is.
func (f form) Error(field string) string {
	for _, e := range f.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// readForm reads the named fields without the space around them. It answers a
// body that is no form, or too large, itself and returns false.
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
		// A hand-written client may send anything; a session holds UTF-8, and an
		// owner no control characters.
		text := strings.ToValidUTF8(r.PostForm.Get(name), "\uFFFD")
		f.Values[name] = strings.TrimSpace(strings.Map(printable, text))
	}
	return f, true
}

// printable leaves out control characters but those that a text of several lines
// has.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' {
		return -1
	}
	return r
}

// length records an error if a field is shorter or longer in characters than
// permitted.
func (f *form) length(field string, least, most int, empty string) {
	switch n := utf8.RuneCountInString(f.Values[field]); {
	case n < least:
		f.refuse(field, empty)
	case n > most:
		f.Values[field] = string([]rune(f.Values[field])[:most])
		f.refuse(field, "Too long: it was cut to "+count(most, "character")+". Please check what is left.")
	}
}

func (f *form) refuse(field, text string) {
	f.Errors = append(f.Errors, fieldError{Field: field, Text: text})
}
