package adaptertest_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// A faultyAdapter has a fault that an adapter could have.
type faultyAdapter struct {
	fault   string
	wrap    func(m *session.Manager, app http.Handler) http.Handler
	onError func(http.ResponseWriter, *http.Request, error)
	breaks  []string
}

var faultyAdapters = []faultyAdapter{
	{"loads every session", loadsAlways, onError, []string{"NotFoundCostsNothing", "PlainCostsNothing"}},
	{"loses the cookie", losesHeader("Set-Cookie"), onError, []string{"FlashOnce", "FlashSurvivesRedirect", "NewSession", "Refused", "SavedBeforeStatus"}},
	{"lets caches keep the cookie", losesHeader("Cache-Control"), onError, []string{"NewSession"}},
	{"reports success if a commit fails", middleware, succeeds, []string{"CommitFails", "CreateFails", "CrossOrigin", "Ended", "Failed", "LoadFails", "SavedBeforeRedirect", "SavedBeforeStatus", "StreamFails"}},
	{"does not see the status", hidesStatus, onError, []string{"FlashSurvivesRedirect"}},
	{"hides what kind of request it is", neverUsesUp, onError, []string{"FlashOnce", "FlashSurvivesRedirect"}},
	{"stores the whole session", storesAll, onError, []string{"NoLostWrites"}},
	{"buffers the response", inside(func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter { return buffered{w} }), onError, []string{"Events", "Stream"}},
	{"drops late changes", dropsLate, onError, []string{"LateWrites"}},
	{"buffers the request", buffersBody, onError, []string{"Upload"}},
	{"hides the connection", inside(func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter { return unhijackable{w} }), onError, []string{"Socket"}},
	{"recovers from a panic and goes on", recoversLate, onError, []string{"Panic"}},
	{"drops the changes of every error response", inside(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter { return dropsErrors{w, r} }), onError, []string{"Refused"}},
	{"keeps the changes of a handler that fails", middleware, keepsFailed, []string{"Failed"}},
	{"responds itself", middleware, nil, []string{"CommitFails", "CreateFails", "CrossOrigin", "Ended", "Failed", "LoadFails", "StreamFails"}},
	{"loses the status of errors", middleware, alwaysTeapot, []string{"CommitFails", "CreateFails", "CrossOrigin", "Ended", "Failed", "LoadFails", "StreamFails"}},
	{"lets the handler write after the error page", writesPast, onError, []string{"CommitFails", "CreateFails", "Ended", "StreamFails"}},
	{"passes cross-origin requests", hidesOrigin, onError, []string{"CrossOrigin"}},
}

// TestFaultyAdapters shows that each clause notices the fault that it is about, and no other.
func TestFaultyAdapters(t *testing.T) {
	t.Parallel()
	noticed := make(map[string]bool)
	for _, f := range faultyAdapters {
		for _, name := range f.breaks {
			noticed[name] = true
		}
		t.Run(f.fault, func(t *testing.T) {
			t.Parallel()
			h := harness(f.wrap)
			h.OnError, h.Patience = f.onError, 2*time.Second
			broken := adaptertest.Check(t, h)
			if got := slices.Sorted(maps.Keys(broken)); !slices.Equal(got, f.breaks) {
				t.Errorf("breaks %q; want %q", got, f.breaks)
				for name, err := range broken {
					t.Logf("%s: %v", name, err)
				}
			}
		})
	}
	for _, name := range adaptertest.Clauses() {
		if !noticed[name] {
			t.Errorf("no adapter here breaks %s", name)
		}
	}
}

// before calls a function first, and then the correct adapter.
func before(m *session.Manager, app http.Handler, f func(w http.ResponseWriter, r *http.Request)) http.Handler {
	next := m.Handler(app)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(w, r)
		next.ServeHTTP(w, r)
	})
}

// inside puts a writer between the handler and the correct adapter.
func inside(writer func(http.ResponseWriter, *http.Request) http.ResponseWriter) func(*session.Manager, http.Handler) http.Handler {
	return func(m *session.Manager, app http.Handler) http.Handler {
		return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { app.ServeHTTP(writer(w, r), r) }))
	}
}

func loadsAlways(m *session.Manager, app http.Handler) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = session.From(r.Context())
		app.ServeHTTP(w, r)
	}))
}

func losesHeader(name string) func(*session.Manager, http.Handler) http.Handler {
	return func(m *session.Manager, app http.Handler) http.Handler {
		next := m.Handler(app)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(&headerless{w, name}, r) })
	}
}

// headerless loses a header.
type headerless struct {
	http.ResponseWriter
	name string
}

func (w *headerless) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *headerless) Flush()                      { _ = http.NewResponseController(w.ResponseWriter).Flush() }
func (w *headerless) WriteHeader(status int) {
	w.Header().Del(w.name)
	w.ResponseWriter.WriteHeader(status)
}

func (w *headerless) Write(b []byte) (int, error) {
	w.Header().Del(w.name)
	return w.ResponseWriter.Write(b)
}

func succeeds(w http.ResponseWriter, _ *http.Request, _ error) { io.WriteString(w, "Saved.") }

// hidesStatus is how middleware for net/http works in a framework that sends a status only
// after all middleware.
func hidesStatus(m *session.Manager, app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		late := &lateStatus{}
		m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			late.ResponseWriter = w
			app.ServeHTTP(late, r)
		})).ServeHTTP(w, r)
		if late.status != 0 {
			w.WriteHeader(late.status)
		}
	})
}

type lateStatus struct {
	http.ResponseWriter
	status int
}

func (w *lateStatus) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w *lateStatus) WriteHeader(status int) {
	w.status = status
	if status == http.StatusSwitchingProtocols {
		w.send()
	}
}

func (w *lateStatus) send() {
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
		w.status = 0
	}
}

func (w *lateStatus) Flush() {
	w.send()
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *lateStatus) Write(b []byte) (int, error) {
	w.send()
	return w.ResponseWriter.Write(b)
}

func neverUsesUp(m *session.Manager, app http.Handler) http.Handler {
	return before(m, app, func(_ http.ResponseWriter, r *http.Request) { r.Header.Set("Purpose", "prefetch") })
}

// storesAll commits all values of the session, instead of the changes of the request.
func storesAll(m *session.Manager, app http.Handler) http.Handler {
	return inside(func(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
		if c, err := r.Cookie(m.CookieName()); err == nil && r.URL.Path == "/add" {
			return &storer{w, m, r, session.Token(c.Value)}
		}
		return w
	})(m, app)
}

type storer struct {
	http.ResponseWriter
	m     *session.Manager
	r     *http.Request
	token session.Token
}

func (w *storer) Write(b []byte) (int, error) {
	s, err := session.From(w.r.Context())
	if err != nil {
		return 0, err
	}
	whole, err := w.m.Load(w.r.Context(), w.token)
	if err != nil {
		return 0, err
	}
	for path, v := range s.All() {
		if !s.IsNew() && whole.ID() == s.ID() {
			whole.Set(path, v)
		}
	}
	if whole.ID() == s.ID() {
		s.Rollback()
		if _, err := w.m.Commit(w.r.Context(), whole); err != nil {
			session.Error(w.ResponseWriter, w.r, err)
			return 0, err
		}
	}
	return w.ResponseWriter.Write(b)
}

// buffered ignores flushes.
type buffered struct{ http.ResponseWriter }

func (w buffered) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (buffered) Flush()                        {}

func dropsLate(m *session.Manager, app http.Handler) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.ServeHTTP(w, r)
		if w.Header().Get("Vary") != "" { // the session was asked for, and the response has begun
			if s, err := session.From(r.Context()); err == nil {
				s.Rollback()
			}
		}
	}))
}

func buffersBody(m *session.Manager, app http.Handler) http.Handler {
	return before(m, app, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
	})
}

// unhijackable can be flushed, and no more.
type unhijackable struct{ http.ResponseWriter }

func (w unhijackable) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func recoversLate(m *session.Manager, app http.Handler) http.Handler {
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !returns(func() { app.ServeHTTP(w, r) }) {
			refuse(w, http.StatusInternalServerError)
		}
	}))
}

func returns(f func()) (ok bool) {
	defer func() { _ = recover() }()
	f()
	return true
}

type dropsErrors struct {
	http.ResponseWriter
	r *http.Request
}

func (w dropsErrors) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w dropsErrors) Flush()                      { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w dropsErrors) WriteHeader(status int) {
	if status == http.StatusForbidden {
		if s, err := session.From(w.r.Context()); err == nil {
			s.Rollback()
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// keepsFailed does what an adapter does that does not roll back.
func keepsFailed(w http.ResponseWriter, r *http.Request, err error) {
	if status, _ := session.ErrorStatus(err); status == http.StatusInternalServerError {
		if s, err := session.From(r.Context()); err == nil {
			s.Set("failed", true)
		}
	}
	onError(w, r, err)
}

func alwaysTeapot(w http.ResponseWriter, _ *http.Request, _ error) { refuse(w, http.StatusTeapot) }

func writesPast(m *session.Manager, app http.Handler) http.Handler {
	return http.HandlerFunc(func(raw http.ResponseWriter, r *http.Request) {
		inside(func(w http.ResponseWriter, _ *http.Request) http.ResponseWriter { return past{w, raw} })(m, app).ServeHTTP(raw, r)
	})
}

type past struct {
	http.ResponseWriter
	raw http.ResponseWriter
}

func (w past) Unwrap() http.ResponseWriter { return w.ResponseWriter }
func (w past) Flush()                      { _ = http.NewResponseController(w.ResponseWriter).Flush() }
func (w past) Write(b []byte) (int, error) {
	if n, err := w.ResponseWriter.Write(b); err == nil {
		return n, nil
	}
	return w.raw.Write(b)
}

func hidesOrigin(m *session.Manager, app http.Handler) http.Handler {
	return before(m, app, func(_ http.ResponseWriter, r *http.Request) { r.Header.Del("Sec-Fetch-Site") })
}
