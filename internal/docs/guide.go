package docs

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/expanse-go/session"
)

// use stands for what a program does with the values of a quotation.
func use(...any) {}

func add(store session.Store, mux *http.ServeMux) *http.Server {
	manager, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err) // reports every mistake in the configuration at once
	}
	server := &http.Server{Addr: ":8080", Handler: manager.Handler(mux)}
	return server
}

func show(w http.ResponseWriter, r *http.Request) {
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err) // 503 if the store is down
		return
	}
	fmt.Fprintln(w, session.Get(s, "user.name", "guest"))
}

func routes(mux *http.ServeMux, manager *session.Manager, poll, emailForm, changeEmail, confirm http.Handler) {
	mux.Handle("GET /account", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprintln(w, "signed in as", s.Owner())
	}))

	account := http.HandlerFunc(show)
	signedIn := manager.RequireLogin("/login")
	mux.Handle("/account/", signedIn(account))

	fresh := manager.RequireFresh(10*time.Minute, "/confirm")
	mux.Handle("GET /account/email", signedIn(fresh(emailForm)))
	mux.Handle("POST /account/email", signedIn(fresh(changeEmail)))
	mux.Handle("/confirm", signedIn(confirm))

	mux.Handle("/poll/", manager.IgnoreActivity(poll)) // all requests to these routes
}

func login(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /login
	var user struct{ ID string }
	s.Login(user.ID)
	http.Redirect(w, r, session.ReturnPath(r, "/"), http.StatusSeeOther)
}

func confirmed(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Confirm() // in POST /confirm, once the password was right
	http.Redirect(w, r, session.ReturnPath(r, "/"), http.StatusSeeOther)
}

func values(s *session.Session) {
	type Address struct{ City string }

	s.Set("user.name", "Ada")
	s.Set("user.address", Address{City: "London"})

	name := session.Get(s, "user.name", "guest")    // the default determines the type
	city := session.Get(s, "user.address.city", "") // a path can go into a value
	address, ok := session.Lookup[Address](s, "user.address")

	var a Address
	err := s.Decode("user.address", &a) // an error that says what is wrong

	code := session.Pop(s, "invite.code", "") // get and remove
	s.Remove("user.draft", "user.preview")
	s.Clear() // all data; the session itself stays

	use(name, city, address, ok, err, code)
}

func typedKeys(s *session.Session, item string) {
	type Cart struct{ Items []string }

	var cart = session.NewKey[Cart]("shop.cart")

	c := cart.Get(s, Cart{})
	cart.Set(s, Cart{})
	c = cart.Update(s, func(c Cart) Cart { c.Items = append(c.Items, item); return c })

	use(c)
}

func overlap(s *session.Session) {
	s.Set("n", session.Get(s, "n", 0)+1)                          // wrong
	n := session.Update(s, "n", func(n int) int { return n + 1 }) // right; n is the new value

	code := session.PopOnce(s, "one_time_code", "")

	use(n, code)
}

func flash(w http.ResponseWriter, r *http.Request, s *session.Session, page http.HandlerFunc) {
	s.Flash("status", "Saved.") // in the handler of the form
	http.Redirect(w, r, "/profile", http.StatusSeeOther)

	status := session.Get(s, "status", "") // on the page

	form := struct{ Name string }{r.FormValue("name")}
	if form.Name == "" {
		s.FlashNow("status", "Enter a name.")
		page(w, r) // reads "status" like any other message
		return
	}

	s.AddFlash("messages", "Saved.")                     // in one handler
	s.AddFlash("messages", "The address is incomplete.") // in another one

	for _, text := range session.Get(s, "messages", []string{}) {
		fmt.Fprintln(w, text)
	}

	use(status)
}

func logins(s *session.Session, userID string, remember bool) {
	s.Login(userID) // new token; the old one stops working; the absolute timeout starts again
	s.Regenerate()  // new token for any other change of privilege
	s.Invalidate()  // log out: the record is deleted and the token stops working

	s.Login(userID)
	if remember {
		s.SetTimeouts(14*24*time.Hour, 30*24*time.Hour) // idle, absolute
		s.SetPersistent(true)                           // the cookie outlives the browser
	}
	idle, absolute := s.Timeouts()

	use(idle, absolute)
}

func polled(w http.ResponseWriter, s *session.Session) {
	s.IgnoreActivity() // or this request
	fmt.Fprintln(w, time.Until(s.ExpiresAt()))
}

func sessions(ctx context.Context, manager *session.Manager, s *session.Session, userID string, id session.ID) error {
	for info, err := range manager.List(ctx, userID) {
		if err != nil {
			return err
		}
		fmt.Println(info.ID, info.Client.Address, info.Client.UserAgent, info.LastActivity)
	}

	info, err := manager.Info(ctx, id)                 // one session
	err = manager.Revoke(ctx, id)                      // end it
	n, err := manager.RevokeOwner(ctx, userID, s.ID()) // end all others of the account

	use(info, n)
	return err
}

func everywhere(w http.ResponseWriter, r *http.Request, manager *session.Manager, s *session.Session) {
	if _, err := manager.RevokeOwner(r.Context(), s.Owner()); err != nil {
		session.Error(w, r, err)
		return
	}
	s.Flash("status", "You are signed out everywhere.")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

func edits(ctx context.Context, manager *session.Manager, userID string, id session.ID) error {
	err := manager.Edit(ctx, id, func(s *session.Session) error { // one session
		s.Set("user.role", "editor")
		return nil
	})

	n, err := manager.EditOwner(ctx, userID, func(s *session.Session) error { // all of an account
		s.Remove("user.team")
		return nil
	})

	use(n)
	return err
}

func endTeam(ctx context.Context, manager *session.Manager, team string) error {
	for info, err := range manager.ListAll(ctx) {
		if err != nil {
			return err
		}
		err := manager.Edit(ctx, info.ID, func(s *session.Session) error {
			if session.Get(s, "user.team", "") == team {
				s.Invalidate()
			}
			return nil
		})
		if err != nil && !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrEnded) {
			return err
		}
	}
	return nil
}

func stream(r *http.Request, s *session.Session, events <-chan string, send func(string)) {
	ctx, cancel := s.Watch(r.Context())
	defer cancel()
	for {
		select {
		case event := <-events:
			send(event)
		case <-ctx.Done():
			return // context.Cause(ctx) says why
		}
	}
}

func outside(ctx context.Context, manager *session.Manager, token string, serve func(context.Context) error) error {
	s, err := manager.Load(ctx, session.Token(token))
	if err != nil {
		return err
	}
	err = serve(session.NewContext(ctx, s))
	if err != nil {
		return err
	}
	cookie, err := manager.Commit(ctx, s)
	if err != nil {
		return err
	}

	use(cookie)
	return nil
}
