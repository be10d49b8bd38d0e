package sessionform

import (
	"net/url"
	"slices"
	"strings"
	"text/template"

	"github.com/expanse-go/session"
)

// root is the path below which everything is.
const root = "sessionform"

// The limits of what [Flash] keeps, in bytes. A value that exceeds one of them is left out as a
// whole, because half a value would be wrong.
const (
	MaxValue = 4 << 10  // one value of a field
	MaxInput = 16 << 10 // all names and values of a form
)

// A refused form is one flash message, so the input and the errors are never apart.
type refused struct {
	Input  map[string][]string `json:"input,omitempty"`
	Errors map[string]string   `json:"errors,omitempty"`
}

func inputPath(form string) string { return session.Join(root, form, "refused") }

// Flash stores the input and the errors of a form for the next page, as one flash message. errs
// maps the names of fields to messages for the user; the name "" is for the form as a whole.
//
// Flash keeps only the values of the named fields, because it stores them with the session. It
// never keeps a field whose name, in whatever spelling, contains password, passwd, passphrase,
// pwd, secret, token, csrf, cvc, cvv or cardnumber, even if the field is named. It leaves out
// values beyond [MaxValue] and [MaxInput]. To answer the form with the page itself, without a
// redirect, use [FlashNow].
//
// If two requests refuse the same form, the later commit wins.
func Flash(s *session.Session, form string, input url.Values, errs map[string]string, fields ...string) {
	s.Flash(inputPath(form), keep(input, errs, fields))
}

// FlashNow is [Flash] for the page that answers this request. Nothing is stored.
func FlashNow(s *session.Session, form string, input url.Values, errs map[string]string, fields ...string) {
	s.FlashNow(inputPath(form), keep(input, errs, fields))
}

func keep(input url.Values, errs map[string]string, fields []string) refused {
	kept := refused{Input: map[string][]string{}, Errors: errs}
	left := MaxInput
	for _, name := range fields {
		if sensitive(name) || kept.Input[name] != nil {
			continue
		}
		for _, v := range input[name] {
			if size := len(name) + len(v); len(v) <= MaxValue && size <= left {
				kept.Input[name] = append(kept.Input[name], v)
				left -= size
			}
		}
	}
	return kept
}

// sensitive reports whether the name of a field suggests that its value is a secret.
func sensitive(name string) bool {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.[] ", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
	words := []string{"password", "passwd", "passphrase", "pwd", "secret", "token", "csrf", "cvc", "cvv", "cardnumber"}
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
}

func load(s *session.Session, form string) (refused, bool) {
	return session.Lookup[refused](s, inputPath(form))
}

// Refused reports whether the form was refused, so that its page shows what was entered.
func Refused(s *session.Session, form string) bool {
	_, ok := load(s, form)
	return ok
}

// Old returns what was entered in a field of a refused form, or "" if [Flash] has not kept it. If
// the form was not refused, Old returns the default, if there is one: usually what is stored.
func Old(s *session.Session, form, field string, def ...string) string {
	r, ok := load(s, form)
	switch {
	case ok && len(r.Input[field]) > 0:
		return r.Input[field][0]
	case !ok && len(def) > 0:
		return def[0]
	}
	return ""
}

// OldAll is [Old] for a field with several values, such as a group of checkboxes.
func OldAll(s *session.Session, form, field string, def ...string) []string {
	r, ok := load(s, form)
	if !ok {
		return def
	}
	return r.Input[field]
}

// Error returns the message for a field of a refused form, or "".
func Error(s *session.Session, form, field string) string {
	r, _ := load(s, form)
	return r.Errors[field]
}

// Funcs returns functions for templates of html/template and text/template:
//
//	flash SESSION PATH                    session.Session.Value
//	old SESSION FORM FIELD [DEFAULT]      Old
//	oldHas SESSION FORM FIELD VALUE       whether VALUE is among those of OldAll
//	formError SESSION FORM FIELD          Error
//	formRefused SESSION FORM              Refused
//
// Each gets the session as its first argument, so a template can be parsed once and used by all
// requests. The session must be loaded before the template is executed. There is no function for
// [NewToken], because a template that writes to the response would call it too late.
func Funcs() template.FuncMap {
	return template.FuncMap{
		"flash": (*session.Session).Value,
		"old":   Old,
		"oldHas": func(s *session.Session, form, field, value string) bool {
			return slices.Contains(OldAll(s, form, field), value)
		},
		"formError":   Error,
		"formRefused": Refused,
	}
}
