package session_test

import (
	"fmt"

	"github.com/expanse-go/session"
)

// A flash message is there now and in the next request, and then gone.
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

// Keep gives one message another request; Reflash all of them.
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
