package sessionform_test

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionform"
	"github.com/expanse-go/session/sessiontest"
)

var page = template.Must(template.New("").Funcs(sessionform.Funcs()).Parse(
	`{{old .S "a.form" "email" "stored"}}|{{old .S "a.form" "password" "none"}}|{{oldHas .S "a.form" "box" "x"}}{{oldHas .S "a.form" "box" "y"}}|` +
		`{{formError .S "a.form" "email"}}|{{formRefused .S "a.form"}}|{{flash .S "status"}}`))

// The input and the errors appear on the next page once, escaped, and without what must not be
// kept.
func TestInput(t *testing.T) {
	m := newManager(t, memstore.New(memstore.Config{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", m.HandlerFunc(func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		if err := page.Execute(w, map[string]any{"S": s}); err != nil {
			t.Error(err)
		}
	}))
	mux.HandleFunc("POST /", m.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		leave := sessionform.Flash
		if r.PostFormValue("now") != "" {
			leave = sessionform.FlashNow
		}
		leave(s, "a.form", r.PostForm, map[string]string{"email": "is <wrong>"}, "email", "box", "password")
		if kept := fmt.Sprint(s.All()); strings.Contains(kept, "hunter2") || !strings.Contains(kept, "is <wrong>") {
			t.Errorf("the session has %s", kept)
		}
		s.Flash("status", "Refused.")
		if r.PostFormValue("now") != "" {
			if err := page.Execute(w, map[string]any{"S": s}); err != nil {
				t.Error(err)
			}
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}))
	c := sessiontest.NewClient(t, mux)
	form := url.Values{"email": {"<b>"}, "password": {"hunter2"}, "box": {"x", "z"}, "unnamed": {"hunter2"}}
	const fresh, shown = "stored|none|falsefalse||false|", "&lt;b&gt;||truefalse|is &lt;wrong&gt;|true|Refused."
	get := func(want string) {
		t.Helper()
		if got := c.Get("/").Text; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	get(fresh)
	if got := c.Submit("/", form).Text; got != shown { // the page that follows
		t.Errorf("got %q, want %q", got, shown)
	}
	get(fresh)
	form.Set("now", "1")
	if got := c.Submit("/", form).Text; got != shown {
		t.Errorf("got %q, want %q", got, shown)
	}
	get(fresh + "Refused.")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestSecrets names fields that are never kept, and others that are.
func TestSecrets(t *testing.T) {
	m := newManager(t, memstore.New(memstore.Config{}))
	for name, kept := range map[string]bool{
		"password": false, "Password": false, "new-password": false, "user[pass_word]": false, "passwordConfirmation": false, "pwd": false,
		"passphrase": false, "csrf_token": false, "_token": false, "client_secret": false, "card-number": false, "cvc": false,
		"email": true, "passport": true, "name": true, "shipping": true,
	} {
		s := must(m.Load(t.Context(), ""))
		sessionform.Flash(s, "f", url.Values{name: {"value"}}, nil, name)
		if got := sessionform.Old(s, "f", name) == "value"; got != kept {
			t.Errorf("%q: kept %t, want %t", name, got, kept)
		}
	}
}

// Values that are too long are left out as a whole, and so is what exceeds the limit of a form.
func TestSizes(t *testing.T) {
	m := newManager(t, memstore.New(memstore.Config{}))
	s := must(m.Load(t.Context(), ""))
	long, longest := strings.Repeat("x", sessionform.MaxValue+1), strings.Repeat("x", sessionform.MaxValue)
	input := url.Values{"a": {long}, "b": {longest}, "c": {longest}, "d": {longest}, "e": {longest}, "f": {"short"}}
	sessionform.Flash(s, "f", input, map[string]string{"": "Too much."}, "a", "b", "c", "d", "e", "f", "f", "none")
	for field, want := range map[string]string{"a": "", "b": longest, "c": longest, "d": longest, "e": "", "f": "short", "none": ""} {
		if got := sessionform.Old(s, "f", field, "default"); got != want {
			t.Errorf("%s: %d bytes, want %d", field, len(got), len(want))
		}
	}
	if got := sessionform.Error(s, "f", ""); got != "Too much." || !sessionform.Refused(s, "f") {
		t.Errorf("got %q", got)
	}
	if got := sessionform.OldAll(s, "f", "f"); len(got) != 1 {
		t.Errorf("a field that is named twice has %q", got)
	}
	if err := s.Err(); err != nil {
		t.Error(err)
	}
}
