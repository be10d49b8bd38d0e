package sessiontest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// Two tabs add an item to a cart. The handler reads the cart, appends to it, and writes
// it back, so concurrent requests lose an item.
func ExampleRace() {
	race := sessiontest.Race{
		Open: func(tb testing.TB) (*session.Manager, http.Handler) {
			manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
			return manager, manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				cart := session.Get(s, "cart", []string{})
				s.Set("cart", append(cart, r.FormValue("item"))) // should be s.Append
			})
		},
		Seed: func(s *session.Session) { s.Login("ana") },
		Requests: []sessiontest.RaceRequest{
			{Name: "tea", New: func() *http.Request { return httptest.NewRequest("POST", "/cart?item=tea", nil) }},
			{Name: "jam", New: func() *http.Request { return httptest.NewRequest("POST", "/cart?item=jam", nil) }},
		},
	}
	for order := range race.Orders() { // a test sets Check and calls race.Run(t)
		o := race.Play(t, order)
		fmt.Println(order, session.Get(o.Session, "cart", []string{}))
	}
	// Output:
	// tea loads, tea commits, jam loads, jam commits [tea jam]
	// tea loads, jam loads, tea commits, jam commits [jam]
	// tea loads, jam loads, jam commits, tea commits [tea]
	// jam loads, tea loads, tea commits, jam commits [jam]
	// jam loads, tea loads, jam commits, tea commits [tea]
	// jam loads, jam commits, tea loads, tea commits [jam tea]
}
