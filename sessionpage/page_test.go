package sessionpage_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/expanse-go/session/sessiontest"
)

// everything returns each page in a state that shows all its parts, and errors.
func everything(t *testing.T) map[string]*sessiontest.Response {
	t.Helper()
	s := plainSite(t)
	s.client("ada", iphone)
	ada, root, new := s.client("ada", firefox), s.client("root", firefox), s.client("", firefox)
	return map[string]*sessiontest.Response{
		"new":        new.Get(page),
		"account":    ada.Get(page),
		"others":     ada.Get(page + "others"),
		"ended":      ada.Submit(page+"end-others", nil),
		"bad":        ada.Submit(page+"end", nil),
		"missing":    ada.Get(page + "nowhere"),
		"method":     ada.Get(page + "end"),
		"forbidden":  ada.Get("/admin/"),
		"admin":      root.Get("/admin/"),
		"owner":      root.Submit("/admin/search", url.Values{"owner": {"ada"}}),
		"ask":        root.Submit("/admin/ask-owner", url.Values{"owner": {"ada"}}),
		"no session": root.Submit("/admin/search", url.Values{"owner": {"nobody"}}),
		"too large":  root.Submit("/admin/search", url.Values{"owner": {strings.Repeat("x", 5000)}}),
	}
}

// No page needs an exception in a content security policy, or leads elsewhere.
func TestPagesAreStrict(t *testing.T) {
	inline := regexp.MustCompile(`<script|<style|\s(style|on[a-z]+)=|(href|src|action)="(https?:)?//|javascript:`)
	link := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	id := regexp.MustCompile(`[0-9a-f]{32}`)
	for name, r := range everything(t) {
		if found := inline.FindString(r.Text); found != "" {
			t.Errorf("%s contains %q", name, found)
		}
		for _, m := range link.FindAllStringSubmatch(r.Text, -1) {
			if id.MatchString(m[1]) || strings.Contains(m[1], "ada") {
				t.Errorf("%s has the address %q, which names a session or an owner", name, m[1])
			}
		}
		if got := r.Request.URL.String(); id.MatchString(got) || strings.Contains(got, "ada") {
			t.Errorf("the address of %s is %q, which names a session or an owner", name, got)
		}
		for header, want := range map[string]string{
			"Content-Type":           "text/html; charset=utf-8",
			"Cache-Control":          "no-store",
			"X-Content-Type-Options": "nosniff",
			"Referrer-Policy":        "same-origin",
			"Content-Language":       "en",
		} {
			if got := r.Header.Get(header); got != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got, want)
			}
		}
		policy := r.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", name, policy, want)
			}
		}
		for _, element := range []string{"<h1>", "<main", "<title>"} {
			if got := strings.Count(r.Text, element); got != 1 {
				t.Errorf("%s has %d %s, want one", name, got, element)
			}
		}
	}
}

func TestStatusOfErrors(t *testing.T) {
	all := everything(t)
	for name, want := range map[string]int{
		"bad": http.StatusBadRequest, "missing": http.StatusNotFound, "method": http.StatusMethodNotAllowed,
		"forbidden": http.StatusForbidden, "too large": http.StatusRequestEntityTooLarge,
	} {
		has(t, all[name], want, "This did not work")
	}
}

// The style sheet has its own address for each content, needs no session, and is the same
// below any path.
func TestStyleSheet(t *testing.T) {
	s := plainSite(t)
	c := s.client("", firefox)
	name := regexp.MustCompile(`<link rel="stylesheet" href="(style\.[0-9a-f]{16}\.css)">`).FindStringSubmatch(c.Get(page).Text)
	if name == nil {
		t.Fatal("the page links to no style sheet")
	}
	for _, folder := range []string{page, "/admin/"} {
		r := c.Get(folder + name[1])
		has(t, r, http.StatusOK, "--sp-accent: #1f5fa8;", "prefers-color-scheme: dark")
		if got := r.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
			t.Errorf("Content-Type is %q", got)
		}
		if got := r.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("Cache-Control is %q", got)
		}
		if len(r.Header["Set-Cookie"])+len(r.Header["Vary"]) > 0 {
			t.Errorf("the style sheet uses the session: %v", r.Header)
		}
	}
}

func TestHead(t *testing.T) {
	s := plainSite(t)
	r := s.client("ada", firefox).Fetch(http.MethodHead, page, nil)
	if r.StatusCode != http.StatusOK || r.Text != "" {
		t.Errorf("HEAD: %s with %d bytes", r.Status, len(r.Text))
	}
	r = s.client("ada", firefox).Fetch(http.MethodDelete, page, nil)
	if got := r.Header.Get("Allow"); r.StatusCode != http.StatusMethodNotAllowed || got != "GET, HEAD" {
		t.Errorf("DELETE: %s, Allow %q", r.Status, got)
	}
}
