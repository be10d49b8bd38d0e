package audit

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// The site checks after the test that no event contains a token.
func TestBX1Events(t *testing.T) {
	var conflict atomic.Bool
	store := memstore.New(memstore.Config{})
	st := newSite(t, sessiontest.Wrap(store, func(_ context.Context, c sessiontest.Call, next func() error) error {
		if conflict.Load() && c.Op == "update" {
			return session.ErrConflict
		}
		return next()
	}), func(c *session.Config) { c.StoreTimeout = 100 * time.Millisecond })
	has := func(what string, want session.EventKind) {
		t.Helper()
		if got := st.took(); !strings.Contains(" "+got+" ", " "+string(want)+" ") {
			t.Errorf("%s: events %q, want %s", what, got, want)
		}
	}
	v := st.visitor("")
	v.must("POST", write)
	has("a new session", session.EventCreated)
	old := v.token
	v.must("POST", login)
	has("a login", session.EventRotated)
	st.dead("a replaced token", old)
	has("a replaced token", session.EventReplaced)
	st.clock.Advance(time.Minute)
	st.dead("a token that was replaced long ago", old)
	if got := st.took(); got != string(session.EventTokenReuse) && got != string(session.EventUnknownToken) {
		t.Errorf("a token that was replaced long ago: events %q", got)
	}
	st.dead("an unknown token", invented())
	has("an unknown token", session.EventUnknownToken)
	st.dead("a malformed token", "bad")
	has("a malformed token", session.EventBadCookie)
	conflict.Store(true)
	equal(t, "status of a conflict", st.visitor(v.token).do("POST", write).Code, http.StatusServiceUnavailable)
	conflict.Store(false)
	has("a conflict", session.EventConflict)
	v.must("POST", logout)
	has("a logout", session.EventLoggedOut)
	st.member("ada")
	must(st.RevokeOwner(t.Context(), "ada"))(t)
	has("a revocation", session.EventRevoked)
	v = st.member("ada")
	st.clock.Advance(3 * time.Hour)
	st.dead("an expired session", v.token)
	has("an expired session", session.EventExpired)
	v = st.member("ada")
	r := must(store.Load(t.Context(), first(parts(t, v.token))))(t)
	r.Data = []byte("damaged")
	must(0, store.Update(t.Context(), r))(t)
	st.dead("a damaged record", v.token)
	has("a damaged record", session.EventCorrupt)
}

func TestBX3AddressIsNoBinding(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	v := st.member("ada")
	for _, address := range []string{"192.0.2.7:1", "[2001:db8::1]:2", "10.0.0.1:3"} {
		r := httptest.NewRequest("POST", "https://example.com/", nil)
		r.RemoteAddr = address
		r.Header.Set("User-Agent", "browser of "+address)
		r.Header.Set("Cookie", cookieName+"="+v.token)
		w := st.serve(r, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
			equal(t, "owner from "+address, s.Owner(), "ada")
			s.Set("n", address)
		})
		if w.Code != http.StatusOK || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: status %d, Set-Cookie %q", address, w.Code, w.Header()["Set-Cookie"])
		}
	}
}

// TestBX4TimeoutsAreDocumented compares the effective default limits with the documents.
func TestBX4TimeoutsAreDocumented(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	v := st.visitor("")
	w := v.must("POST", login)
	absolute := time.Duration(w.Result().Cookies()[0].MaxAge) * time.Second
	info := must(st.Info(t.Context(), first(parts(t, v.token))))(t)
	idle := info.ExpiresAt.Sub(info.LastActivity)
	for file, patterns := range map[string][2]string{
		"SECURITY.md": {`(\d+) hours without a request`, `(\d+) hours after the login`},
		"config.go":   {`Negative: no idle timeout. Defaults to (\d+) hours`, `(?s)AbsoluteTimeout ends.*?Defaults to (\d+) hours, or`},
	} {
		text := strings.Join(strings.Fields(strings.ReplaceAll(string(must(os.ReadFile("../../../"+file))(t)), "//", "")), " ")
		for i, want := range []time.Duration{idle, absolute} {
			m := regexp.MustCompile(patterns[i]).FindStringSubmatch(text)
			if m == nil {
				t.Errorf("%s has nothing like %q", file, patterns[i])
				continue
			}
			equal(t, file+": "+m[0], m[1]+" hours", fmt.Sprint(int(want.Hours()))+" hours")
		}
	}
}
