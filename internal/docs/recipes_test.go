package docs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// newSite returns a site whose users have the password "pw" and the code "1".
func newSite(t *testing.T) *site {
	return &site{
		manager: newManager(t),
		checkPassword: func(_ context.Context, name, password string) (string, bool, error) {
			return name, password == "pw", nil
		},
		checkCode:   func(_ context.Context, _, code string) (bool, error) { return code == "1", nil },
		createReset: func(context.Context, string) error { return nil },
		takeReset:   func(_ context.Context, code string) (string, bool, error) { return "ada", code == "good", nil },
		setPassword: func(context.Context, string, string) error { return nil },
		page:        func(w http.ResponseWriter, name, message string) { fmt.Fprintln(w, name, message) },
		isStaff:     func(_ context.Context, userID string) bool { return userID == "sam" },
		audit:       func(context.Context, string, string, string) error { return nil },
		savedCart:   func(context.Context, string) (Cart, error) { return Cart{"tea": 2, "milk": 1}, nil },
		placeOrder:  func(context.Context, string, Order) error { return nil },
		authorizeURL: func(state, nonce, challenge string) string {
			return "/provider?" + url.Values{"state": {state}, "nonce": {nonce}, "challenge": {challenge}}.Encode()
		},
		exchange: func(_ context.Context, code, verifier, nonce string) (string, error) {
			if code != "good" || len(verifier) < 43 || nonce == "" {
				return "", errors.New("refused")
			}
			return "ada", nil
		},
		verifyPasskey: func(*http.Request, ceremony) (string, error) { return "ada", nil },
		keepFile:      func(r *http.Request) (string, error) { return "f1", r.ParseMultipartForm(1 << 10) },
	}
}

// browser serves the site and two pages for the tests.
func browser(t *testing.T, a *site) *sessiontest.Client {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"POST /login":                a.login,
		"POST /logout":               a.logout,
		"POST /forgot":               a.forgotPassword,
		"POST /reset":                a.resetPassword,
		"POST /second/login":         a.firstStep,
		"POST /login/code":           a.secondStep,
		"POST /staff/act":            a.actFor,
		"POST /login/provider":       a.signInElsewhere,
		"GET /login/callback":        a.signedInElsewhere,
		"POST /passkey/begin":        a.beginPasskey,
		"POST /passkey/finish":       a.finishPasskey,
		"POST /handoff":              a.handOff,
		"POST /handoff/redeem":       a.redeem,
		"POST /order":                a.startOrder,
		"POST /order/{form}/address": a.orderAddress,
		"POST /order/{form}/confirm": a.confirmOrder,
		"POST /upload":               a.upload,
		"POST /invite":               a.invite,
		"GET /greeting":              greeting,
		"POST /cart/login": func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			a.loginWithCart(w, r, s, r.FormValue("name"))
		},
		"POST /cart/add": rightCopy,
		"GET /": func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			fmt.Fprintf(w, "%s %s: %s", r.URL.Path, s.Owner(), session.Get(s, "status", ""))
		},
	} {
		mux.Handle(pattern, a.manager.HandlerFunc(h))
	}
	mux.HandleFunc("GET /api/me", me)
	mux.HandleFunc("GET /articles/1", article)
	return sessiontest.NewClient(t, a.manager.Handler(mux))
}

// form makes a form of names and values.
func form(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

// expect compares the text of a page.
func expect(t *testing.T, got *sessiontest.Response, want string) {
	t.Helper()
	if !strings.Contains(got.Text, want) {
		t.Errorf("got %d %q, want %q", got.StatusCode, got.Text, want)
	}
}

func TestLoginRecipes(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	c, phone := browser(t, a), browser(t, a)
	expect(t, c.Submit("/login?return_to=/orders", form("name", "ada", "password", "no")), "login The name")
	expect(t, c.Submit("/login?return_to=/orders", form("name", "ada", "password", "pw")), "/orders ada: ")
	expect(t, phone.Submit("/login", form("name", "ada", "password", "pw")), "/ ada: ")
	expect(t, c.Submit("/logout", nil), "/ : You are signed out.")
	expect(t, phone.Get("/"), "/ ada: ")

	expect(t, c.Submit("/forgot", form("email", "ada@example.com")), "/login : If there is an account")
	expect(t, c.Submit("/reset", form("code", "old", "password", "new")), "/forgot : This link has expired.")
	expect(t, phone.Get("/"), "/ ada: ")
	expect(t, c.Submit("/reset", form("code", "good", "password", "new")), "/login : Sign in with your new password.")
	expect(t, phone.Get("/"), "/ : ")
}

func TestSecondFactorRecipe(t *testing.T) {
	t.Parallel()
	c := browser(t, newSite(t))
	expect(t, c.Submit("/login/code", form("code", "1")), "/login : ") // without the first step
	expect(t, c.Submit("/second/login", form("name", "ada", "password", "pw")), "/login/code : ")
	expect(t, c.Submit("/login/code", form("code", "2")), "code The code is wrong.")
	expect(t, c.Get("/"), "/ : ")
	expect(t, c.Submit("/login/code", form("code", "1")), "/ ada: ")
	expect(t, c.Submit("/login/code", form("code", "1")), "/login ada: ") // the first step counts once

	c = browser(t, newSite(t))
	c.Submit("/second/login", form("name", "ada", "password", "pw"))
	for range 5 {
		expect(t, c.Submit("/login/code", form("code", "2")), "code The code is wrong.")
	}
	expect(t, c.Submit("/login/code", form("code", "1")), "/login : ")
}

func TestActingRecipe(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	for _, test := range []struct{ user, reason, account string }{
		{"sam", "ticket 7", "ada"},
		{"sam", "", "sam"},
		{"eve", "ticket 7", "eve"},
	} {
		c := browser(t, a)
		c.Submit("/login", form("name", test.user, "password", "pw"))
		c.Submit("/staff/act", form("customer", "ada", "reason", test.reason))
		s := c.Session(a.manager)
		if s.Owner() != test.user || a.account(t.Context(), s) != test.account {
			t.Errorf("%+v: owner %q, account %q", test, s.Owner(), a.account(t.Context(), s))
		}
	}
}

func TestProviderRecipe(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	c := browser(t, a)
	states := []string{}
	for range 2 { // two tabs
		r := c.Submit("/login/provider", nil)
		states = append(states, r.Request.URL.Query().Get("state"))
	}
	provider := c.From("https://provider.example")
	for _, state := range []string{"", "x", "a.b", `\`, "\x00", strings.Repeat("x", 5000)} {
		if r := provider.Get("/login/callback?code=good&state=" + url.QueryEscape(state)); r.StatusCode != 403 {
			t.Errorf("state %.9q: %d %s", state, r.StatusCode, r.Text)
		}
	}
	if r := provider.Get("/login/callback?code=bad&state=" + states[1]); r.StatusCode != 403 {
		t.Errorf("a bad code: %d %s", r.StatusCode, r.Text)
	}
	expect(t, provider.Get("/login/callback?code=good&state="+states[0]), "/ ada: ")
	if r := provider.Get("/login/callback?code=good&state=" + states[0]); r.StatusCode != 403 {
		t.Errorf("the same state again: %d %s", r.StatusCode, r.Text)
	}
	stranger := browser(t, a).From("https://provider.example")
	if r := stranger.Get("/login/callback?code=good&state=" + states[1]); r.StatusCode != 403 {
		t.Errorf("the state of another browser: %d %s", r.StatusCode, r.Text)
	}
}

func TestPasskeyRecipe(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	c := browser(t, a)
	first, second := c.Fetch("POST", "/passkey/begin", nil).Text, c.Fetch("POST", "/passkey/begin", nil).Text
	finish := func(c *sessiontest.Client, challenge string) int {
		r := httptest.NewRequest("POST", "/passkey/finish", nil)
		r.Header.Set("Passkey-Challenge", challenge)
		return c.Do(r).StatusCode
	}
	for _, challenge := range []string{"", "a.b"} {
		if got := finish(c, challenge); got != 403 {
			t.Errorf("challenge %q: %d", challenge, got)
		}
	}
	if got := finish(browser(t, a), first); got != 403 {
		t.Errorf("another browser: %d", got)
	}
	for _, challenge := range []string{second, first} {
		if got := finish(c, challenge); got != 204 {
			t.Errorf("finish: %d", got)
		}
		if got := finish(c, challenge); got != 403 {
			t.Errorf("finish again: %d", got)
		}
	}
	if got := c.Session(a.manager).Owner(); got != "ada" {
		t.Errorf("owner %q", got)
	}
}

func TestHandoffRecipe(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	app, view := browser(t, a), browser(t, a)
	app.Submit("/login", form("name", "ada", "password", "pw"))
	_, code, _ := strings.Cut(app.Fetch("POST", "/handoff", nil).Text, "code=")
	id, _, _ := strings.Cut(code, ".")
	for _, wrong := range []string{"", "x", id, id + ".x", strings.Repeat("0", len(id)) + ".x"} {
		if r := view.Submit("/handoff/redeem", form("code", wrong)); r.StatusCode != 403 {
			t.Errorf("code %q: %d %s", wrong, r.StatusCode, r.Text)
		}
	}
	expect(t, view.Submit("/handoff/redeem", form("code", code)), "/ ada: ")
	if r := browser(t, a).Submit("/handoff/redeem", form("code", code)); r.StatusCode != 403 {
		t.Errorf("the code again: %d %s", r.StatusCode, r.Text)
	}
	if app.Session(a.manager).ID() == view.Session(a.manager).ID() {
		t.Error("the two have one session")
	}
}

func TestShopRecipes(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	orders := 0
	a.placeOrder = func(_ context.Context, form string, o Order) error {
		if orders++; form == "" || o.Address != "London" || len(o.Items) != 1 || o.Items[0] != "tea" {
			t.Errorf("order %q: %+v", form, o)
		}
		return nil
	}
	c := browser(t, a)
	for range 2 {
		c.Submit("/cart/add", nil)
	}
	c.Submit("/cart/login", form("name", "ada"))
	c.Submit("/cart/login", form("name", "ada"))
	if got := fmt.Sprint(cart.Get(c.Session(a.manager), nil)); got != "map[milk:1 tea:2]" {
		t.Errorf("the cart after the login: %s", got)
	}
	c.Submit("/cart/login", form("name", "eve"))
	if got := cart.Get(c.Session(a.manager), nil)["tea"]; got != 2 {
		t.Errorf("the cart of the next user: %d", got)
	}

	page := c.Submit("/order", form("item", "tea")).Request.URL.Path
	order := strings.TrimSuffix(page, "/address")
	expect(t, c.Submit(order+"/confirm", nil), page) // a step is missing
	expect(t, c.Submit(page, form("address", "London")), order+"/confirm")
	expect(t, c.Submit(order+"/confirm", nil), "/orders eve: Thank you for your order.")
	expect(t, c.Submit(order+"/confirm", nil), page)
	if orders != 1 {
		t.Errorf("%d orders", orders)
	}
	if r := c.Submit("/order/x/address", form("address", "London")); r.StatusCode != 404 {
		t.Errorf("an unknown form: %d", r.StatusCode)
	}
	for i := range 11 {
		if got := c.Submit("/invite", nil).StatusCode; (got == 200) != (i < 10) {
			t.Errorf("invitation %d: %d", i, got)
		}
	}

	all, err := a.exportSessions(t.Context(), "eve")
	if err != nil || len(all) != 1 || !strings.Contains(string(all[0]), `"limits":{"invite":`) {
		t.Errorf("the export: %s, %v", all, err)
	}
}

func TestUploadRecipe(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	c := browser(t, a)
	r := httptest.NewRequest("POST", "/upload", strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nhello\r\n--b--\r\n"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	expect(t, c.Do(r), "/files")
	if got := session.Get(c.Session(a.manager), "uploads", []string{}); len(got) != 1 {
		t.Errorf("uploads: %v", got)
	}
	if r := c.Submit("/upload", nil); r.StatusCode != 400 {
		t.Errorf("no file: %d", r.StatusCode)
	}
}

func TestShapeRecipe(t *testing.T) {
	t.Parallel()
	m := newManager(t)
	r := sessiontest.NewRequest(t, m, "GET", "/", func(s *session.Session) { s.Set("address", "1 Main Street, London") })
	s := sessiontest.Session(t, m, r, nil)
	if got := addressOf(s); got.Street != "1 Main Street, London" {
		t.Errorf("the old shape: %+v", got)
	}
	setAddress(s, Address{"2 High Street", "Leeds"})
	if got, old := addressOf(s), session.Get(s, "address", ""); got.City != "Leeds" || old != "2 High Street, Leeds" {
		t.Errorf("the new shape: %+v, %q", got, old)
	}
}

func TestCacheRecipes(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	c := browser(t, a)
	c.Submit("/login", form("name", "ada", "password", "pw"))
	public, private := c.Get("/articles/1"), c.Get("/greeting")
	if public.Header.Get("Vary") != "" || len(public.Cookies()) != 0 || public.Header.Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("the article: %v", public.Header)
	}
	if private.Header.Get("Vary") != "Cookie" || private.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("the greeting: %v", private.Header)
	}
	expect(t, c.Fetch("GET", "/api/me", nil), `"user":"ada"`)
}

func TestMaintenanceRecipe(t *testing.T) {
	t.Parallel()
	on := true
	h := maintenance(func() bool { return on }, newManager(t).HandlerFunc(greeting))
	for _, want := range []int{503, 200} {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)); w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
		on = false
	}
}

func TestRecipesOfSeveralApplications(t *testing.T) {
	t.Parallel()
	store := memstore.New(memstore.Config{})
	shop, office, err := twoApps(store, store)
	if err != nil {
		t.Fatal(err)
	}
	sessiontest.Cookie(t, shop, func(s *session.Session) { s.Login("7") })
	if n, err := office.RevokeOwner(t.Context(), "7"); n != 0 || err != nil || shop.CookieName() == office.CookieName() {
		t.Errorf("the office ends %d sessions of the shop, %v", n, err)
	}
	m, err := session.New(store, session.Config{Cookie: allSubdomains})
	if err != nil || m.CookieName() != "__Secure-session" {
		t.Errorf("subdomains: %v", err)
	}
}

func TestGreeting(t *testing.T) {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	handler := manager.HandlerFunc(greeting)

	r := sessiontest.NewRequest(t, manager, "GET", "/greeting", func(s *session.Session) {
		s.Login("ada")
		s.Set("user.name", "Ada")
	})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if got := w.Body.String(); got != "Hello Ada!" {
		t.Errorf("got %q", got)
	}
}
