package session_test

import (
	"fmt"

	"github.com/expanse-go/session"
)

// A flash message exists in this request and the next one, and is then deleted.
func ExampleSession_Flash() {
	show := func(s *session.Session) { fmt.Println(session.Get(s, "status", "nothing new")) }
	visit(newManager(),
		func(s *session.Session) { s.Flash("status", "Saved.") },
		show,
		show,
	)
	// Output:
	// Saved.
	// nothing new
}

// Keep keeps one message for another request; Reflash keeps all.
func ExampleSession_Keep() {
	visit(newManager(),
		func(s *session.Session) { s.Flash("status", "Saved."); s.Flash("hint", "Try the cart.") },
		func(s *session.Session) { s.Keep("hint") },
		func(s *session.Session) { fmt.Println(s.All()) },
		func(s *session.Session) { fmt.Println(s.All()) },
	)
	// Output:
	// map[hint:Try the cart.]
	// map[]
}
