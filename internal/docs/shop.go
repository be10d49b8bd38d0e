package docs

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/expanse-go/session"
)

// Cart maps an article to how many of it the visitor wants.
type Cart map[string]int

var cart = session.NewKey[Cart]("shop.cart")

func (a *site) loginWithCart(w http.ResponseWriter, r *http.Request, s *session.Session, userID string) {
	saved, err := a.savedCart(r.Context(), userID) // of earlier visits, from the database
	if err != nil {
		session.Error(w, r, err)
		return
	}
	s.Login(userID) // first: if somebody else was signed in, it drops their cart
	cart.Update(s, func(c Cart) Cart {
		merged := Cart{}
		for article, n := range saved {
			merged[article] = n
		}
		for article, n := range c {
			merged[article] = max(merged[article], n) // not the sum: a second login must not add again
		}
		return merged
	})
	http.Redirect(w, r, "/cart", http.StatusSeeOther)
}

// An Order is filled in over several pages.
type Order struct {
	Items   []string
	Address string
}

func (a *site) startOrder(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /order
	form := rand.Text()
	s.Set("orders."+form, Order{Items: []string{r.FormValue("item")}})
	http.Redirect(w, r, "/order/"+form+"/address", http.StatusSeeOther)
}

func (a *site) orderAddress(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /order/{form}/address
	form := r.PathValue("form")
	path := session.Join("orders", form)
	if !s.Has(path) {
		http.NotFound(w, r)
		return
	}
	s.Set(path+".Address", r.FormValue("address")) // a step writes only its own fields
	http.Redirect(w, r, "/order/"+form+"/confirm", http.StatusSeeOther)
}

func (a *site) confirmOrder(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /order/{form}/confirm
	form := r.PathValue("form")
	path := session.Join("orders", form)
	if session.Get(s, path+".Address", "") == "" {
		http.Redirect(w, r, "/order/"+form+"/address", http.StatusSeeOther)
		return
	}
	order := session.PopOnce(s, path, Order{})
	if err := a.placeOrder(r.Context(), form, order); err != nil { // form is unique in the table of orders
		session.Error(w, r, err)
		return
	}
	s.Flash("status", "Thank you for your order.")
	http.Redirect(w, r, "/orders", http.StatusSeeOther)
}

func (a *site) upload(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /upload
	r.Body = http.MaxBytesReader(w, r.Body, 20<<20)
	name, err := a.keepFile(r) // streams the file to the storage, under a random name
	if err != nil {
		http.Error(w, "The file could not be stored.", http.StatusBadRequest)
		return
	}
	s.Append("uploads", name) // the name, not the file
	http.Redirect(w, r, "/files", http.StatusSeeOther)
}

type window struct {
	Began time.Time
	Count int
}

func (a *site) invite(w http.ResponseWriter, r *http.Request, s *session.Session) { // POST /invite
	now := time.Now()
	used := session.Update(s, "limits.invite", func(u window) window {
		if now.Sub(u.Began) > time.Hour {
			u = window{Began: now}
		}
		u.Count++
		return u
	})
	if used.Count > 10 {
		w.Header().Set("Retry-After", "3600")
		http.Error(w, "Too many invitations. Try again in an hour.", http.StatusTooManyRequests)
		return
	}
	fmt.Fprintln(w, "invited")
}

// Address is the new shape. Until last week, "address" was one line of text.
type Address struct {
	Street, City string
}

func addressOf(s *session.Session) Address {
	if a, ok := session.Lookup[Address](s, "postal_address"); ok { // a new key, so that the old release never sees it
		return a
	}
	return Address{Street: session.Get(s, "address", "")}
}

func setAddress(s *session.Session, a Address) {
	s.Set("postal_address", a)
	s.Set("address", a.Street+", "+a.City) // while the old release still runs, or may come back
}

func (a *site) exportSessions(ctx context.Context, userID string) ([]json.RawMessage, error) {
	var all []json.RawMessage
	for info, err := range a.manager.List(ctx, userID) {
		if err != nil {
			return nil, err
		}
		entry, err := json.Marshal(map[string]any{
			"created": info.CreatedAt, "lastActivity": info.LastActivity,
			"address": info.Client.Address, "browser": info.Client.UserAgent,
			"data": json.RawMessage(info.Document()),
		})
		if err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	return all, nil
}

// maintenance belongs outside manager.Handler, so that no session is loaded.
func maintenance(on func() bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if on() && r.URL.Path != "/ready" {
			w.Header().Set("Retry-After", "600")
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "We will be back in ten minutes.", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func me(w http.ResponseWriter, r *http.Request) { // GET /api/me
	s, err := session.From(r.Context())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"user": s.Owner(), "until": s.ExpiresAt()})
}

func article(w http.ResponseWriter, r *http.Request) { // GET /articles/{id}: the same for everybody
	w.Header().Set("Cache-Control", "public, max-age=300")
	fmt.Fprintf(w, `<article>…</article><div hx-get="/greeting" hx-trigger="load"></div>`)
}

func greeting(w http.ResponseWriter, r *http.Request, s *session.Session) { // GET /greeting: only for this visitor
	w.Header().Set("Cache-Control", "private, no-cache")
	fmt.Fprintf(w, "Hello %s!", session.Get(s, "user.name", "guest"))
}

func twoApps(shop, office session.Store) (*session.Manager, *session.Manager, error) {
	customers, err := session.New(shop, session.Config{
		Application: "shop",
		Cookie:      session.CookieConfig{Name: "shop"},
	})
	if err != nil {
		return nil, nil, err
	}
	employees, err := session.New(office, session.Config{
		Application: "office",
		Cookie:      session.CookieConfig{Name: "office"},
	})
	return customers, employees, err
}

var allSubdomains = session.CookieConfig{
	Domain:                    "example.com",
	DangerouslyDropHostPrefix: true, // a cookie with a Domain can't be named __Host-
}
