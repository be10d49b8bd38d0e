package sessionpage_test

import (
	"html/template"
	"net/http"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
)

func TestLookIsOnThePage(t *testing.T) {
	look := sessionpage.Look{
		Name: "Acme & Sons", Home: "/start", Logo: "/logo.svg",
		Light: sessionpage.Colors{Accent: "#0c6b5e"},
	}
	s := newSite(t, nil, session.Config{}, sessionpage.AccountConfig{Look: look}, sessionpage.AdminConfig{Look: look})
	r := s.client("ada", firefox).Get(page)
	has(t, r, http.StatusOK, "<title>Your sessions · Acme &amp; Sons</title>", `href="/start"`, `<img src="/logo.svg" alt="" height="28">`)
	_, rest, _ := strings.Cut(r.Text, `href="style.`)
	name, _, _ := strings.Cut(rest, `"`)
	has(t, s.client("", firefox).Get(page+"style."+name), http.StatusOK, "--sp-accent: #0c6b5e;", "--sp-text: #1c1f23;")
}

func TestOwnLayout(t *testing.T) {
	layout := template.Must(template.New("site").Parse(`<!DOCTYPE html><html lang="{{.Language}}" dir="{{.Direction}}"><title>{{.Title}}</title>
		<link rel="stylesheet" href="{{.Style}}"><nav>menu {{.Request.URL.Path}}</nav><main id="main">{{.Content}}</main>`))
	s := newSite(t, nil, session.Config{}, sessionpage.AccountConfig{Look: sessionpage.Look{Layout: layout}}, sessionpage.AdminConfig{})
	r := s.client("ada", firefox).Get(page)
	has(t, r, http.StatusOK, "<nav>menu /</nav>", "<h1>Your sessions</h1>")
	lacks(t, r, "sp-body")
}

// An application that needs another policy sets it before the handler runs.
func TestPolicyOfTheApplicationStays(t *testing.T) {
	s := plainSite(t)
	s.mux.Handle("/wide/", http.StripPrefix("/wide", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		h, err := sessionpage.NewAccount(s.manager, sessionpage.AccountConfig{})
		if err != nil {
			t.Error(err)
			return
		}
		h.ServeHTTP(w, r)
	})))
	if got := s.client("ada", firefox).Get("/wide/").Header.Get("Content-Security-Policy"); got != "default-src 'self'" {
		t.Errorf("the policy is %q", got)
	}
}

func TestTranslation(t *testing.T) {
	look := sessionpage.Look{
		Languages: map[string]sessionpage.Language{
			"de": {Texts: map[string]string{"title": "Deine Sitzungen", "device": "{system}: {browser}", "done_others": "Andere beendete Sitzungen: {n}."}},
			"ar": {Texts: map[string]string{"title": "جلساتك"}, RightToLeft: true},
		},
		Language: func(r *http.Request) string { return r.Header.Get("Accept-Language") },
	}
	s := newSite(t, nil, session.Config{}, sessionpage.AccountConfig{Look: look}, sessionpage.AdminConfig{})
	s.client("ada", iphone)
	german := s.client("ada", firefox)
	german.Header.Set("Accept-Language", "de")
	r := german.Get(page)
	has(t, r, http.StatusOK, `<html lang="de" dir="ltr">`, "<h1>Deine Sitzungen</h1>", "Linux: Firefox 143", "This session")
	if got := r.Header.Get("Content-Language"); got != "de" {
		t.Errorf("Content-Language is %q", got)
	}
	has(t, german.Submit(page+"end-others", nil), http.StatusOK, "Andere beendete Sitzungen: 1.")

	arabic := s.client("ada", firefox)
	arabic.Header.Set("Accept-Language", "ar")
	r = arabic.Get(page)
	has(t, r, http.StatusOK, `<html lang="ar" dir="rtl">`, "<h1>جلساتك</h1>")
	if !strings.Contains(r.Text, "\u2068Firefox 143\u2069") {
		t.Error("the name of the browser is not isolated from the text around it")
	}
	other := s.client("ada", firefox)
	other.Header.Set("Accept-Language", "xx")
	has(t, other.Get(page), http.StatusOK, `<html lang="en" dir="ltr">`, "<h1>Your sessions</h1>")
}

// Construction names everything that is wrong.
func TestConfigurationErrors(t *testing.T) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) *template.Template { return template.Must(template.New("x").Parse(text)) }
	for name, tt := range map[string]struct {
		look sessionpage.Look
		want string
	}{
		"no color":        {sessionpage.Look{Light: sessionpage.Colors{Text: "red"}}, `Text is "red"`},
		"no hex":          {sessionpage.Look{Light: sessionpage.Colors{Text: "#12345g"}}, `Text is "#12345g"`},
		"injection":       {sessionpage.Look{Dark: sessionpage.Colors{Text: "#fff;}*{"}}, "want a color"},
		"contrast":        {sessionpage.Look{Light: sessionpage.Colors{Accent: "#9ec5e8"}}, "Accent on Background has a contrast of 1."},
		"contrast, dark":  {sessionpage.Look{Dark: sessionpage.Colors{Background: "#ffffff"}}, "Look.Dark: Text on Background"},
		"logo alone":      {sessionpage.Look{Logo: "/logo.svg"}, "needs a Name"},
		"unknown text":    {sessionpage.Look{Languages: map[string]sessionpage.Language{"de": {Texts: map[string]string{"titel": "x"}}}}, `no text named "titel"`},
		"unknown insert":  {sessionpage.Look{Languages: map[string]sessionpage.Language{"de": {Texts: map[string]string{"done_others": "{count} Sitzungen"}}}}, `inserts no {count} into the text "done_others"`},
		"bad tag":         {sessionpage.Look{Languages: map[string]sessionpage.Language{"d\"e": {}}}, "no language tag"},
		"no content":      {sessionpage.Look{Layout: parse("{{.Style}}")}, "{{.Content}}"},
		"no style":        {sessionpage.Look{Layout: parse("{{.Content}}")}, "{{.Style}}"},
		"broken template": {sessionpage.Look{Layout: parse("{{.Content}}{{.Style}}{{.Nothing}}")}, "Nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sessionpage.NewAccount(m, sessionpage.AccountConfig{Look: tt.look, Limit: -1})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "Limit = -1") {
				t.Errorf("got %v, want an error with %q and the limit", err, tt.want)
			}
			if _, err := sessionpage.NewAdmin(m, sessionpage.AdminConfig{Look: tt.look, Authorize: everybody}); err == nil {
				t.Error("NewAdmin accepts it")
			}
		})
	}
	if _, err := sessionpage.NewAccount(nil, sessionpage.AccountConfig{}); err == nil {
		t.Error("NewAccount accepts no manager")
	}
	if _, err := sessionpage.NewAdmin(m, sessionpage.AdminConfig{Authorize: everybody, CountTime: -1}); err == nil {
		t.Error("NewAdmin accepts a negative CountTime")
	}
}

// Texts returns a copy.
func TestTexts(t *testing.T) {
	sessionpage.Texts()["title"] = "changed"
	if got := sessionpage.Texts()["title"]; got != "Your sessions" {
		t.Errorf("title is %q", got)
	}
}
