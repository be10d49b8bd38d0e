package sessionpage_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionpage"
	"github.com/expanse-go/session/sessiontest"
)

func everybody(*http.Request, *session.Session) bool { return true }

func TestAdminNeedsAuthorize(t *testing.T) {
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessionpage.NewAdmin(m, sessionpage.AdminConfig{}); err == nil || !strings.Contains(err.Error(), "Authorize") {
		t.Errorf("NewAdmin without Authorize: %v, want an error that names it", err)
	}
	if _, err := sessionpage.NewAdmin(m, sessionpage.AdminConfig{Authorize: everybody}); err != nil {
		t.Error(err)
	}
}

// Every address but that of the style sheet asks who it is, each time.
func TestAdminRefusesOthers(t *testing.T) {
	s := plainSite(t)
	ada, nobody := s.client("ada", firefox), s.client("", firefox)
	for _, c := range []*sessiontest.Client{ada, nobody} {
		for _, path := range []string{"/admin/", "/admin/owner"} {
			r := c.Get(path)
			has(t, r, http.StatusForbidden, "not allowed")
			lacks(t, r, "Live", "Firefox")
		}
		for _, path := range []string{"/admin/search", "/admin/end", "/admin/ask-owner", "/admin/end-owner"} {
			has(t, c.Submit(path, url.Values{"owner": {"ada"}, "id": {strings.Repeat("0", 32)}}), http.StatusForbidden)
		}
	}
	if got := who(ada); got != "ada" {
		t.Error("a session has ended")
	}
}

func TestAdminCounts(t *testing.T) {
	clock := sessiontest.NewClock(time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC))
	var counters sessionpage.Counters
	s := newSite(t, nil, session.Config{
		Now: clock.Now, OnEvent: counters.Count, IdleTimeout: 30 * 24 * time.Hour, PruneEvery: -1,
	}, sessionpage.AccountConfig{Now: clock.Now}, sessionpage.AdminConfig{
		Now: clock.Now, Counters: &counters, CountEvery: time.Minute,
		Numbers: func(context.Context) []sessionpage.Number {
			return []sessionpage.Number{{Label: "Orders <today>", Value: 12345}}
		},
	})
	for range 2 {
		s.client("ada", iphone)
	}
	clock.Advance(20 * 24 * time.Hour)
	s.client("eve", firefox)
	clock.Advance(11 * 24 * time.Hour) // the first two have expired
	root := s.client("root", firefox)
	counters.Count(t.Context(), session.Event{Kind: session.EventConflict, Op: session.OpCommit})
	r := root.Get("/admin/")
	has(t, r, http.StatusOK,
		"<bdi>Conflicts, not saved</bdi></th><td class=\"sp-number\">1</td>", "<dt>Live</dt><dd>2</dd>", "<dt>Signed in</dt><dd>2</dd>", "<dt>Anonymous</dt><dd>0</dd>", "<dt>Expired, not removed</dt><dd>2</dd>",
		"<bdi>Less than 1 h</bdi></th><td class=\"sp-number\">1</td>", "<bdi>7 to 30 d</bdi></th><td class=\"sp-number\">1</td>",
		"<bdi>Firefox</bdi></th><td class=\"sp-number\">2</td>", "<bdi>Linux</bdi></th><td class=\"sp-number\">2</td>",
		"<bdi>Sessions created</bdi></th><td class=\"sp-number\">4</td>",
		"<bdi>Orders &lt;today&gt;</bdi></th><td class=\"sp-number\">12\u202f345</td>", "Counted 2026-02-01 09:00 UTC.")
	lacks(t, r, "Counting stopped", "Safari")

	s.client("new", firefox)
	has(t, root.Get("/admin/"), http.StatusOK, "<dt>Live</dt><dd>2</dd>") // counted less than CountEvery ago
	clock.Advance(time.Minute)
	has(t, root.Get("/admin/"), http.StatusOK, "<dt>Live</dt><dd>3</dd>")
}

func TestAdminFindsAndEnds(t *testing.T) {
	s := plainSite(t)
	phone, laptop := s.client("ada", iphone), s.client("ada", firefox)
	root := s.client("root", firefox)
	has(t, root.Submit("/admin/search", url.Values{"owner": {"nobody"}}), http.StatusOK, "Sessions of nobody", "no sessions")
	r := root.Submit("/admin/search", url.Values{"owner": {"ada"}})
	has(t, r, http.StatusOK, "Sessions of ada", "Firefox 143 on Linux", "Safari 18 on iOS")
	all := ids(r)
	if len(all) != 2 {
		t.Fatalf("%d sessions, want 2", len(all))
	}
	has(t, root.Submit("/admin/end", url.Values{"id": {all[0]}, "owner": {"eve"}}), http.StatusOK, "already ended")
	has(t, root.Submit("/admin/end", url.Values{"id": {all[0]}, "owner": {"ada"}}), http.StatusOK, "The session has ended: Firefox 143 on Linux.", "Sessions of ada")
	if who(laptop) != "" || who(phone) != "ada" {
		t.Errorf("owners are %q and %q, want none and ada", who(laptop), who(phone))
	}
	has(t, root.Submit("/admin/end", url.Values{"id": {all[0]}, "owner": {"ada"}}), http.StatusOK, "already ended")
	has(t, root.Submit("/admin/end", url.Values{"id": {"x"}, "owner": {"ada"}}), http.StatusBadRequest)

	has(t, root.Submit("/admin/ask-owner", url.Values{"owner": {"ada"}}), http.StatusOK, "End all sessions of ada?", `value="ada"`)
	if got := who(phone); got != "ada" {
		t.Error("the question alone has ended a session")
	}
	has(t, root.Submit("/admin/end-owner", url.Values{"owner": {"ada"}}), http.StatusOK, "Sessions of ada that have ended: 1.", "no sessions")
	if got := who(phone); got != "" {
		t.Errorf("still signed in as %q", got)
	}
	has(t, root.Get("/admin/"), http.StatusOK, `value="ada"`) // the search field remembers
}

// Without an owner there is nothing to do; the zero owner would mean all anonymous sessions.
func TestAdminWithoutOwner(t *testing.T) {
	s := plainSite(t)
	root := s.client("root", firefox)
	for _, path := range []string{"search", "ask-owner", "end-owner"} {
		has(t, root.Submit("/admin/"+path, url.Values{"owner": {""}}), http.StatusOK, "<h1>Sessions</h1>")
	}
	has(t, root.Get("/admin/owner"), http.StatusOK, "<h1>Sessions</h1>")
	has(t, root.Submit("/admin/search", url.Values{"owner": {strings.Repeat("x", session.MaxOwner+1)}}), http.StatusOK, "<h1>Sessions</h1>")
}

func TestAdminEndsOwnSessions(t *testing.T) {
	s := plainSite(t)
	other, root := s.client("root", iphone), s.client("root", firefox)
	has(t, root.Submit("/admin/ask-owner", url.Values{"owner": {"root"}}), http.StatusOK, "your own account")
	has(t, root.Submit("/admin/end-owner", url.Values{"owner": {"root"}}), http.StatusOK, "that have ended: 1.")
	if who(other) != "" || who(root) != "root" {
		t.Errorf("owners are %q and %q, want none and root", who(other), who(root))
	}
	own := ids(root.Submit("/admin/search", url.Values{"owner": {"root"}}))
	has(t, root.Submit("/admin/end", url.Values{"id": {own[0]}, "owner": {"root"}}), http.StatusForbidden, "The session has ended")
	if got := who(root); got != "" {
		t.Errorf("still signed in as %q", got)
	}
}

func TestCounters(t *testing.T) {
	var c sessionpage.Counters
	if got := c.Of(session.EventCreated); got != 0 {
		t.Errorf("a new counter says %d", got)
	}
	done := make(chan bool)
	for range 4 {
		go func() {
			for range 100 {
				c.Count(context.Background(), session.Event{Kind: session.EventReplayed})
			}
			done <- true
		}()
	}
	for range 4 {
		<-done
	}
	if got := c.Of(session.EventReplayed); got != 400 {
		t.Errorf("%d events, want 400", got)
	}
}
