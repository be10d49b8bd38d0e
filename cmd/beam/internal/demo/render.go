package demo

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/expanse-go/session"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pages maps file names, without extension, to templates. Each includes the layout.
type pages map[string]*template.Template

// parse parses all templates. It panics on a syntax error, which the tests would detect.
func (a *app) parse() pages {
	funcs := template.FuncMap{
		"ago":    a.ago,
		"until":  a.until,
		"full":   full,
		"stamp":  stamp,
		"money":  money,
		"name":   userName,
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

// view is the data of the layout.
type view struct {
	Name    string // name of the template; marks the current link
	Title   string
	Failed  bool // adds "Error:" to the title, which screen readers read first
	Notice  *notice
	Session *session.Session // nil on error pages, which must work without the store
	Store   string
	Forgets bool
	Null    bool // the store is session.Discard
	Admin   bool // the user may see the admin page
	Page    any
}

// show renders a page. Only show reads the notice for the page, if there is one.
func (a *app) show(w http.ResponseWriter, s *session.Session, name, title string, failed bool, page any) {
	v := view{Name: name, Title: title, Failed: failed, Session: s, Page: page}
	if n, ok := noticeKey.Lookup(s); ok {
		v.Notice = &n
	}
	a.render(w, http.StatusOK, v)
}

// render first executes the template in memory, so that a failure results in an error
// response instead of an incomplete page.
func (a *app) render(w http.ResponseWriter, status int, v view) {
	var b bytes.Buffer
	if err := a.execute(&b, v.Name, v); err != nil {
		a.opts.Logger.Error("demo: page not written", "page", v.Name, "error", err)
		http.Error(w, "The page could not be generated; see the log.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	a.send(w, b.Bytes())
}

// execute adds to a view what all pages show.
func (a *app) execute(w io.Writer, template string, v view) error {
	v.Store, v.Forgets = a.opts.Store, a.opts.Forgets
	v.Null = a.sessions.Store() == session.Discard
	v.Admin = v.Session != nil && a.isAdmin(v.Session)
	return a.pages[template].ExecuteTemplate(w, "layout.html", v)
}

// send writes a body. An error means that the client has disconnected, or that the session
// could not be committed; then the manager has already sent an error response.
func (a *app) send(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		a.opts.Logger.Debug("demo: answer not sent", "error", err)
	}
}

// back redirects after a form. The browser fetches the page with GET, so that a reload does
// not send the form again.
func back(w http.ResponseWriter, r *http.Request, to string) {
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// failure is the data of an error page.
type failure struct {
	Status  int
	Heading string
	Text    string
}

func (a *app) fail(w http.ResponseWriter, status int, text string) {
	f := failure{Status: status, Heading: http.StatusText(status), Text: text}
	a.render(w, status, view{Name: "error", Title: f.Heading, Page: f})
}

// orError sends an error page if no route matches. A catch-all route would be shorter, but
// would report every wrong method as "not found".
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
		a.fail(w, http.StatusMethodNotAllowed, "This address does not support this method.")
	})
}
