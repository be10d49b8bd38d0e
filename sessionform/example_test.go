package sessionform_test

import (
	"context"
	"fmt"
	"html/template"
	"net/url"
	"os"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionform"
)

// request loads a session, calls a handler, and commits.
func request(m *session.Manager, token session.Token, handle func(*session.Session)) session.Token {
	s, err := m.Load(context.Background(), token)
	if err != nil {
		panic(err)
	}
	handle(s)
	cookie, err := m.Commit(context.Background(), s)
	if err != nil {
		panic(err)
	}
	if cookie != nil {
		token = session.Token(cookie.Value)
	}
	return token
}

// A form that was refused appears again, with what was entered.
func ExampleFlash() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	page := template.Must(template.New("").Funcs(sessionform.Funcs()).Parse(
		`<input name="email" value="{{old .Session "signup" "email"}}"> {{formError .Session "signup" "email"}}` + "\n"))
	show := func(s *session.Session) {
		if err := page.Execute(os.Stdout, map[string]any{"Session": s}); err != nil {
			panic(err)
		}
	}
	input := url.Values{"email": {"ana@"}, "password": {"hunter2"}}
	token := request(manager, "", func(s *session.Session) {
		sessionform.Flash(s, "signup", input, map[string]string{"email": "The address is incomplete."}, "email")
	})
	token = request(manager, token, show)
	request(manager, token, show)
	// Output:
	// <input name="email" value="ana@"> The address is incomplete.
	// <input name="email" value="">
}

// A double click sends a form twice. One request places the order, and the other one gets its
// number.
func ExampleOnce() {
	ctx := context.Background()
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	var once string
	token := request(manager, "", func(s *session.Session) { once = sessionform.NewToken(s, "order") })
	orders := 0
	for range 2 {
		token = request(manager, token, func(s *session.Session) {
			o, err := sessionform.Once(ctx, manager, s, "order", once, func() (string, error) {
				orders++
				return fmt.Sprintf("/orders/%d", orders), nil
			})
			fmt.Println(o.Result, o.Repeated, err)
		})
	}
	// Output:
	// /orders/1 false <nil>
	// /orders/1 true <nil>
}
