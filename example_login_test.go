package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

var ctx = context.Background()

// Login gives the client a new token. The old token, which somebody else may have
// planted or learned, has no access.
func ExampleSession_Login() {
	m := newManager()
	s, _ := m.Load(ctx, "")
	s.Set("cart", "lamp")
	before, _ := m.Commit(ctx, s)

	s.Login("ada")
	after, _ := m.Commit(ctx, s)

	thief, _ := m.Load(ctx, session.Token(before.Value))
	fmt.Printf("old token: %q %v\n", thief.Owner(), thief.All())
	user, _ := m.Load(ctx, session.Token(after.Value))
	fmt.Printf("new token: %q %v\n", user.Owner(), user.All())
	// Output:
	// old token: "" map[]
	// new token: "ada" map[cart:lamp]
}

// Invalidate logs the visitor out.
func ExampleSession_Invalidate() {
	visit(newManager(),
		func(s *session.Session) { s.Login("ada"); s.Set("secret", 1) },
		func(s *session.Session) { s.Invalidate() },
		func(s *session.Session) { fmt.Printf("%q %v %v\n", s.Owner(), s.All(), s.IsNew()) },
	)
	// Output: "" map[] true
}

// "Remember me" is a choice for each session, not a setting of the manager.
func ExampleSession_SetTimeouts() {
	m := newManager()
	s, _ := m.Load(ctx, "")
	s.Login("ada")
	s.SetTimeouts(14*24*time.Hour, 30*24*time.Hour)
	s.SetPersistent(true)
	cookie, _ := m.Commit(ctx, s)
	fmt.Println(time.Duration(cookie.MaxAge) * time.Second)
	// Output: 720h0m0s
}

// After a password change, end all other sessions of the account.
func ExampleManager_RevokeOwner() {
	m := newManager()
	var here session.ID
	for range 3 {
		s, _ := m.Load(ctx, "")
		s.Login("ada")
		m.Commit(ctx, s)
		here = s.ID()
	}
	n, err := m.RevokeOwner(ctx, "ada", here)
	fmt.Println(n, err)
	for info := range m.List(ctx, "ada") {
		fmt.Println(info.ID == here)
	}
	// Output:
	// 2 <nil>
	// true
}

// The password changes while somebody signs in with the old one. RevokeOwner comes too early
// to see that session, but the condition of its login is no longer true.
func ExampleOnlyIf() {
	m := newManager()
	password := "old" // in the application's database
	checked := password

	s, _ := m.Load(ctx, "")
	s.Login("ada", session.OnlyIf(func(context.Context) (bool, error) { return password == checked, nil }))

	password = "new"
	m.RevokeOwner(ctx, "ada")

	_, err := m.Commit(ctx, s)
	fmt.Println(err)
	// Output: session: the condition of the login (OnlyIf) is no longer true; the user has to sign in again
}

// Another user signs in on the same browser, and gets none of the first user's data.
func ExampleKeepingData() {
	visit(newManager(),
		func(s *session.Session) { s.Login("ada"); s.Set("cart", "lamp") },
		func(s *session.Session) { s.Login("ada.lovelace", session.KeepingData()) }, // has a new name
		func(s *session.Session) { fmt.Println(s.Owner(), s.All()) },
		func(s *session.Session) { s.Login("bob") },
		func(s *session.Session) { fmt.Println(s.Owner(), s.All()) },
	)
	// Output:
	// ada.lovelace map[cart:lamp]
	// bob map[]
}

// With a limit of two, a login on a third device ends the session that was used least
// recently.
func ExampleConfig_maxPerOwner() {
	clock := time.Now()
	m, _ := session.New(memstore.New(memstore.Config{}), session.Config{MaxPerOwner: 2, Now: func() time.Time { return clock }})
	var tokens []session.Token
	for range 3 {
		clock = clock.Add(time.Second)
		s, _ := m.Load(ctx, "")
		s.Login("ada")
		cookie, _ := m.Commit(ctx, s)
		tokens = append(tokens, session.Token(cookie.Value))
	}
	for _, t := range tokens {
		s, _ := m.Load(ctx, t)
		fmt.Printf("%q ", s.Owner())
	}
	// Output: "" "ada" "ada"
}

// New reports all mistakes at once.
func ExampleNew() {
	_, err := session.New(memstore.New(memstore.Config{}), session.Config{
		IdleTimeout:     48 * time.Hour,
		AbsoluteTimeout: 24 * time.Hour,
		Cookie:          session.CookieConfig{Domain: "example.com"},
	})
	fmt.Println(err)
	// Output:
	// session: Config.IdleTimeout = 48h0m0s: longer than AbsoluteTimeout (24h0m0s), so it could never take effect; swap them or leave one out
	// session: Config.Cookie.Domain = example.com: a __Host- cookie has no domain; leave it out, or set DangerouslyDropHostPrefix to share it with all subdomains
}

// Printing a token does not show it.
func ExampleToken() {
	var t session.Token = "c2VjcmV0"
	fmt.Printf("%v %s %q %#v\n", t, t, t, t)
	// Output: [redacted] [redacted] [redacted] [redacted]
}

// The middleware rejects requests that another site makes a browser send.
func ExampleManager_Handler() {
	h := newManager().Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "done") }))
	r := httptest.NewRequest("POST", "https://example.com/pay", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 403
}
