package session_test

import (
	"fmt"
	"sync"

	"github.com/expanse-go/session"
)

type Cart struct {
	Items []string
}

// A typed key names a value together with its type.
func ExampleKey() {
	cart := session.NewKey[Cart]("shop.cart")
	visit(newManager(), func(s *session.Session) {
		cart.Update(s, func(c Cart) Cart {
			c.Items = append(c.Items, "lamp")
			return c
		})
		fmt.Println(cart.Get(s, Cart{}).Items)
	})
	// Output: [lamp]
}

// Fifty concurrent requests add one each, and none is lost.
func ExampleUpdate() {
	m := newManager()
	var token session.Token
	first, _ := m.Load(ctx, "")
	first.Set("n", 0)
	cookie, _ := m.Commit(ctx, first)
	token = session.Token(cookie.Value)

	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			s, _ := m.Load(ctx, token)
			session.Update(s, "n", func(n int) int { return n + 1 })
			m.Commit(ctx, s)
		})
	}
	wg.Wait()
	last, _ := m.Load(ctx, token)
	fmt.Println(session.Get(last, "n", 0))
	// Output: 50
}

// Get followed by Set is not an increment: the commit does not check what Get returned,
// so one of two concurrent increments is lost. Use Update.
func ExampleGet_incorrect() {
	m := newManager()
	first, _ := m.Load(ctx, "")
	first.Set("n", 0)
	cookie, _ := m.Commit(ctx, first)

	a, _ := m.Load(ctx, session.Token(cookie.Value))
	b, _ := m.Load(ctx, session.Token(cookie.Value))
	a.Set("n", session.Get(a, "n", 0)+1)
	b.Set("n", session.Get(b, "n", 0)+1)
	m.Commit(ctx, a)
	m.Commit(ctx, b)

	last, _ := m.Load(ctx, session.Token(cookie.Value))
	fmt.Println(session.Get(last, "n", 0))
	// Output: 1
}

// Changing the copy that Get returned has no effect. Set it again, or use Update.
func ExampleKey_Get_incorrect() {
	cart := session.NewKey[Cart]("shop.cart")
	visit(newManager(), func(s *session.Session) {
		c := cart.Get(s, Cart{})
		c.Items = append(c.Items, "lamp") // has no effect
		fmt.Println(cart.Get(s, Cart{}).Items)
	})
	// Output: []
}

// A one-time code works once, even in concurrent requests.
func ExamplePopOnce() {
	m := newManager()
	first, _ := m.Load(ctx, "")
	first.Set("code", "1234")
	cookie, _ := m.Commit(ctx, first)

	a, _ := m.Load(ctx, session.Token(cookie.Value))
	b, _ := m.Load(ctx, session.Token(cookie.Value))
	fmt.Println(session.PopOnce(a, "code", ""), session.PopOnce(b, "code", ""))
	_, err := m.Commit(ctx, a)
	fmt.Println(err)
	_, err = m.Commit(ctx, b)
	fmt.Println(err)
	// Output:
	// 1234 1234
	// <nil>
	// session: another request has changed or removed the value that PopOnce returned
}
