package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// parts returns the public ID and the secret of a token.
func parts(tb testing.TB, token string) (id session.ID, secret []byte) {
	tb.Helper()
	raw := must(base64.RawURLEncoding.DecodeString(token))(tb)
	if len(raw) != 48 {
		tb.Fatalf("a token has %d bytes, want 16 of the ID and 32 of the secret", len(raw))
	}
	return session.ID(raw[:16]), raw[16:]
}

// secrets returns what nobody but the client may have, in the forms in which it might be found.
func secrets(token string) map[string][]byte {
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	if len(raw) != 48 {
		return map[string][]byte{"token": []byte(token)}
	}
	secret := raw[16:]
	return map[string][]byte{
		"token": []byte(token), "end of the token": []byte(token[22:]), "secret": secret,
		"secret in hex": []byte(hex.EncodeToString(secret)), "secret in base64": []byte(base64.RawStdEncoding.EncodeToString(secret)),
		"secret as numbers": []byte(strings.Trim(fmt.Sprint(secret), "[]")),
	}
}

// invented returns a well-formed token that no server has issued.
func invented() string {
	var raw [48]byte
	rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// brokenReader fails, as a broken source of random numbers does.
type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("no entropy") }

func TestID1TokensAreRandom(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	if os.Getenv("AUDIT_BROKEN_RANDOM") != "" {
		rand.Reader = brokenReader{}
		st.member("ada")
		return
	}
	const n = 10_000
	seen := make(map[string]bool, n)
	var values [48][256]int
	for range n {
		s := must(st.Load(t.Context(), ""))(t)
		s.Set("data", 1)
		c := must(st.Commit(t.Context(), s))(t)
		id, secret := parts(t, c.Value)
		for i, b := range append(id[:], secret...) {
			values[i][b]++
		}
		if seen[c.Value] {
			t.Fatal("a token was issued twice")
		}
		seen[c.Value] = true
	}
	// Each byte of the ID and of the secret takes all values about equally often: 39 times on
	// average, with a standard deviation of 6. Chance does not reach nine of those.
	for i, counts := range values {
		for b, count := range counts {
			if count > 39+9*6 {
				t.Errorf("byte %d is %d in %d of %d tokens", i, b, count, n)
			}
		}
	}
	// If the source fails, there is no weaker one: the program ends.
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), "AUDIT_BROKEN_RANDOM=1")
	out, err := child.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("crypto/rand")) {
		t.Errorf("without random numbers: %v, %s", err, out)
	}
}

func TestID2TokenHoldsNoData(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	one, two := st.member("ada"), st.member("ada")
	for _, v := range []*visitor{one, two} {
		raw := must(base64.RawURLEncoding.DecodeString(v.token))(t)
		if bytes.Contains(raw, []byte("ada")) || strings.Contains(v.token, "ada") {
			t.Error("the token contains the data")
		}
	}
	before := one.token
	w := one.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
		s.Set("data", strings.Repeat("x", 1000))
	})
	if len(w.Header()["Set-Cookie"]) > 0 {
		t.Error("the cookie changed with the data")
	}
	one.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
	_, old := parts(t, before)
	_, next := parts(t, one.token)
	_, other := parts(t, two.token)
	for _, pair := range [][2][]byte{{old, next}, {old, other}} {
		same := 0
		for i := range pair[0] {
			if pair[0][i] == pair[1][i] {
				same++
			}
		}
		if same > 16 {
			t.Errorf("two secrets share %d of 32 bytes", same)
		}
	}
}

func TestID3UnknownIDNotAdopted(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		foreign := invented()
		v := st.visitor(foreign)
		equal(t, "cookies of a read", len(v.must("GET", read).Header()["Set-Cookie"]), 0)
		v.must("POST", write)
		id, _ := parts(t, foreign)
		got, _ := parts(t, v.token)
		if v.token == foreign || got == id {
			t.Error("the invented token was adopted")
		}
		if _, err := o.store.Load(t.Context(), id); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("the record of the invented ID: %v, want ErrNotFound", err)
		}
		st.dead("invented", foreign)

		// An ID that exists, with another secret.
		_, secret := parts(t, foreign)
		wrong := base64.RawURLEncoding.EncodeToString(append(got[:], secret...))
		st.dead("a wrong secret", wrong)
		w := st.visitor(wrong)
		w.must("POST", login)
		if other, _ := parts(t, w.token); other == got {
			t.Error("a wrong secret was given the session")
		}
		st.alive("the real one", v.token, "/late")
	})
}

func TestID4DeadTokensStayDead(t *testing.T) {
	ends := map[string]func(st *site, v *visitor){
		"logout": func(_ *site, v *visitor) { v.must("POST", logout) },
		"revoked": func(st *site, v *visitor) {
			id, _ := parts(st.tb, v.token)
			must(0, st.Revoke(st.tb.Context(), id))(st.tb)
		},
		"rotation": func(_ *site, v *visitor) {
			v.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
		},
		"expiry": func(st *site, _ *visitor) { st.clock.Advance(2*time.Hour + time.Second) },
	}
	each(t, func(t *testing.T, o opened) {
		for name, end := range ends {
			st := newSite(t, o.store)
			v := st.member("ada")
			old := v.token
			end(st, v)
			late := st.visitor(old)
			late.do("GET", write)
			late.do("POST", write)
			late.do("POST", login)
			if late.token == old {
				t.Errorf("%s: the old token is in use again", name)
			}
			st.dead(name, old)
		}
	})
}

func TestID5MalformedTokenReachesNoStore(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		var calls atomic.Int32
		st := newSite(t, sessiontest.Wrap(o.store, func(_ context.Context, _ sessiontest.Call, next func() error) error {
			calls.Add(1)
			return next()
		}))
		good := invented()
		before := o.dump(t)
		for _, bad := range []string{
			strings.Repeat("../", 20) + "etc", strings.Repeat("../", 21) + "a", strings.Repeat("..%2f", 12) + "abcd", "\x00" + good[1:], good[:63] + "\r", good[:30] + "\r\n" + good[32:],
			strings.Repeat("a", 1<<20), strings.Repeat(".", 40), strings.Repeat(".", 64), strings.Repeat("é", 32), good[:63], good + "A", good[:63] + "=",
			good[:63] + "+", good[:63] + "/", `"` + good[:62] + `"`, strings.Repeat("A", 64), "",
		} {
			r := httptest.NewRequest("GET", "https://example.com/", nil)
			r.Header["Cookie"] = []string{cookieName + "=" + bad}
			if w := st.serve(r, read); w.Code != http.StatusOK || len(w.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%.40q: status %d, Set-Cookie %q", bad, w.Code, w.Header()["Set-Cookie"])
			}
			if n := calls.Swap(0); n > 0 {
				t.Errorf("%.40q: %d calls of the store", bad, n)
			}
		}
		if !bytes.Equal(o.dump(t), before) {
			t.Error("the store has changed")
		}
		st.sees(good)
		equal(t, "calls for a well-formed token", calls.Load(), 1)
	})
}

func TestID6TokenOnlyFromCookie(t *testing.T) {
	st := newSite(t, memstore.New(memstore.Config{}))
	token := st.member("ada").token
	requests := map[string]*http.Request{
		"query": httptest.NewRequest("GET", "https://example.com/?session="+token+"&"+cookieName+"="+token+"&session_id="+token, nil),
		"form":  httptest.NewRequest("POST", "https://example.com/", strings.NewReader("session="+token+"&"+cookieName+"="+token)),
		"path":  httptest.NewRequest("GET", "https://example.com/;session="+token, nil),
	}
	requests["form"].Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, name := range []string{"Authorization", "Session-Token", "X-Session-Token", "Session", "X-Auth-Token", cookieName} {
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		r.Header.Set(name, token)
		if name == "Authorization" {
			r.Header.Set(name, "Bearer "+token)
		}
		requests[name] = r
	}
	for name, r := range requests {
		w := st.serve(r, func(w http.ResponseWriter, r *http.Request, s *session.Session) {
			if s.Owner() != "" {
				t.Errorf("%s: signed in", name)
			}
			http.Redirect(w, r, "/next", http.StatusSeeOther)
		})
		if strings.Contains(fmt.Sprint(w.Header())+w.Body.String(), token) {
			t.Errorf("%s: the token is in the response", name)
		}
	}
	st.alive("the cookie", token, "ada/ada")
}

func TestID7StoreHoldsNoToken(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v := st.member("ada")
		v.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("data", "CANARY") })
		v.must("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Regenerate() })
		dump := o.dump(t)
		if !bytes.Contains(dump, []byte("CANARY")) {
			t.Fatalf("the dump lacks the data: %q", dump)
		}
		for _, token := range st.tokens {
			for what, secret := range secrets(token) {
				if bytes.Contains(dump, secret) {
					t.Errorf("the store holds the %s", what)
				}
			}
		}
	})
}

func TestID8TokensAreNotPrinted(t *testing.T) {
	down := errors.New("the store is down")
	var fail atomic.Bool
	st := newSite(t, sessiontest.Wrap(memstore.New(memstore.Config{}), func(_ context.Context, _ sessiontest.Call, next func() error) error {
		if fail.Load() {
			return down
		}
		return next()
	}))
	v := st.member("ada")
	s := must(st.Load(t.Context(), session.Token(v.token)))(t)
	for _, value := range []any{session.Token(v.token), struct{ T session.Token }{session.Token(v.token)}, s, st.Manager, records(t, st.Store())} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(st, verb+"\n", value)
		}
		js, err := json.Marshal(value)
		fmt.Fprintf(st, "%s %v\n", js, err)
		slog.New(slog.NewTextHandler(st, nil)).Info("value", "value", value)
	}
	for _, broken := range []bool{false, true} {
		fail.Store(broken)
		for _, h := range []handler{read, write, login, logout} {
			io.WriteString(st, st.visitor(v.token).do("POST", h).Body.String())
		}
	}
	if !strings.Contains(st.out.String(), down.Error()) {
		t.Error("the failure was not logged, so this test sees nothing")
	}
	// The site looks for the tokens at the end of each test.
}

func TestID9CreateInsertsOnly(t *testing.T) {
	each(t, func(t *testing.T, o opened) {
		st := newSite(t, o.store)
		v := st.member("ada")
		first, err := o.store.Load(t.Context(), records(t, o.store)[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		second := first
		second.Owner, second.Data = "eve", []byte("eve")
		if err := o.store.Create(t.Context(), second); !errors.Is(err, session.ErrConflict) {
			t.Errorf("a second Create: %v, want ErrConflict", err)
		}
		// A source that repeats itself: the second session never sees the first.
		var repeated atomic.Int32
		other := newSite(t, sessiontest.Wrap(o.store, func(_ context.Context, c sessiontest.Call, next func() error) error {
			if c.Op == "create" && repeated.Add(1) == 1 {
				c.Record.ID = first.ID
			}
			return next()
		}))
		late := other.visitor("")
		late.do("POST", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Login("eve") })
		if repeated.Load() == 0 {
			t.Error("no record was created")
		}
		if late.token != "" {
			st.alive("the second session", late.token, "eve/")
		}
		st.alive("the first session", v.token, "ada/ada")
	})
}

func TestID10TokenBoundToCookie(t *testing.T) {
	store := memstore.New(memstore.Config{})
	st := newSite(t, store)
	v := st.member("ada")
	for name, change := range map[string]func(*session.Config){
		"name": func(c *session.Config) { c.Cookie.Name = "other" },
		"domain": func(c *session.Config) {
			c.Cookie.DangerouslyDropHostPrefix, c.Cookie.Domain = true, "example.com"
		},
		"http":   func(c *session.Config) { c.Cookie.DangerouslyAllowHTTP = true },
		"header": func(c *session.Config) { c.Transport.Header, c.Transport.HeaderOnly = "Authorization", true },
	} {
		newSite(t, store, change).dead("under another "+name, v.token)
	}
	// A token that fails the check is nothing, whatever decoder might accept it.
	for i := range v.token {
		c := byte('A')
		if v.token[i] == c {
			c = 'B'
		}
		changed := v.token[:i] + string(c) + v.token[i+1:]
		if st.sees(changed) != "/" {
			t.Errorf("the token is valid with another byte %d", i)
		}
	}
	st.alive("the token", v.token, "ada/ada")
}
