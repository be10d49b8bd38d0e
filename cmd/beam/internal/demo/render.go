package demo

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/expanse-go/session"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages are the templates by the name of their file, each with the layout around
// it.
type pages map[string]*template.Template

// parse runs once for each application; a template that does not parse is a
// fault of this package, which its tests find.
func (a *app) parse() pages {
	funcs := template.FuncMap{
		"ago":    a.ago,
		"until":  a.until,
		"full":   full,
		"stamp":  stamp,
		"money":  money,
		"static": a.staticPath,
	}
	layout := template.Must(template.New("layout.html").Funcs(funcs).
		ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	p := pages{}
	for _, f := range names {
		if f.Name() == "layout.html" || f.Name() == "parts.html" {
			continue
		}
		t := template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, path.Join("templates", f.Name())))
		p[strings.TrimSuffix(f.Name(), ".html")] = t
	}
	return p
}

// A notice is a message for the next page.
type notice struct {
	Text string `json:"text"`
	Bad  bool   `json:"bad,omitempty"`
}

var noticeKey = session.NewKey[notice]("notice")

// view is what the layout shows around a page.
type view struct {
	Name    string // of the template, which marks the current link
	Title   string
	Failed  bool // puts "Error:" before the title, which is read out first
	Notice  *notice
	Session *session.Session // nil on error pages, which must not depend on the store
	Store   string
	Forgets bool
	Null    bool // the store keeps nothing at all
	Page    any
}

// show renders a page of a visitor. The message for this page, if there is one,
// is read here and nowhere else.
func (a *app) show(w http.ResponseWriter, s *session.Session, name, title string, failed bool, page any) {
	v := view{Name: name, Title: title, Failed: failed, Session: s, Page: page}
	if n, ok := noticeKey.Lookup(s); ok {
		v.Notice = &n
	}
	a.render(w, http.StatusOK, v)
}

// render executes the template into memory first: a page that fails half-way is
// an error answer, not half a page.
func (a *app) render(w http.ResponseWriter, status int, v view) {
	v.Store, v.Forgets = a.opts.Store, a.opts.Forgets
	v.Null = a.sessions.Store() == session.Discard
	var b bytes.Buffer
	if err := a.pages[v.Name].ExecuteTemplate(&b, "layout.html", v); err != nil {
		a.opts.Logger.Error("demo: page not written", "page", v.Name, "error", err)
		http.Error(w, "The page could not be written; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	a.send(w, b.Bytes())
}

// send writes a body. An error means that the reader is gone, or that the session
// could not be committed, which the manager has answered in place of this page.
func (a *app) send(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		a.opts.Logger.Debug("demo: answer not sent", "error", err)
	}
}

// back answers a form: the browser fetches the page with GET, so that reloading
// it sends nothing twice.
func back(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// failure is the content of an error page.
type failure struct {
	Status  int
	Heading string
	Text    string
}

func (a *app) fail(w http.ResponseWriter, status int, text string) {
	f := failure{Status: status, Heading: http.StatusText(status), Text: text}
	a.render(w, status, view{Name: "error", Title: f.Heading, Page: f})
}

// orError answers what no route matches. A catch-all route would be shorter, and
// would turn every wrong method into "not found".
func (a *app) orError(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		allow := slices.DeleteFunc([]string{http.MethodGet, http.MethodHead, http.MethodPost}, func(method string) bool {
			other := *r
			other.Method = method
			_, pattern := mux.Handler(&other)
			return pattern == ""
		})
		if len(allow) == 0 {
			a.fail(w, http.StatusNotFound, "There is no page at this address.")
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		a.fail(w, http.StatusMethodNotAllowed, "This address answers other methods only.")
	})
}
