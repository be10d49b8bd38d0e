package docs

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

type attempt struct {
	Nonce    string
	Verifier string
	Started  time.Time
}

func (a *site) signInElsewhere(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /login/provider
	state, now := rand.Text(), time.Now()
	try := attempt{Nonce: rand.Text(), Verifier: rand.Text() + rand.Text(), Started: now}
	session.Update(s, "sign_in", func(tries map[string]attempt) map[string]attempt {
		if tries == nil {
			tries = map[string]attempt{}
		}
		maps.DeleteFunc(tries, func(_ string, t attempt) bool { return now.Sub(t.Started) > 10*time.Minute })
		tries[state] = try
		return tries
	})
	challenge := sha256.Sum256([]byte(try.Verifier))
	http.Redirect(w, r, a.authorizeURL(state, try.Nonce, base64.RawURLEncoding.EncodeToString(challenge[:])), http.StatusSeeOther)
}

func (a *site) signedInElsewhere(w http.ResponseWriter, r *http.Request, s *session.Session) { // GET /login/callback
	state := r.FormValue("state")
	tries := session.Get(s, "sign_in", map[string]attempt{})
	if try, ok := tries[state]; !ok || time.Since(try.Started) > 10*time.Minute {
		http.Error(w, "This sign-in has expired. Try again.", http.StatusForbidden)
		return
	}
	try := session.PopOnce(s, session.Join("sign_in", state), attempt{}) // of two callbacks with one state, one commits
	userID, err := a.exchange(r.Context(), r.FormValue("code"), try.Verifier, try.Nonce)
	if err != nil {
		http.Error(w, "The provider has refused the sign-in.", http.StatusForbidden)
		return
	}
	s.Login(userID)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

type ceremony struct { // for go-webauthn, use its type webauthn.SessionData
	Challenge string
	UserID    []byte
	Expires   time.Time
}

func (a *site) beginPasskey(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /passkey/begin
	c := ceremony{Challenge: rand.Text(), Expires: time.Now().Add(5 * time.Minute)}
	now := time.Now()
	session.Update(s, "passkey", func(open map[string]ceremony) map[string]ceremony {
		if open == nil {
			open = map[string]ceremony{}
		}
		maps.DeleteFunc(open, func(_ string, c ceremony) bool { return now.After(c.Expires) })
		open[c.Challenge] = c
		return open
	})
	fmt.Fprint(w, c.Challenge) // the page passes it to navigator.credentials.get, and back in finish
}

func (a *site) finishPasskey(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /passkey/finish
	challenge := r.Header.Get("Passkey-Challenge")
	if open := session.Get(s, "passkey", map[string]ceremony{}); open[challenge].Challenge == "" {
		http.Error(w, "This sign-in has expired. Try again.", http.StatusForbidden)
		return
	}
	c := session.PopOnce(s, session.Join("passkey", challenge), ceremony{})
	userID, err := a.verifyPasskey(r, c) // checks the signature, the origin and c.Expires
	if err != nil {
		http.Error(w, "The passkey was not accepted.", http.StatusForbidden)
		return
	}
	s.Login(userID)
	w.WriteHeader(http.StatusNoContent)
}

type handoff struct {
	Digest [sha256.Size]byte
	Until  time.Time
}

var errNoHandoff = errors.New("this link has expired")

func (a *site) handOff(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /handoff, called by the app
	code := rand.Text()
	s.Set("handoff", handoff{Digest: sha256.Sum256([]byte(code)), Until: time.Now().Add(time.Minute)})
	fmt.Fprintf(w, "/handoff?code=%s.%s", s.ID(), code)
}

func (a *site) redeem(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /handoff/redeem, in the browser
	text, code, _ := strings.Cut(r.FormValue("code"), ".")
	id, err := session.ParseID(text)
	if err != nil {
		http.Error(w, errNoHandoff.Error(), http.StatusForbidden)
		return
	}
	var owner string
	err = a.manager.Edit(r.Context(), id, func(from *session.Session) error {
		h := session.PopOnce(from, "handoff", handoff{})
		digest := sha256.Sum256([]byte(code))
		if subtle.ConstantTimeCompare(h.Digest[:], digest[:]) != 1 || time.Now().After(h.Until) || from.Owner() == "" {
			return errNoHandoff
		}
		owner = from.Owner()
		return nil
	})
	switch {
	case errors.Is(err, errNoHandoff) || errors.Is(err, session.ErrNotFound):
		http.Error(w, errNoHandoff.Error(), http.StatusForbidden)
	case err != nil:
		session.Error(w, r, err)
	default:
		s.Login(owner)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}
