package adaptertest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/expanse-go/session"
)

// clauses are all promises. For each of them, a test has an adapter that breaks it.
var clauses = []clause{
	{"PlainCostsNothing", "a request that does not ask for its session causes no store call, no cookie and no header", plainCostsNothing},
	{"NotFoundCostsNothing", "a path without a route gets the framework's 404, and costs nothing", notFoundCostsNothing},
	{"NewSession", "the first write sends one cookie, which leads to the session", newSession},
	{"SavedBeforeRedirect", "a session is stored before a redirect goes out", savedBeforeRedirect},
	{"SavedBeforeStatus", "a session is stored before a response without a body goes out", savedBeforeStatus},
	{"FlashOnce", "a flash message is there on the next page, and not on the one after it", flashOnce},
	{"FlashSurvivesRedirect", "a redirect on the way does not use a flash message up", flashSurvivesRedirect},
	{"NoLostWrites", "50 concurrent requests of one session all store what they write", noLostWrites},
	{"Events", "events are flushed one by one, and the session is stored before the first one", events("/sse", "sse", event)},
	{"Stream", "a stream is flushed line by line, and the session is stored before the first one", events("/stream", "stream", line)},
	{"LateWrites", "changes after the first byte are stored when the handler returns", lateWrites},
	{"Upload", "the body of a request is a stream, also after the session was loaded", upload},
	{"Socket", "a WebSocket works, and the session is stored before the upgrade", upgrade},
	{"Panic", "nothing is stored if the handler panics", panics},
	{"Refused", "an error response commits what the handler has changed", refused},
	{"Failed", "a handler that fails commits nothing", failed},
	{"LoadFails", "if the store cannot load, the framework's error handler responds with 503", loadFails},
	{"CommitFails", "if the store cannot save, the framework's error handler responds with 503 in the handler's place", commitFails},
	{"CreateFails", "if the store cannot save a new session, the response is a 503 without a cookie", createFails},
	{"StreamFails", "if the store cannot save, a stream does not begin", streamFails},
	{"Ended", "a write to a session that has ended gets a 409 from the framework's error handler", ended},
	{"CrossOrigin", "an unsafe request from another site gets a 403 from the framework's error handler, and its handler is not called", crossOrigin},
}

func plainCostsNothing(ctx context.Context, e *env) error {
	return e.costsNothing(ctx, "/plain", http.StatusOK, "plain")
}

func notFoundCostsNothing(ctx context.Context, e *env) error {
	return e.costsNothing(ctx, "/missing", http.StatusNotFound, ErrorText(http.StatusNotFound))
}

// costsNothing requests a page without and with a session.
func (e *env) costsNothing(ctx context.Context, target string, status int, text string) error {
	for _, who := range []string{"a new visitor", "a visitor with a session"} {
		e.store.count()
		w, err := e.get(ctx, target)
		if err == nil {
			err = w.is(status, text)
		}
		if err != nil {
			return err
		}
		if n := e.store.count(); n != 0 {
			return fmt.Errorf("%s: the store was called %d times; want none", who, n)
		}
		for _, name := range []string{"Set-Cookie", "Cache-Control"} {
			if v := w.Header[name]; len(v) != 0 {
				return fmt.Errorf("%s: the response has %s: %q", who, name, v)
			}
		}
		if v := w.Header["Vary"]; strings.Contains(strings.Join(v, ","), "Cookie") {
			return fmt.Errorf("%s: the response has Vary: %q", who, v)
		}
		if err := e.begin(ctx); err != nil {
			return err
		}
	}
	return nil
}

func newSession(ctx context.Context, e *env) error {
	w, err := e.post(ctx, "/add?n=1")
	if err != nil {
		return err
	}
	if err := w.is(http.StatusOK, w.text); err != nil {
		return err
	}
	if got := strings.Join(strings.Fields(w.text), ""); got != `{"added":1}` && got != `{"added":"1"}` {
		return fmt.Errorf("the response is %q; want {\"added\": 1}", w.text)
	}
	if c := w.Header["Set-Cookie"]; len(c) != 1 || !strings.Contains(c[0], "HttpOnly") {
		return fmt.Errorf("the response has Set-Cookie: %q; want one cookie with HttpOnly", c)
	}
	if got := w.Header.Get("Vary"); !strings.Contains(got, "Cookie") {
		return fmt.Errorf("the response has Vary: %q; want Cookie", got)
	}
	if got := w.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
		return fmt.Errorf("the response has Cache-Control: %q; want no-store", got)
	}
	if err := e.stores(ctx, "added.n1", true); err != nil {
		return err
	}
	w, err = e.post(ctx, "/add?n=2")
	if err != nil {
		return err
	}
	if c := w.Header["Set-Cookie"]; len(c) != 0 {
		return fmt.Errorf("the second response sets the cookie again: %q", c)
	}
	return e.stores(ctx, "added.n2", true)
}

// stores reports whether a value is stored that should not be, or the other way round.
func (e *env) stores(ctx context.Context, path string, want bool) error {
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	switch {
	case s.Has(path) && !want:
		return fmt.Errorf("%q is stored", path)
	case !s.Has(path) && want:
		return fmt.Errorf("%q is not stored", path)
	}
	return nil
}

func savedBeforeRedirect(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	if err := e.redirects(ctx, "/save"); err != nil {
		return err
	}
	if err := e.stores(ctx, "visits", true); err != nil {
		return err
	}
	// A redirect that goes out first would now be a success.
	e.store.fail("update", "create", "touch")
	w, err := e.post(ctx, "/save")
	if err != nil {
		return err
	}
	if got := w.Header.Get("Location"); w.StatusCode < http.StatusBadRequest || got != "" {
		return fmt.Errorf("the store has failed, and the response is a %d to %q", w.StatusCode, got)
	}
	return nil
}

func (e *env) redirects(ctx context.Context, target string) error {
	w, err := e.post(ctx, target)
	if err != nil {
		return err
	}
	if got := w.Header.Get("Location"); w.StatusCode != http.StatusSeeOther || got != "/show" {
		return fmt.Errorf("POST %s: got status %d to %q; want 303 to /show", target, w.StatusCode, got)
	}
	return nil
}

func savedBeforeStatus(ctx context.Context, e *env) error {
	w, err := e.post(ctx, "/quiet")
	if err == nil {
		err = w.is(http.StatusNoContent, "")
	}
	if err == nil {
		err = e.stores(ctx, "quiet", true)
	}
	if err != nil {
		return err
	}
	e.store.fail("update", "create", "touch")
	w, err = e.post(ctx, "/quiet")
	if err != nil {
		return err
	}
	if w.StatusCode < http.StatusBadRequest {
		return fmt.Errorf("the store has failed, and the response is a %d", w.StatusCode)
	}
	return nil
}

func flashOnce(ctx context.Context, e *env) error {
	if err := e.redirects(ctx, "/save"); err != nil {
		return err
	}
	return e.show(ctx, "Saved. visits=1", "nothing new visits=1")
}

// show requests the page several times.
func (e *env) show(ctx context.Context, want ...string) error {
	for i, text := range want {
		w, err := e.get(ctx, "/show")
		if err == nil {
			err = w.is(http.StatusOK, text)
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", i+1, err)
		}
	}
	return nil
}

func flashSurvivesRedirect(ctx context.Context, e *env) error {
	for _, target := range []string{"/save", "/hop", "/hop"} {
		if err := e.redirects(ctx, target); err != nil {
			return err
		}
	}
	return e.show(ctx, "Saved. visits=1", "nothing new visits=1")
}

func noLostWrites(ctx context.Context, e *env) error {
	const n = 50
	if err := e.begin(ctx); err != nil {
		return err
	}
	e.app.expectAll(n)
	answers := make(chan error, n)
	for i := range n {
		go func() {
			w, err := e.post(ctx, fmt.Sprint("/add?n=", i))
			if err == nil {
				err = w.is(http.StatusOK, w.text)
			}
			answers <- err
		}()
	}
	for range n {
		if err := <-answers; err != nil {
			return err
		}
	}
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	if got := len(session.Get(s, "added", map[string]bool{})); got != n {
		return fmt.Errorf("of %d writes, %d are stored", n, got)
	}
	if got := e.app.together(); got != n {
		return fmt.Errorf("of %d concurrent requests, only %d ran at the same time", n, got)
	}
	return nil
}

func upload(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	w, err := e.send(ctx, http.MethodPost, "/upload", &halves{ctx: ctx, app: e.app}, "same-origin")
	if err == nil {
		err = w.is(http.StatusOK, fmt.Sprint(2*uploadChunk))
	}
	if err != nil {
		return err
	}
	return e.stores(ctx, "uploaded", true)
}

func upgrade(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	s, err := e.dial(ctx, "/socket")
	if err != nil {
		return err
	}
	defer s.Close()
	if err := e.stores(ctx, "socket", true); err != nil {
		return err
	}
	if got, err := s.echo("hello"); err != nil || got != "hello" {
		return fmt.Errorf("the message came back as %q, %v", got, err)
	}
	return nil
}

func crossOrigin(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	w, err := e.send(ctx, http.MethodPost, "/save", nil, "cross-site")
	if err == nil {
		err = w.isError(http.StatusForbidden)
	}
	if err != nil {
		return err
	}
	return e.stores(ctx, "visits", false)
}
