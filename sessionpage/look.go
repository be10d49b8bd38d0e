package sessionpage

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Look says how the pages look and in which language they are. The zero value is ready to
// use: English, neutral colors, and a plain layout without a name. The page is built from it
// once, so later changes have no effect.
type Look struct {
	_ [0]func() // keyed literals only

	// Name is the name of the site, at the top of each page and in its title. "": none.
	Name string

	// Home is where the name links to. Defaults to "/".
	Home string

	// Logo is the address of an image beside the name, shown 28 pixels high. The content
	// security policy of the pages permits only images of the same origin. It needs a Name,
	// which is its text alternative. "": none.
	Logo string

	// Light and Dark are the colors in the two color schemes of the browser. A color that
	// is empty has its default. Construction refuses colors with too little contrast.
	Light, Dark Colors

	// Layout replaces the HTML document around the content of each page, for example by the
	// one of the rest of the site. It is executed with a [Page], and must output its
	// Content and link to its Style. If the layout needs scripts, or images of other
	// origins, set a Content-Security-Policy header before the handler runs; the handler
	// sets its own only if there is none. nil: a plain layout.
	Layout *template.Template

	// Languages are translations of the texts, by language tag (BCP 47), such as "de" or
	// "ar". The entry "en" changes English texts. See [Texts].
	Languages map[string]Language

	// Language returns the tag of the language for a request. A tag that is not in
	// Languages means English. nil: English, or the language in Languages if there is only
	// one.
	Language func(*http.Request) string

	// Time formats a point in time, which readers see when they point at a time such as "5
	// min ago". It gets the tag of the language. Defaults to "2006-01-02 15:04 UTC".
	Time func(t time.Time, language string) string
}

// A Language is one translation of the pages.
type Language struct {
	// Texts are the texts by the names that [Texts] lists. Where one is missing, the page
	// shows the English text. Construction refuses unknown names.
	Texts map[string]string

	// RightToLeft sets the direction of the page, for languages such as Arabic and Hebrew.
	RightToLeft bool
}

// A Page is the data with which [Look].Layout is executed.
type Page struct {
	Title     string        // of this page, without the name of the site
	Language  string        // a language tag, for the attribute lang
	Direction string        // "ltr" or "rtl", for the attribute dir
	Style     string        // address of the style sheet, relative to the page
	Name      string        // Look.Name
	Home      string        // Look.Home
	Logo      string        // Look.Logo
	Skip      string        // text of a link to #main, for those who use a keyboard
	Content   template.HTML // the page, with a heading of level 1; put it into a main element with the id "main"
	Request   *http.Request // for a layout that depends on who is signed in
}

// check returns all mistakes of a Look.
func (l *Look) check() error {
	var errs []error
	fault := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("session: Look.%s: %s", field, fmt.Sprintf(format, args...)))
	}
	for _, scheme := range []struct {
		name   string
		colors Colors
	}{{"Light", l.Light.or(lightColors)}, {"Dark", l.Dark.or(darkColors)}} {
		for _, problem := range scheme.colors.problems() {
			fault(scheme.name, "%s", problem)
		}
	}
	if l.Logo != "" && l.Name == "" {
		fault("Logo", "a logo needs a Name, for those who cannot see it")
	}
	for tag, language := range l.Languages {
		if !validTag(tag) {
			fault("Languages", "%q is no language tag such as \"en\" or \"pt-BR\"", tag)
		}
		for _, problem := range language.problems() {
			fault("Languages", "%s: %s", tag, problem)
		}
	}
	if l.Layout != nil {
		if err := l.checkLayout(); err != nil {
			fault("Layout", "%v", err)
		}
	}
	return errors.Join(errs...)
}

// checkLayout executes the layout once: a template that fails, or that forgets the content,
// would otherwise fail for the first visitor.
func (l *Look) checkLayout() error {
	const content, style = "the-content-of-the-page", "the-style-sheet.css"
	var b bytes.Buffer
	err := l.Layout.Execute(&b, Page{
		Title: "t", Language: "en", Direction: "ltr", Style: style, Home: "/", Content: content,
		Request: &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}},
	})
	switch {
	case err != nil:
		return fmt.Errorf("the template does not work with a Page: %w", err)
	case !strings.Contains(b.String(), content):
		return errors.New("the template does not output the content; add {{.Content}}")
	case !strings.Contains(b.String(), style):
		return errors.New(`the template does not link to the style sheet; add <link rel="stylesheet" href="{{.Style}}">`)
	}
	return nil
}

// validTag is loose: it keeps out what is clearly no tag.
func validTag(tag string) bool {
	if len(tag) < 2 || len(tag) > 35 {
		return false
	}
	for _, r := range tag {
		if r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}
