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

// A page that answers a form itself shows a message now, and not again on the next page.
func ExampleSession_FlashNow() {
	show := func(s *session.Session) { fmt.Println(session.Get(s, "status", "nothing new")) }
	visit(newManager(),
		func(s *session.Session) { s.FlashNow("status", "Enter a name."); show(s) },
		show,
	)
	// Output:
	// Enter a name.
	// nothing new
}

// Several handlers leave messages for the next page. What a page adds is for the one after it.
func ExampleSession_AddFlash() {
	show := func(s *session.Session) { fmt.Printf("%q\n", session.Get(s, "messages", []string{})) }
	visit(newManager(),
		func(s *session.Session) {
			s.AddFlash("messages", "Saved.")
			s.AddFlash("messages", "The address looks incomplete.")
		},
		func(s *session.Session) { show(s); s.AddFlash("messages", "Welcome back.") },
		show,
		show,
	)
	// Output:
	// ["Saved." "The address looks incomplete."]
	// ["Welcome back."]
	// []
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

// A layout shows all flash messages, whatever their paths are.
func ExampleSession_FlashPaths() {
	visit(newManager(),
		func(s *session.Session) {
			s.Flash("status", "Saved.")
			s.Flash("errors.name", "Enter a name.")
			s.Set("cart", 3)
		},
		func(s *session.Session) {
			for path := range s.FlashPaths() {
				fmt.Println(path, session.Get(s, path, ""))
			}
		},
	)
	// Output:
	// errors.name Enter a name.
	// status Saved.
}
