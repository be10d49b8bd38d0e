package demo

import (
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An element of a page, with the text that is in it.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

// elements parses a page. The XML decoder is strict enough to detect unclosed elements, once
// it knows the void elements of HTML.
func elements(t *testing.T, html string) []*element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all, open []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in:\n%s", err, html)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			all, open = append(all, e), append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(token)
			}
		}
	}
}

// states returns the pages in states that together show all their parts.
func states(t *testing.T) map[string]string {
	t.Helper()
	s := open(t)
	fresh, c := s.visitor(t), s.visitor(t)
	pages := map[string]string{}
	for _, p := range paths {
		pages["fresh "+p] = fresh.get(p).body
	}
	pages["refused name"] = c.post("/account/sign-in", "name", "").body
	pages["refused form"] = c.post("/contact").body
	pages["sent form"] = c.post("/contact", "name", "Ada", "email", "ada@example.com", "message", "Hello, hello.").body
	pages["full cart"] = c.post("/cart/add", "product", "cup").body
	pages["refused quantity"] = c.post("/cart/quantity", "product", "cup", "quantity", "x").body
	s.visitor(t).signIn("Ada", firefox)
	pages["signed in"] = c.post("/account/sign-in", "name", "Ada").body
	for _, p := range paths {
		pages["used "+p] = c.get(p).body
	}
	pages["missing"] = c.get("/missing").body
	return pages
}

func TestPagesAreSound(t *testing.T) {
	for name, html := range states(t) {
		t.Run(name, func(t *testing.T) {
			all := elements(t, html)
			count := map[string]int{}
			ids := map[string]bool{}
			labelled := map[string]bool{}
			for _, e := range all {
				count[e.name]++
				if id := e.attrs["id"]; id != "" {
					if ids[id] {
						t.Errorf("two elements have the id %q", id)
					}
					ids[id] = true
				}
				if e.name == "label" && strings.TrimSpace(e.text) != "" {
					labelled[e.attrs["for"]] = true
				}
			}
			for _, one := range []string{"h1", "main", "header", "footer", "nav", "title"} {
				if count[one] != 1 {
					t.Errorf("%d elements %s, want one", count[one], one)
				}
			}
			for _, e := range all {
				checkElement(t, e, ids, labelled)
			}
		})
	}
}

// checkElement checks one element against the rules for our pages.
func checkElement(t *testing.T, e *element, ids, labelled map[string]bool) {
	t.Helper()
	switch e.name {
	case "html":
		if e.attrs["lang"] != "en" {
			t.Errorf("lang is %q, want en", e.attrs["lang"])
		}
	case "input", "textarea", "select":
		if e.attrs["type"] != "hidden" && !labelled[e.attrs["id"]] {
			t.Errorf("the field %q has no label", e.attrs["name"])
		}
	case "button", "a", "summary", "h1", "h2", "h3":
		if strings.TrimSpace(e.text) == "" {
			t.Errorf("an element %s has no text: %v", e.name, e.attrs)
		}
	case "form":
		if e.attrs["method"] != "post" {
			t.Errorf("the form %q is not sent with POST", e.attrs["action"])
		}
	case "style":
		t.Error("style inside of the page")
	case "script":
		if strings.TrimSpace(e.text) != "" {
			t.Error("script inside of the page")
		}
	case "time":
		if _, err := time.Parse(time.RFC3339, e.attrs["datetime"]); err != nil {
			t.Error(err)
		}
	}
	for name, value := range e.attrs {
		if name == "style" || strings.HasPrefix(name, "on") {
			t.Errorf("attribute %s, which the content security policy refuses", name)
		}
		if slices.Contains([]string{"aria-labelledby", "aria-describedby", "for"}, name) {
			for id := range strings.FieldsSeq(value) {
				if !ids[id] {
					t.Errorf("%s names %q, which is not there", name, id)
				}
			}
		}
		if target, ok := strings.CutPrefix(value, "#"); ok && name == "href" && !ids[target] {
			t.Errorf("a link leads to %q, which is not there", value)
		}
		if (name == "href" || name == "src") && strings.Contains(value, "//") {
			t.Errorf("%s leads elsewhere: %q", name, value)
		}
	}
}

func TestTitlesDiffer(t *testing.T) {
	c := open(t).visitor(t)
	title := regexp.MustCompile(`<title>(.*)</title>`)
	seen := map[string]string{}
	for _, p := range append(paths, "/missing") {
		got := title.FindStringSubmatch(c.get(p).body)[1]
		if other, ok := seen[got]; ok {
			t.Errorf("%s and %s have the same title %q", p, other, got)
		}
		seen[got] = p
	}
}

// TestContrast computes the contrast of every pair of adjacent colours (WCAG 2.2, success
// criteria 1.4.3 and 1.4.11), in both colour schemes.
func TestContrast(t *testing.T) {
	css, err := staticFiles.ReadFile("static/demo.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, _ := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	dark, _, _ := strings.Cut(rest, "*, *::before")
	schemes := map[string]map[string]float64{"light": luminances(t, light), "dark": luminances(t, dark)}
	const text, edge = 4.5, 3
	pairs := []struct {
		front, back string
		want        float64
	}{
		{"ink", "paper", text}, {"ink", "card", text}, {"ink", "tint", text}, {"ink", "bad-tint", text}, {"ink", "code", text},
		{"soft", "paper", text}, {"soft", "card", text}, {"soft", "tint", text},
		{"accent", "paper", text}, {"accent", "card", text}, {"accent", "tint", text}, {"on-accent", "accent", text},
		{"bad", "card", text}, {"bad", "bad-tint", text}, {"bad", "paper", text},
		{"edge", "card", edge}, {"edge", "paper", edge},
	}
	for scheme, l := range schemes {
		for _, p := range pairs {
			hi, lo := max(l[p.front], l[p.back]), min(l[p.front], l[p.back])
			if got := (hi + .05) / (lo + .05); got < p.want {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", scheme, p.front, p.back, got, p.want)
			}
		}
	}
	if a, b := slices.Sorted(maps.Keys(schemes["light"])), slices.Sorted(maps.Keys(schemes["dark"])); !slices.Equal(a, b) {
		t.Errorf("colours of the light scheme %q, of the dark one %q", a, b)
	}
}

// luminances parses the colours in a part of the style sheet.
func luminances(t *testing.T, css string) map[string]float64 {
	t.Helper()
	l := map[string]float64{}
	for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6});`).FindAllStringSubmatch(css, -1) {
		hex := m[2]
		if len(hex) == 3 {
			hex = strings.Join([]string{hex[:1], hex[:1], hex[1:2], hex[1:2], hex[2:], hex[2:]}, "")
		}
		v, err := strconv.ParseUint(hex, 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		linear := func(c uint64) float64 {
			f := float64(c&0xff) / 255
			if f <= .04045 {
				return f / 12.92
			}
			return math.Pow((f+.055)/1.055, 2.4)
		}
		l[m[1]] = .2126*linear(v>>16) + .7152*linear(v>>8) + .0722*linear(v)
	}
	return l
}

func TestTimesAsPeopleSayThem(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := &app{opts: Options{Now: func() time.Time { return now }}}
	tests := []struct {
		d          time.Duration
		ago, until string
	}{
		{-time.Second, "just now", "now"},
		{0, "just now", "now"},
		{10 * time.Second, "just now", "in less than a minute"},
		{time.Minute, "1 minute ago", "in 1 minute"},
		{59*time.Minute + 29*time.Second, "59 minutes ago", "in 59 minutes"},
		{59*time.Minute + 59*time.Second, "1 hour ago", "in 1 hour"},
		{2*time.Hour - time.Second, "2 hours ago", "in 2 hours"},
		{23*time.Hour + 59*time.Minute + 50*time.Second, "1 day ago", "in 1 day"},
		{400 * 24 * time.Hour, "400 days ago", "in 400 days"},
	}
	for _, tt := range tests {
		if got := a.ago(now.Add(-tt.d)); got != tt.ago {
			t.Errorf("ago of %v = %q, want %q", tt.d, got, tt.ago)
		}
		if got := a.until(now.Add(tt.d)); got != tt.until {
			t.Errorf("until of %v = %q, want %q", tt.d, got, tt.until)
		}
	}
}
