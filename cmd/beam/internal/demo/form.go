package demo

import (
	"net/http"
	"strings"
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
	if err := r.ParseForm(); err != nil {
		a.fail(w, http.StatusBadRequest, "The form could not be read.")
		return form{}, false
	}
	f := form{Values: make(map[string]string, len(fields))}
	for _, name := range fields {
		// A form may be sent in any encoding by a hand-written client; a session
		// holds UTF-8.
		f.Values[name] = strings.ToValidUTF8(strings.TrimSpace(r.PostForm.Get(name)), "\uFFFD")
	}
	return f, true
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
