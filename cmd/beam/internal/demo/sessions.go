package demo

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionpage"
)

// accountPage lists the user's own sessions.
func (a *app) accountPage() http.Handler {
	h, err := sessionpage.NewAccount(a.sessions, sessionpage.AccountConfig{
		Look: a.look("sessions"), SignIn: "/account", Now: a.opts.Now,
	})
	if err != nil {
		panic(err) // cannot fail: the configuration is complete
	}
	return h
}

// adminName is the user who may see all sessions.
const adminName = "admin"

func (a *app) isAdmin(s *session.Session) bool {
	return a.opts.Admin && s.Owner() == ownerPrefix+adminName
}

// adminPage counts all sessions, and finds those of a user.
func (a *app) adminPage() http.Handler {
	h, err := sessionpage.NewAdmin(a.sessions, sessionpage.AdminConfig{
		Authorize: func(_ *http.Request, s *session.Session) bool { return a.isAdmin(s) },
		Look:      a.look("admin"), Now: a.opts.Now, Counters: a.opts.Counters,
	})
	if err != nil {
		panic(err)
	}
	return h
}

// look puts the pages of package sessionpage into the layout of the demo. The colors are
// those of demo.css.
func (a *app) look(name string) sessionpage.Look {
	show := func(p sessionpage.Page) (template.HTML, error) {
		v := view{Name: name, Title: p.Title, Page: p}
		if s, err := a.sessions.From(p.Request.Context()); err == nil {
			v.Session = s
		}
		var b strings.Builder
		err := a.execute(&b, "sessions", v)
		return template.HTML(b.String()), err //nolint:gosec // html/template has escaped it
	}
	return sessionpage.Look{
		Layout: template.Must(template.New("layout").Funcs(template.FuncMap{"show": show}).Parse(`{{show .}}`)),
		Light: sessionpage.Colors{
			Background: "#f6f5f1", Surface: "#fffefb", Text: "#1d2125", Muted: "#565e66", Line: "#e1ded5",
			Edge: "#81878d", Accent: "#0c6b5e", OnAccent: "#ffffff", Danger: "#a8271d",
		},
		Dark: sessionpage.Colors{
			Background: "#121518", Surface: "#1a1f23", Text: "#e9e8e3", Muted: "#a6adb3", Line: "#2b3238",
			Edge: "#737c85", Accent: "#66d1bc", OnAccent: "#06241f", Danger: "#ff9a8c",
		},
		Languages: map[string]sessionpage.Language{"en": {Texts: map[string]string{
			"search_hint": "The owners of all sessions of the demo begin with demo:, such as demo:Ada.",
		}}},
	}
}
