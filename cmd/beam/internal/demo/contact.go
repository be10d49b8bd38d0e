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

// lettersKept limits the number of letters in the session. An unlimited list would eventually
// exceed the size limit of the session.
const lettersKept = 3

var (
	contactKey = session.NewKey[form]("contact.form")
	lettersKey = session.NewKey[[]letter]("contact.letters")
)

// contact is the data of the contact page.
type contact struct {
	Form    form
	Letters []letter
}

func (a *app) showContact(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	p := contact{Form: contactKey.Get(s, form{}), Letters: lettersKey.Get(s, nil)}
	a.show(w, s, "contact", "Contact us", len(p.Form.Errors) > 0, p)
}

// sendContact always redirects. Errors and input are flash messages, which only the next page
// shows.
func (a *app) sendContact(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "name", "email", "message")
	if !ok {
		return
	}
	f.length("name", 1, 60, "Enter your name.")
	if _, err := mail.ParseAddress(f.Value("email")); err != nil {
		f.refuse("email", "Enter an address such as ada@example.com.")
	}
	f.length("message", 10, 500, "Write at least ten characters.")
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
	noticeKey.Flash(s, notice{Text: "Thank you, " + l.Name + ". Your message is saved. Reload the page, and this line disappears."})
	back(w, r, "/contact")
}
