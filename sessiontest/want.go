package sessiontest

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

// WantValue reports an error if the value at the path is not want. It reads the value as a T,
// as [session.Lookup] does, and compares it by [reflect.DeepEqual].
func WantValue[T any](tb testing.TB, s *session.Session, path string, want T) {
	tb.Helper()
	var got T
	switch {
	case !s.Has(path):
		tb.Errorf("session: no value at %q, want %+v; %s", path, want, keysOf(s))
	case s.Decode(path, &got) != nil:
		tb.Errorf("session: the value at %q is %+v, which is no %T; want %+v", path, s.Value(path), want, want)
	case !reflect.DeepEqual(got, want):
		tb.Errorf("session: the value at %q is %+v, want %+v", path, got, want)
	}
}

// WantNone reports an error for each of the paths at which there is a value.
func WantNone(tb testing.TB, s *session.Session, paths ...string) {
	tb.Helper()
	for _, path := range paths {
		if s.Has(path) {
			tb.Errorf("session: the value at %q is %+v, want none", path, s.Value(path))
		}
	}
}

// WantKeys reports an error if the top-level keys of the session are not the given ones, in any
// order. Flash messages count, too.
func WantKeys(tb testing.TB, s *session.Session, keys ...string) {
	tb.Helper()
	var missing, extra []string
	got := slices.Collect(s.Keys())
	for _, k := range keys {
		if !slices.Contains(got, k) {
			missing = append(missing, k)
		}
	}
	for _, k := range got {
		if !slices.Contains(keys, k) {
			extra = append(extra, k)
		}
	}
	if len(missing) > 0 {
		tb.Errorf("session: missing keys %q", missing)
	}
	if len(extra) > 0 {
		tb.Errorf("session: unexpected keys %q", extra)
	}
}

// WantOwner reports an error if the session does not belong to the owner. An empty owner
// means that nobody is signed in.
func WantOwner(tb testing.TB, s *session.Session, owner string) {
	tb.Helper()
	if got := s.Owner(); got != owner {
		tb.Errorf("session: the owner is %q, want %q", got, owner)
	}
}

// WantFlash reports an error if there is no flash message at the path, or if its value is not
// want. An ordinary value is not a flash message. To test that a page has used the message up,
// call [WantNone] after it.
func WantFlash[T any](tb testing.TB, s *session.Session, path string, want T) {
	tb.Helper()
	messages := slices.Collect(s.FlashPaths())
	if s.Has(path) && !slices.Contains(messages, path) {
		tb.Errorf("session: the value at %q is no flash message; flash messages are at %q", path, messages)
		return
	}
	WantValue(tb, s, path, want)
}

// WantRotated reports an error unless the cookie after differs from the cookie before and leads
// to a session, and the cookie before no longer does. That is so after [session.Session.Login],
// Regenerate and Confirm, to prevent session fixation (OWASP ASVS 7.2.4). After a periodic
// rotation, the former cookie works for [session.Config].Grace.
//
// Before is nil if the browser had no cookie. [Client.Cookie] returns the cookies.
func WantRotated(tb testing.TB, m *session.Manager, before, after *http.Cookie) {
	tb.Helper()
	switch {
	case after == nil:
		tb.Errorf("session: no cookie, want a new one")
		return
	case before != nil && before.Value == after.Value:
		tb.Errorf("session: the cookie %s is the same as before, want a new one; a login has to call Login or Regenerate", after.Name)
		return
	case load(tb, m, session.Token(after.Value)).IsNew():
		tb.Errorf("session: the new cookie %s leads to no session", after.Name)
	}
	if before != nil && !load(tb, m, session.Token(before.Value)).IsNew() {
		tb.Errorf("session: the former cookie %s still leads to a session", before.Name)
	}
}

// WantSameCookie reports an error if the values of the cookies differ: the token was rotated, or
// a session has begun or ended. Either may be nil.
func WantSameCookie(tb testing.TB, before, after *http.Cookie) {
	tb.Helper()
	switch {
	case before == nil && after == nil:
	case before == nil:
		tb.Errorf("session: a new cookie %s, want none", after.Name)
	case after == nil:
		tb.Errorf("session: the cookie %s is gone, want the same as before", before.Name)
	case before.Value != after.Value:
		tb.Errorf("session: the cookie %s has a new value, want the same as before", before.Name)
	}
}

// WantCookie reports an error for each attribute in which the cookie that the response sets
// differs from want: Domain, Path, Secure, HttpOnly, SameSite, Partitioned, and, unless they are
// zero in want, Value and MaxAge.
//
//	sessiontest.WantCookie(t, w.Result(), &http.Cookie{
//		Name: "__Host-session", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
//	})
//
// A response that deletes the cookie sets it with a MaxAge of -1.
func WantCookie(tb testing.TB, w *http.Response, want *http.Cookie) {
	tb.Helper()
	got := setBy(w, want.Name)
	if got == nil {
		tb.Errorf("response: it does not set the cookie %s", want.Name)
		return
	}
	var differ []string
	compare := func(name string, got, want any) {
		if got != want {
			differ = append(differ, fmt.Sprintf("%s is %v, want %v", name, got, want))
		}
	}
	if got.MaxAge < 0 && want.MaxAge >= 0 {
		tb.Errorf("response: it deletes the cookie %s", want.Name)
		return
	}
	compare("Domain", got.Domain, want.Domain)
	compare("Path", got.Path, want.Path)
	compare("Secure", got.Secure, want.Secure)
	compare("HttpOnly", got.HttpOnly, want.HttpOnly)
	compare("SameSite", sameSite(got), sameSite(want))
	compare("Partitioned", got.Partitioned, want.Partitioned)
	if want.MaxAge != 0 {
		compare("MaxAge", got.MaxAge, want.MaxAge)
	}
	if want.Value != "" && got.Value != want.Value {
		differ = append(differ, "the value differs")
	}
	if len(differ) > 0 {
		tb.Errorf("response: cookie %s: %s", want.Name, strings.Join(differ, "; "))
	}
}

// WantNoCookie reports an error if the response sets or deletes a cookie of that name. Caches
// must not share a response that does.
func WantNoCookie(tb testing.TB, w *http.Response, name string) {
	tb.Helper()
	if c := setBy(w, name); c != nil {
		verb := "sets"
		if c.MaxAge < 0 {
			verb = "deletes"
		}
		tb.Errorf("response: it %s the cookie %s, want no Set-Cookie header of that name", verb, name)
	}
}

// setBy returns the last cookie of that name that a response sets, which is the one that
// browsers keep.
func setBy(w *http.Response, name string) *http.Cookie {
	var last *http.Cookie
	for _, c := range w.Cookies() {
		if c.Name == name {
			last = c
		}
	}
	return last
}

func sameSite(c *http.Cookie) string {
	switch c.SameSite {
	case http.SameSiteLaxMode:
		return "Lax"
	case http.SameSiteStrictMode:
		return "Strict"
	case http.SameSiteNoneMode:
		return "None"
	}
	return "unset"
}

func keysOf(s *session.Session) string {
	if keys := slices.Collect(s.Keys()); len(keys) > 0 {
		return fmt.Sprintf("the session has the keys %q", keys)
	}
	return "the session is empty"
}
