package sessionpage_test

import (
	"context"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
)

// This mounts the page on which users see and end their own sessions.
func ExampleNewAccount() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	account, err := sessionpage.NewAccount(manager, sessionpage.AccountConfig{
		Look:   sessionpage.Look{Name: "Acme"},
		SignIn: "/sign-in",
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/account/sessions/", http.StripPrefix("/account/sessions", account))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/account/sessions/", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "You are not signed in."))
	// Output: 200 true
}

// Administrators are the users with a role, which the application looks up.
func ExampleNewAdmin() {
	var counters sessionpage.Counters
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{OnEvent: counters.Count})
	if err != nil {
		log.Fatal(err)
	}
	isAdmin := func(owner string) bool { return owner == "root" }
	admin, err := sessionpage.NewAdmin(manager, sessionpage.AdminConfig{
		Authorize: func(_ *http.Request, s *session.Session) bool { return isAdmin(s.Owner()) },
		Counters:  &counters,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/admin/sessions/", http.StripPrefix("/admin/sessions", admin))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/admin/sessions/", nil))
	fmt.Println(w.Code)
	// Output: 403
}

// Without a function that recognizes administrators, there is no page.
func ExampleNewAdmin_incorrect() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	_, err := sessionpage.NewAdmin(manager, sessionpage.AdminConfig{})
	fmt.Println(err)
	// Output: session: AdminConfig.Authorize is nil, which would let everybody in; set a function that recognizes administrators
}

// A user who has signed in more than ten minutes ago enters the password again before other
// sessions end.
func ExampleAccountConfig_reauthenticate() {
	_ = sessionpage.AccountConfig{
		Reauthenticate: func(w http.ResponseWriter, r *http.Request, s *session.Session) bool {
			if time.Since(s.AuthenticatedAt()) < 10*time.Minute {
				return true
			}
			http.Redirect(w, r, "/confirm?return_to=/account/sessions/", http.StatusSeeOther)
			return false
		},
		Place: func(_ context.Context, address string) string {
			return "" // ask a database of addresses here
		},
	}
}

// The colors of a brand replace the default ones. A color that is hard to read is refused.
func ExampleLook_colors() {
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	_, err := sessionpage.NewAccount(manager, sessionpage.AccountConfig{Look: sessionpage.Look{
		Name: "Acme", Logo: "/static/logo.svg",
		Light: sessionpage.Colors{Accent: "#0c6b5e"},
		Dark:  sessionpage.Colors{Accent: "#124d45", OnAccent: "#ffffff"},
	}})
	fmt.Println(err)
	// Output:
	// session: Look.Dark: Accent on Background has a contrast of 1.89, want 4.5 or more (WCAG 2.2 AA)
	// session: Look.Dark: Accent on Surface has a contrast of 1.73, want 4.5 or more (WCAG 2.2 AA)
}

// The pages appear in the layout of the site.
func ExampleLook_layout() {
	layout := template.Must(template.New("layout").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}" dir="{{.Direction}}">
<title>{{.Title}} · Acme</title>
<link rel="stylesheet" href="/site.css">
<link rel="stylesheet" href="{{.Style}}">
<main id="main">{{.Content}}</main>
</html>`))
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{})
	_, err := sessionpage.NewAccount(manager, sessionpage.AccountConfig{Look: sessionpage.Look{Layout: layout}})
	fmt.Println(err)
	// Output: <nil>
}

// A site in two languages chooses by a cookie or an account, here by a header.
func ExampleTexts() {
	_ = sessionpage.Look{
		Languages: map[string]sessionpage.Language{
			"de": {Texts: map[string]string{
				"title":       "Deine Sitzungen",
				"done_others": "Beendete andere Sitzungen: {n}.",
			}},
			"ar": {Texts: map[string]string{"title": "جلساتك"}, RightToLeft: true},
		},
		Language: func(r *http.Request) string { return r.Header.Get("X-Language") },
	}
	fmt.Println(sessionpage.Texts()["done_others"])
	// Output: Other sessions that have ended: {n}.
}

// The names and the version come from lists and digits, whatever the header contains.
func ExampleParseDevice() {
	d := sessionpage.ParseDevice("Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0")
	fmt.Println(d.Browser, "on", d.System, "-", d.Kind)
	d = sessionpage.ParseDevice("<b>Your account is locked: call 555-0100</b>")
	fmt.Printf("%q\n", d)
	// Output:
	// Firefox 143 on Linux - desktop
	// {"" "" ""}
}

// The counters can count beside what the application does with events.
func ExampleCounters() {
	var counters sessionpage.Counters
	manager, _ := session.New(memstore.New(memstore.Config{}), session.Config{
		OnEvent: func(ctx context.Context, e session.Event) {
			counters.Count(ctx, e)
			// log e
		},
	})
	h := manager.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("ada") })
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/sign-in", nil))
	fmt.Println(counters.Of(session.EventCreated))
	// Output: 1
}
