package docs

import (
	"context"
	"net/http"
	"time"

	"github.com/expanse-go/session"
)

func (a *site) login(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /login
	userID, ok, err := a.checkPassword(r.Context(), r.FormValue("name"), r.FormValue("password"))
	if err != nil {
		session.Error(w, r, err)
		return
	}
	if !ok {
		w.WriteHeader(http.StatusUnprocessableEntity)
		a.page(w, "login", "The name or the password is wrong.")
		return
	}
	s.Login(userID)
	http.Redirect(w, r, session.ReturnPath(r, "/"), http.StatusSeeOther)
}

func (a *site) logout(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /logout
	s.Invalidate()
	s.Flash("status", "You are signed out.") // in a new, anonymous session
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *site) forgotPassword(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /forgot
	if err := a.createReset(r.Context(), r.FormValue("email")); err != nil { // stores a digest of the code, sends the mail
		session.Error(w, r, err)
		return
	}
	s.Flash("status", "If there is an account with this address, we have sent a link to it.")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func (a *site) resetPassword(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /reset
	userID, ok, err := a.takeReset(r.Context(), r.FormValue("code")) // deletes the code in the same statement
	if err == nil && !ok {
		s.Flash("status", "This link has expired. Request a new one.")
		http.Redirect(w, r, "/forgot", http.StatusSeeOther)
		return
	}
	if err == nil {
		err = a.setPassword(r.Context(), userID, r.FormValue("password"))
	}
	if err == nil {
		_, err = a.manager.RevokeOwner(r.Context(), userID) // whoever knew the old password is out
	}
	if err != nil {
		session.Error(w, r, err)
		return
	}
	s.Flash("status", "Sign in with your new password.")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

type halfway struct {
	UserID string
	Until  time.Time
	Tries  int
}

var secondFactor = session.NewKey[halfway]("second_factor")

func (a *site) firstStep(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /login
	userID, ok, err := a.checkPassword(r.Context(), r.FormValue("name"), r.FormValue("password"))
	if err != nil {
		session.Error(w, r, err)
		return
	}
	if !ok {
		w.WriteHeader(http.StatusUnprocessableEntity)
		a.page(w, "login", "The name or the password is wrong.")
		return
	}
	s.Regenerate() // not Login: the user isn't signed in yet
	secondFactor.Set(s, halfway{UserID: userID, Until: time.Now().Add(5 * time.Minute)})
	http.Redirect(w, r, "/login/code", http.StatusSeeOther)
}

func (a *site) secondStep(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /login/code
	half := secondFactor.Update(s, func(h halfway) halfway { h.Tries++; return h })
	if half.UserID == "" || half.Tries > 5 || time.Now().After(half.Until) {
		secondFactor.Remove(s)
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	ok, err := a.checkCode(r.Context(), half.UserID, r.FormValue("code")) // also limits the tries of the account
	if err != nil {
		session.Error(w, r, err)
		return
	}
	if !ok {
		w.WriteHeader(http.StatusUnprocessableEntity)
		a.page(w, "code", "The code is wrong.")
		return
	}
	secondFactor.Remove(s)
	s.Login(half.UserID)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

type acting struct {
	Customer string
	Until    time.Time
}

var actingFor = session.NewKey[acting]("acting_for")

func (a *site) actFor(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /staff/act
	customer, reason := r.FormValue("customer"), r.FormValue("reason")
	if !a.isStaff(r.Context(), s.Owner()) || reason == "" {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	if err := a.audit(r.Context(), s.Owner(), customer, reason); err != nil { // before, so that it is never missing
		session.Error(w, r, err)
		return
	}
	actingFor.Set(s, acting{Customer: customer, Until: time.Now().Add(15 * time.Minute)})
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

// account returns whose pages to show. The owner remains the member of staff.
func (a *site) account(ctx context.Context, s *session.Session) string {
	act := actingFor.Get(s, acting{})
	if act.Customer != "" && time.Now().Before(act.Until) && a.isStaff(ctx, s.Owner()) {
		return act.Customer
	}
	return s.Owner()
}
