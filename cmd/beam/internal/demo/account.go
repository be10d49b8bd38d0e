package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

var (
	signInKey  = session.NewKey[form]("account.form")
	rotatedKey = session.NewKey[rotation]("account.rotated")
)

// ownerPrefix begins the owners of all sessions of the demo. The demo asks for no passwords, so
// its owners must never be the accounts of an application that uses the same store.
const ownerPrefix = "demo:"

// userName returns the name that a user has entered, for a page.
func userName(owner string) string { return strings.TrimPrefix(owner, ownerPrefix) }

// account is the data of the account page.
type account struct {
	Owner       string
	Since       time.Time
	Fingerprint string // of the token in this request, "" if none
	Rotated     *rotation
	Form        form
	Admin       bool // there is a page for the user "admin"
}

// A rotation records the previous token, for comparison with the new one.
type rotation struct {
	Before string `json:"before"` // fingerprint, "" if there was none
}

func (a *app) showAccount(w http.ResponseWriter, r *http.Request, s *session.Session) {
	p := account{
		Owner:       s.Owner(),
		Since:       s.AuthenticatedAt(),
		Fingerprint: a.fingerprint(r),
		Form:        signInKey.Get(s, form{}),
		Admin:       a.opts.Admin,
	}
	if rot, ok := rotatedKey.Lookup(s); ok {
		p.Rotated = &rot
	}
	title := "Sign in"
	if p.Owner != "" {
		title = "Signed in as " + userName(p.Owner)
	}
	a.show(w, s, "account", title, len(p.Form.Errors) > 0, p)
}

// signIn asks for no password, because the demo is about sessions. Login replaces the token,
// so that a copied or planted token stops working.
func (a *app) signIn(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "name", "stay")
	if !ok {
		return
	}
	f.length("name", 1, 40, "Enter a name. Any name will do.")
	if len(f.Errors) > 0 {
		signInKey.Flash(s, f)
		back(w, r, "/account")
		return
	}
	s.Login(ownerPrefix + f.Value("name"))
	s.SetPersistent(f.Value("stay") != "")
	rotatedKey.Flash(s, rotation{Before: a.fingerprint(r)})
	noticeKey.Flash(s, notice{Text: "Welcome, " + f.Value("name") + ". You are signed in."})
	back(w, r, "/account")
}

// signOut deletes the record. The message is the first value of a new session with a new ID
// and a new token.
func (a *app) signOut(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Invalidate()
	noticeKey.Flash(s, notice{Text: "You are signed out. Your session and all its data are deleted."})
	back(w, r, "/account")
}

// regenerate replaces the token and keeps everything else.
func (a *app) regenerate(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Regenerate()
	rotatedKey.Flash(s, rotation{Before: a.fingerprint(r)})
	noticeKey.Flash(s, notice{Text: "Your token is replaced. Your data is unchanged."})
	back(w, r, "/account")
}

// fingerprint identifies the token of a request without revealing it: it is 32 bits of a
// digest of 256 random bits.
func (a *app) fingerprint(r *http.Request) string {
	c, err := r.Cookie(a.sessions.CookieName())
	if err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(c.Value))
	return hex.EncodeToString(sum[:4])
}
