package demo

import (
	"net/http"
	"net/mail"
	"time"

	"github.com/expanse-go/session"
)

// A letter is a message that was accepted.
type letter struct {
	Name string    `json:"name"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// lettersKept is how many the session remembers; a list that only grows would
// meet the size limit of a session some day.
const lettersKept = 3

var (
	contactKey = session.NewKey[form]("contact.form")
	lettersKey = session.NewKey[[]letter]("contact.letters")
)

// contact is the page of the form.
type contact struct {
	Form    form
	Letters []letter
}

func (a *app) showContact(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	p := contact{Form: contactKey.Get(s, form{}), Letters: lettersKey.Get(s, nil)}
	a.show(w, s, "contact", "Write to us", len(p.Form.Errors) > 0, p)
}

// sendContact always redirects. What was wrong, and what was typed, is flashed:
// the next page has it, the one after has not.
func (a *app) sendContact(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "name", "email", "message")
	if !ok {
		return
	}
	f.length("name", 1, 60, "Enter your name.")
	if _, err := mail.ParseAddress(f.Value("email")); err != nil {
		f.refuse("email", "Enter an address such as ada@example.com.")
	}
	f.length("message", 10, 500, "Write ten characters at least.")
	if len(f.Errors) > 0 {
		contactKey.Flash(s, f)
		back(w, r, "/contact")
		return
	}
	l := letter{Name: f.Value("name"), Text: f.Value("message"), At: a.opts.Now()}
	lettersKey.Update(s, func(all []letter) []letter {
		all = append(all, l)
		return all[max(0, len(all)-lettersKept):]
	})
	noticeKey.Flash(s, notice{Text: "Thank you, " + l.Name + ". Your message is saved. Reload the page, and this line is gone."})
	back(w, r, "/contact")
}
