package sessionpage_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
)

const page = "/account/sessions/"

func TestAccountShowsOwnSessions(t *testing.T) {
	s := plainSite(t)
	s.client("ada", iphone)
	eve := s.client("eve", firefox)
	here := s.client("ada", firefox)
	r := here.Get(page)
	has(t, r, http.StatusOK, "<h1>Your sessions</h1>", "Firefox 143 on Linux", "Safari 18 on iOS", "This session", "Sign out", "End session", "192.0.2.1")
	if got := len(ids(r)); got != 2 {
		t.Errorf("%d sessions, want 2", got)
	}
	if strings.Index(r.Text, "This session") > strings.Index(r.Text, "iOS") {
		t.Error("the session of the request is not the first")
	}
	has(t, eve.Get(page), http.StatusOK, "nowhere else")
	lacks(t, eve.Get(page), "iOS", "End all")
}

func TestAccountWithoutOwner(t *testing.T) {
	s := plainSite(t)
	c := s.client("", firefox)
	has(t, c.Get(page), http.StatusOK, "You are not signed in.", `href="/sign-in"`)
	if c.Cookie(s.manager.CookieName()) != nil {
		t.Error("a visitor who only looks gets a cookie")
	}
	has(t, c.Submit(page+"end", url.Values{"id": {strings.Repeat("0", 32)}}), http.StatusOK, "You are not signed in.")
	has(t, c.Submit(page+"end-others", nil), http.StatusOK, "You are not signed in.")
	has(t, c.Get(page+"others"), http.StatusOK, "You are not signed in.")
}

func TestEndOneSession(t *testing.T) {
	s := plainSite(t)
	phone, here := s.client("ada", iphone), s.client("ada", firefox)
	id := ids(here.Get(page))[1]
	r := here.Submit(page+"end", url.Values{"id": {id}})
	has(t, r, http.StatusOK, "The session has ended: Safari 18 on iOS.", "nowhere else")
	if got := r.Request.URL.Path; got != page {
		t.Errorf("the redirect leads to %s, want %s", got, page)
	}
	lacks(t, here.Get(page), "has ended") // the message is shown once
	if got := who(phone); got != "" {
		t.Errorf("the ended session still belongs to %q", got)
	}
	if got := who(here); got != "ada" {
		t.Errorf("the session of the request belongs to %q", got)
	}
	has(t, here.Submit(page+"end", url.Values{"id": {id}}), http.StatusOK, "already ended") // a second click
}

func TestEndTheSessionInUse(t *testing.T) {
	s := plainSite(t)
	phone, here := s.client("ada", iphone), s.client("ada", firefox)
	has(t, here.Submit(page+"end", url.Values{"id": {ids(here.Get(page))[0]}}), http.StatusOK, "You are signed out.", "You are not signed in.")
	if got := who(here); got != "" {
		t.Errorf("still signed in as %q", got)
	}
	if got := who(phone); got != "ada" {
		t.Errorf("the other session belongs to %q", got)
	}
}

func TestEndOthers(t *testing.T) {
	s := plainSite(t)
	phone, here, eve := s.client("ada", iphone), s.client("ada", firefox), s.client("eve", firefox)
	has(t, here.Get(page+"others"), http.StatusOK, "End all other sessions?", `action="end-others"`)
	if got := who(phone); got != "ada" {
		t.Fatal("the question alone has ended a session")
	}
	has(t, here.Submit(page+"end-others", nil), http.StatusOK, "Other sessions that have ended: 1.", "nowhere else")
	if who(phone) != "" || who(here) != "ada" || who(eve) != "eve" {
		t.Errorf("owners are %q, %q, %q", who(phone), who(here), who(eve))
	}
}

// Foreign, unknown and malformed IDs end nothing, and the first two cannot be told apart.
func TestEndIsForOnesOwn(t *testing.T) {
	s := plainSite(t)
	ada, eve := s.client("ada", firefox), s.client("eve", firefox)
	foreign := eve.Submit(page+"end", url.Values{"id": {ids(ada.Get(page))[0]}})
	unknown := eve.Submit(page+"end", url.Values{"id": {strings.Repeat("0", 32)}})
	has(t, foreign, http.StatusOK, "already ended")
	if text(foreign) != text(unknown) {
		t.Error("a foreign session is answered differently from one that does not exist")
	}
	for _, id := range []string{"", "0", "../../etc/passwd"} {
		has(t, eve.Submit(page+"end", url.Values{"id": {id}}), http.StatusBadRequest)
	}
	if got := who(ada); got != "ada" {
		t.Errorf("the foreign session has ended")
	}
}

func TestOtherSitesEndNothing(t *testing.T) {
	s := plainSite(t)
	phone, here, root := s.client("ada", iphone), s.client("ada", firefox), s.client("root", firefox)
	evil := here.From("https://evil.example")
	has(t, evil.Submit("https://example.com"+page+"end-others", nil), http.StatusForbidden)
	has(t, evil.Submit("https://example.com"+page+"end", url.Values{"id": {ids(here.Get(page))[1]}}), http.StatusForbidden)
	has(t, root.From("https://evil.example").Submit("https://example.com/admin/end-owner", url.Values{"owner": {"ada"}}), http.StatusForbidden)
	if who(phone) != "ada" || who(here) != "ada" {
		t.Error("another site has ended a session")
	}
	for _, path := range []string{page + "end", page + "end-others", "/admin/end", "/admin/end-owner", "/admin/ask-owner", "/admin/search"} {
		r := root.Get(path)
		has(t, r, http.StatusMethodNotAllowed)
		if got := r.Header.Get("Allow"); got != "POST" {
			t.Errorf("Allow of %s is %q, want POST", path, got)
		}
	}
}

func TestReauthenticate(t *testing.T) {
	allow := false
	s := newSite(t, nil, session.Config{}, sessionpage.AccountConfig{
		Reauthenticate: func(w http.ResponseWriter, _ *http.Request, _ *session.Session) bool {
			if allow {
				return true
			}
			http.Error(w, "password, please", http.StatusUnauthorized)
			return false
		},
	}, sessionpage.AdminConfig{})
	phone, here := s.client("ada", iphone), s.client("ada", firefox)
	id := url.Values{"id": {ids(here.Get(page))[1]}}
	has(t, here.Submit(page+"end", id), http.StatusUnauthorized, "password, please")
	has(t, here.Submit(page+"end-others", nil), http.StatusUnauthorized, "password, please")
	if got := who(phone); got != "ada" {
		t.Error("the session has ended without the password")
	}
	allow = true
	has(t, here.Submit(page+"end", id), http.StatusOK, "has ended")
}

func TestLimit(t *testing.T) {
	s := newSite(t, nil, session.Config{}, sessionpage.AccountConfig{Limit: 3}, sessionpage.AdminConfig{})
	here := s.client("ada", iphone)
	for range 9 {
		s.client("ada", firefox)
	}
	r := here.Get(page)
	has(t, r, http.StatusOK, "The first 3 are shown", "This session", "Safari 18 on iOS")
	if got := len(ids(r)); got != 3 {
		t.Errorf("%d sessions are shown, want 3", got)
	}
	has(t, here.Submit(page+"end-others", nil), http.StatusOK, "Other sessions that have ended: 9.")
}

func TestPlace(t *testing.T) {
	calls := map[string]int{}
	s := newSite(t, nil, session.Config{Client: func(r *http.Request) session.Client {
		return session.Client{Address: r.Header.Get("X-Address")}
	}}, sessionpage.AccountConfig{Place: func(_ context.Context, address string) string {
		calls[address]++
		return "Lyon, <b>France</b>\u202e" + strings.Repeat("!", 100)
	}}, sessionpage.AdminConfig{})
	var here = s.client("", firefox)
	for _, address := range []string{"192.0.2.1", "192.0.2.1", "2001:db8::1", ""} {
		here = s.client("", firefox)
		here.Header.Set("X-Address", address)
		here.Submit("/sign-in", url.Values{"as": {"ada"}})
	}
	r := here.Get(page)
	has(t, r, http.StatusOK, "Lyon, &lt;b&gt;France&lt;/b&gt;!", "!…", "Not recorded")
	lacks(t, r, "\u202e")
	if len(calls) != 2 || calls["192.0.2.1"] != 1 || calls["2001:db8::1"] != 1 {
		t.Errorf("Place was called for %v, want once for each address", calls)
	}
}

// A client may send any header, and a hook may pass it on.
func TestHostileDevices(t *testing.T) {
	hostile := `<script>alert(1)</script>"'` + "\u202e\u2066" + strings.Repeat("long ", 90)
	for name, hook := range map[string]func(session.Client) sessionpage.Device{
		"default": nil,
		"raw": func(c session.Client) sessionpage.Device {
			return sessionpage.Device{Browser: c.UserAgent, System: c.UserAgent, Kind: sessionpage.Kind(c.UserAgent)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil, session.Config{Client: func(r *http.Request) session.Client {
				return session.Client{UserAgent: r.UserAgent(), Address: r.UserAgent()}
			}}, sessionpage.AccountConfig{Device: hook}, sessionpage.AdminConfig{Device: hook, CountEvery: -1})
			s.client("ada", hostile)
			c := s.client("ada", firefox)
			r := c.Get(page)
			has(t, r, http.StatusOK, "<h1>Your sessions</h1>")
			lacks(t, r, "<script", "\u202e", "\u2066", strings.Repeat("long ", 20))
			lacks(t, c.Submit(page+"end", url.Values{"id": {ids(r)[1]}}), "<script", "\u202e", strings.Repeat("long ", 20))
			s.client("ada", hostile)
			lacks(t, s.client("root", firefox).Get("/admin/"), "<script", "\u202e", strings.Repeat("long ", 20))
		})
	}
}

// The bare store implements none of the optional interfaces.
type bare struct{ session.Store }

func TestStoreThatCannotList(t *testing.T) {
	s := newSite(t, bare{memstore.New(memstore.Config{})}, session.Config{}, sessionpage.AccountConfig{}, sessionpage.AdminConfig{})
	c := s.client("ada", firefox)
	has(t, c.Get(page), http.StatusOK, "can’t list sessions")
	has(t, c.Submit(page+"end-others", nil), http.StatusOK, "can’t list sessions")
	root := s.client("root", firefox)
	has(t, root.Get("/admin/"), http.StatusOK, "can’t list sessions")
	has(t, root.Submit("/admin/search", url.Values{"owner": {"ada"}}), http.StatusOK, "can’t list sessions")
}

// A session whose data does not decode is listed, and can be ended.
func TestUnreadableSession(t *testing.T) {
	store := memstore.New(memstore.Config{})
	s := newSite(t, store, session.Config{}, sessionpage.AccountConfig{}, sessionpage.AdminConfig{})
	phone, here := s.client("ada", iphone), s.client("ada", firefox)
	id, err := session.ParseID(ids(here.Get(page))[1])
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	r.Data = []byte("nonsense")
	if err := store.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	has(t, here.Get(page), http.StatusOK, "can’t be read", "Safari 18 on iOS")
	has(t, here.Submit(page+"end", url.Values{"id": {id.String()}}), http.StatusOK, "The session has ended")
	if got := who(phone); got != "" {
		t.Errorf("still signed in as %q", got)
	}
}
