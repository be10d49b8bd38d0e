package docs

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"

	"github.com/expanse-go/session"
)

func wrongCounter(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("visits", session.Get(s, "visits", 0)+1)
	fmt.Fprintln(w, "counted")
}

func rightCounter(w http.ResponseWriter, r *http.Request, s *session.Session) {
	session.Update(s, "visits", func(n int) int { return n + 1 })
	fmt.Fprintln(w, "counted")
}

func wrongCopy(w http.ResponseWriter, r *http.Request, s *session.Session) {
	c := cart.Get(s, Cart{})
	c["tea"]++ // only in this copy
	fmt.Fprintln(w, "added")
}

func rightCopy(w http.ResponseWriter, r *http.Request, s *session.Session) {
	cart.Update(s, func(c Cart) Cart {
		if c == nil {
			c = Cart{}
		}
		c["tea"]++
		return c
	})
	fmt.Fprintln(w, "added")
}

type state struct {
	Theme, Language string
}

func wrongTheme(w http.ResponseWriter, r *http.Request, s *session.Session) {
	all := session.Get(s, "state", state{})
	all.Theme = r.FormValue("theme")
	s.Set("state", all) // also writes the language that this request has seen
	fmt.Fprintln(w, "saved")
}

func rightTheme(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("state.Theme", r.FormValue("theme"))
	fmt.Fprintln(w, "saved")
}

func wrongOnce(w http.ResponseWriter, r *http.Request, s *session.Session) {
	voucher := session.Get(s, "voucher", "")
	s.Remove("voucher")
	fmt.Fprintf(w, "redeemed %q", voucher)
}

func rightOnce(w http.ResponseWriter, r *http.Request, s *session.Session) {
	voucher := session.PopOnce(s, "voucher", "")
	fmt.Fprintf(w, "redeemed %q", voucher)
}

func wrongEffect(w http.ResponseWriter, r *http.Request, s *session.Session, mail func()) {
	session.Update(s, "orders", func(n int) int {
		mail() // again, if another request commits first
		return n + 1
	})
	fmt.Fprintln(w, "ordered")
}

func rightEffect(w http.ResponseWriter, r *http.Request, s *session.Session, mail func()) {
	session.Update(s, "orders", func(n int) int { return n + 1 })
	mail()
	fmt.Fprintln(w, "ordered")
}

func wrongLogin(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("user.id", r.FormValue("name")) // the token stays the same, and the session has no owner
	fmt.Fprintln(w, "signed in")
}

func rightLogin(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Login(r.FormValue("name"))
	fmt.Fprintln(w, "signed in")
}

func wrongLate(w http.ResponseWriter, r *http.Request, s *session.Session) {
	fmt.Fprintln(w, "Welcome!") // the header is on its way, without a cookie
	s.Login(r.FormValue("name"))
}

func rightLate(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Login(r.FormValue("name"))
	fmt.Fprintln(w, "Welcome!")
}

func wrongLogout(mux *http.ServeMux, manager *session.Manager) {
	mux.Handle("GET /logout", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate() // a link, a prefetch or a redirect of any site gets here
		fmt.Fprintln(w, "signed out")
	}))
}

func rightLogout(mux *http.ServeMux, manager *session.Manager) {
	mux.Handle("POST /logout", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate()
		fmt.Fprintln(w, "signed out")
	}))
}

func wrongError(w http.ResponseWriter, r *http.Request, s *session.Session, charge func() error) {
	s.Set("order.paid", true)
	if err := charge(); err != nil {
		http.Error(w, "The payment has failed.", http.StatusBadGateway) // commits order.paid
		return
	}
	fmt.Fprintln(w, "paid")
}

func rightError(w http.ResponseWriter, r *http.Request, s *session.Session, charge func() error) {
	s.Set("order.paid", true)
	if err := charge(); err != nil {
		s.Rollback()
		http.Error(w, "The payment has failed.", http.StatusBadGateway)
		return
	}
	fmt.Fprintln(w, "paid")
}

func wrongJob(w http.ResponseWriter, r *http.Request, s *session.Session, run func(func())) {
	run(func() { s.Set("report", "ready") }) // runs when the response has been sent
	fmt.Fprintln(w, "in preparation")
}

func rightJob(w http.ResponseWriter, r *http.Request, s *session.Session, m *session.Manager, run func(func())) {
	id, ctx := s.ID(), context.WithoutCancel(r.Context())
	run(func() {
		err := m.Edit(ctx, id, func(s *session.Session) error {
			s.Set("report", "ready")
			return nil
		})
		if err != nil && !errors.Is(err, session.ErrNotFound) {
			log.Print(err)
		}
	})
	fmt.Fprintln(w, "in preparation")
}

func wrongAdmin(w http.ResponseWriter, r *http.Request, s *session.Session) {
	if session.Get(s, "user.role", "") != "admin" { // as it was at the login
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	fmt.Fprintln(w, "secrets")
}

func rightAdmin(w http.ResponseWriter, r *http.Request, s *session.Session, role func(ctx context.Context, userID string) string) {
	if role(r.Context(), s.Owner()) != "admin" {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	fmt.Fprintln(w, "secrets")
}

func wrongEverywhere(w http.ResponseWriter, r *http.Request, s *session.Session, m *session.Manager) {
	s.Invalidate()
	if _, err := m.RevokeOwner(r.Context(), s.Owner()); err != nil { // Owner is "" by now
		session.Error(w, r, err)
		return
	}
	fmt.Fprintln(w, "signed out everywhere")
}

func rightEverywhere(w http.ResponseWriter, r *http.Request, s *session.Session, m *session.Manager) {
	if _, err := m.RevokeOwner(r.Context(), s.Owner()); err != nil {
		session.Error(w, r, err)
		return
	}
	fmt.Fprintln(w, "signed out everywhere")
}

func wrongLog(r *http.Request, log *slog.Logger) {
	log.Info("request", "headers", r.Header) // with the cookie: whoever reads the log can sign in
}

func rightLog(s *session.Session, log *slog.Logger) {
	log.Info("request", "session", s.ID(), "user", s.Owner())
}
