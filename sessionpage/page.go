package sessionpage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/page.css
var pageStyle string

// parsed has all pages and their parts.
var parsed = template.Must(template.ParseFS(templateFiles, "templates/*.html"))

// pages is what both handlers have in common: how they write a response.
type pages struct {
	look    Look
	manager *session.Manager
	now     func() time.Time
	style   string // name of the style sheet, with a digest of its content
	css     []byte
	routes  map[string]route
}

// A route answers the requests for one address. The methods that are nil are refused.
type route struct {
	get, post func(http.ResponseWriter, *http.Request, *session.Session)
}

func newPages(m *session.Manager, look Look, now func() time.Time) (*pages, error) {
	if m == nil {
		return nil, errors.New("session: the manager is nil; pass the one whose sessions the page is to show")
	}
	if err := look.check(); err != nil {
		return nil, err
	}
	if look.Home == "" {
		look.Home = "/"
	}
	if now == nil {
		now = time.Now
	}
	css := look.styleSheet()
	sum := sha256.Sum256(css)
	return &pages{look: look, manager: m, now: now, css: css, style: "style." + hex.EncodeToString(sum[:8]) + ".css"}, nil
}

// styleSheet returns the colors as custom properties, followed by the rules that use them.
func (l *Look) styleSheet() []byte {
	var b bytes.Buffer
	variables := func(c Colors) {
		for _, s := range c.swatches() {
			fmt.Fprintf(&b, " --sp-%s: %s;", s.property, *s.value)
		}
	}
	b.WriteString(":root { color-scheme: light dark;")
	variables(l.Light.or(lightColors))
	b.WriteString(" }\n@media (prefers-color-scheme: dark) { :root {")
	variables(l.Dark.or(darkColors))
	b.WriteString(" } }\n")
	b.WriteString(pageStyle)
	return b.Bytes()
}

// mount returns the handler. It serves the style sheet without a session, and everything else with one.
func (p *pages) mount() http.HandlerFunc {
	serve := p.manager.HandlerFunc(p.serve)
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.TrimPrefix(r.URL.Path, "/") == p.style && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			h := w.Header()
			h.Set("Content-Type", "text/css; charset=utf-8")
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			h.Set("X-Content-Type-Options", "nosniff")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.css))
			return
		}
		serve(w, r)
	}
}

// maxForm limits the body of a request, in bytes. An owner is at most 255 bytes long, and
// three times as long in a form.
const maxForm = 4 << 10

func (p *pages) serve(w http.ResponseWriter, r *http.Request, s *session.Session) {
	to, ok := p.routes[strings.TrimPrefix(r.URL.Path, "/")]
	handle, allow := to.get, []string{}
	if to.get != nil {
		allow = append(allow, "GET, HEAD")
	}
	if to.post != nil {
		allow = append(allow, "POST")
	}
	switch {
	case !ok:
		p.fail(w, r, s, http.StatusNotFound)
		return
	case r.Method == http.MethodPost:
		handle = to.post
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		handle = nil
	}
	if handle == nil {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		p.fail(w, r, s, http.StatusMethodNotAllowed)
		return
	}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		var large *http.MaxBytesError
		if err := r.ParseForm(); errors.As(err, &large) {
			p.fail(w, r, s, http.StatusRequestEntityTooLarge)
			return
		} else if err != nil {
			p.fail(w, r, s, http.StatusBadRequest)
			return
		}
	}
	handle(w, r, s)
}

// A view is what a page is executed with. Data depends on the page.
type view struct {
	speech
	Heading string
	Notice  string
	Data    any

	look *Look
	now  time.Time
}

// A notice is a message for the next page. It contains no text, because the next page may
// be in another language.
type notice struct {
	Text string   `json:"text"`
	Args []string `json:"args,omitempty"`
}

var noticeKey = session.NewKey[notice]("sessionpage.notice")

func (p *pages) view(r *http.Request, s *session.Session) *view {
	v := &view{speech: p.look.speechFor(r), look: &p.look, now: p.now()}
	if n, ok := noticeKey.Lookup(s); ok {
		v.Notice = v.text(n.Text, n.Args...)
	}
	return v
}

// tell leaves a message for the next page, and redirects to it. The address is relative,
// because the handler does not know where it is mounted; http.Redirect would make it
// absolute.
func (p *pages) tell(w http.ResponseWriter, s *session.Session, to, text string, args ...string) {
	noticeKey.Flash(s, notice{text, args})
	redirect(w, to)
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", "./"+to)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusSeeOther)
}

// fail sends an error page.
func (p *pages) fail(w http.ResponseWriter, r *http.Request, s *session.Session, status int) {
	v := p.view(r, s)
	v.Heading = v.T("error_title")
	v.Data = v.T("error_" + strconv.Itoa(status))
	p.write(w, r, status, "error.html", v)
}

// write first executes the templates in memory, so that a failure is an error response and
// not half a page.
func (p *pages) write(w http.ResponseWriter, r *http.Request, status int, name string, v *view) {
	var content, all bytes.Buffer
	err := parsed.ExecuteTemplate(&content, name, v)
	if err == nil {
		page := Page{
			Title: v.Heading, Language: v.tag, Direction: v.dir, Style: p.style, Name: p.look.Name, Home: p.look.Home,
			Logo: p.look.Logo, Skip: v.T("skip"), Request: r,
			Content: template.HTML(content.String()), //nolint:gosec // html/template has escaped it
		}
		if p.look.Layout != nil {
			err = p.look.Layout.Execute(&all, page)
		} else {
			err = parsed.ExecuteTemplate(&all, "layout.html", page)
		}
	}
	if err != nil {
		session.Error(w, r, fmt.Errorf("session: the page %s could not be written: %w", name, err))
		return
	}
	h := w.Header()
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", policy)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.tag)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(all.Bytes()) // the client has gone, or the manager has answered a failed commit
}

// policy permits what the plain layout needs: its style sheet, a logo, and its forms.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// T returns a text; see speech.text.
func (v *view) T(name string, args ...string) string { return v.text(name, args...) }

// Number formats a number.
func (v *view) Number(n uint64) string { return number(n) }

// Ago formats a time relative to now, in whole minutes, hours or days.
func (v *view) Ago(t time.Time) string {
	n := func(d time.Duration) string { return strconv.FormatInt(int64(v.now.Sub(t)/d), 10) }
	const day = 24 * time.Hour
	switch d := v.now.Sub(t); {
	case d < time.Minute:
		return v.T("now")
	case d < time.Hour:
		return v.T("minutes_ago", "n", n(time.Minute))
	case d < 2*day:
		return v.T("hours_ago", "n", n(time.Hour))
	default:
		return v.T("days_ago", "n", n(day))
	}
}

// Full formats a time for a tooltip, and Stamp for programs.
func (v *view) Full(t time.Time) string {
	if v.look.Time != nil {
		return v.look.Time(t, v.tag)
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// Stamp formats a time for the attribute datetime.
func (v *view) Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Device describes a device in words.
func (v *view) Device(d Device) string {
	switch {
	case d.Browser != "" && d.System != "":
		return v.T("device", "browser", d.Browser, "system", d.System)
	case d.Browser != "":
		return d.Browser
	case d.System != "":
		return d.System
	}
	return v.T("unknown_device")
}

// A moment is the data of the template "time".
type moment struct{ Stamp, Full, Ago string }

// When formats a time in all ways that an element time needs.
func (v *view) When(t time.Time) moment { return moment{v.Stamp(t), v.Full(t), v.Ago(t)} }

// A card is the data of the template "card". Owner is set on the admin page.
type card struct {
	*view
	Row   row
	Owner string
}

// Card returns the data of one session.
func (v *view) Card(r row, owner string) card { return card{v, r, owner} }

// A drawing is the data of the template "chart".
type drawing struct {
	*view
	Chart chart
}

// Draw returns the data of one chart.
func (v *view) Draw(c chart) drawing { return drawing{v, c} }

// Count returns the number of rows as text.
func (v *view) Count(rows []row) string { return strconv.Itoa(len(rows)) }
