// Package sessionpage provides two web pages about sessions: [Account], on which users see
// and end their own sessions, and [Admin], on which administrators see how many sessions
// there are, and find and end those of an account.
//
//	account, err := sessionpage.NewAccount(manager, sessionpage.AccountConfig{
//		Look:   sessionpage.Look{Name: "Acme"},
//		SignIn: "/sign-in",
//	})
//	…
//	mux.Handle("/account/sessions/", http.StripPrefix("/account/sessions", account))
//
// The pages use html/template and one style sheet that they serve themselves. They need no
// script, no other server, and no exception in a content security policy. They follow the
// color scheme of the browser and WCAG 2.2 AA. [Look] sets the name, the logo, the colors,
// the layout and the language.
//
// # Mounting
//
// Each page has several addresses, all in one folder: mount the handler with
// [http.StripPrefix] below a path that ends in a slash. All links are relative, so the
// handler need not know the path, and a proxy may change it. The handlers include the
// middleware of the manager; they may also be inside of [session.Manager.Handler].
//
// # Security
//
// A change needs a POST request. The manager refuses those that come from another origin.
// Without [AdminConfig].Authorize there is no admin page, and an owner can end only sessions
// that belong to the same owner.
//
// No address contains a session ID or an owner. An ID is public, in the sense that nobody
// gets into a session with it. But addresses are written into logs, histories and Referer
// headers, where an ID or an account's name would tell who has used the site. IDs are in
// hidden fields of forms, and the owner that an administrator has searched for is in the
// administrator's own session.
//
// The User-Agent header is whatever a client sends. The default parser returns only names
// from its own list, so that a header cannot put text on the page. Text from hooks is
// escaped, cut to 64 characters, and stripped of control and format characters.
//
// # Limits
//
// Both pages read the sessions of the store one by one, in bounded memory, and stop after a
// time limit. The page then says how many sessions it has counted. See
// [AccountConfig].Limit and [AdminConfig].CountTime.
package sessionpage
