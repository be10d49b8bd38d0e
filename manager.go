package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// A Manager gives the requests of a server their sessions. It is safe for
// concurrent use, holds no connection of its own and starts no goroutine before
// the first session is created or watched. Several managers, with different cookie names,
// may share a store, and several processes may share a database.
type Manager struct {
	cfg      *settings
	store    Store
	viewer   Viewer      // the store, if it is one
	caster   Broadcaster // nil: there is none, or nobody wants it
	discard  bool
	queues   [64]queues
	sweeper  sweeper
	watchers watchers
	health   health
	closed   atomic.Bool
	release  sync.Once             // closes the store
	below    atomic.Pointer[known] // see offers

	advised logged // the messages of advise
	unlike  logged // the types and paths of values that do not decode
}

// Format writes the type of the store for every verb: the store of a manager that is
// logged by accident may contain sessions or a password.
func (m *Manager) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "session manager on %T", m.store) }

// New returns a manager of the sessions in a store. The error joins all mistakes
// of the configuration, each a [*ConfigError].
//
// Create one manager for the program, not one per handler or request: a manager that has
// created a session runs a goroutine until [Manager.Close]. It runs up to two more while
// sessions are watched.
func New(store Store, cfg Config) (*Manager, error) {
	s, err := cfg.check(store)
	if store == nil {
		err = errors.Join(err, errors.New("session: New needs a store; session.Discard is the one that keeps nothing"))
	}
	if err != nil {
		return nil, err
	}
	s.OnError = answering(s.OnError)
	d, ok := Capability[discard](store)
	v, _ := store.(Viewer) // not by Capability: a wrapper's own Load must not be bypassed
	m := &Manager{cfg: s, store: store, viewer: v, discard: ok && d == discard{}}
	if s.DangerouslyLogChanges {
		s.log(context.Background(), slog.LevelWarn, "session: Config.DangerouslyLogChanges is on: values of sessions, which may be secret, are written to the log")
	}
	if s.WatchEvery > 0 {
		m.caster, _ = Capability[Broadcaster](store)
	}
	return m, nil
}

// Store returns the store that New was given.
func (m *Manager) Store() Store { return m.store }

// CookieName returns the name of the session cookie, with its prefix. If
// [CookieConfig].IsHTTPS is set, it returns the name of the cookie over HTTPS.
func (m *Manager) CookieName() string { return m.cfg.scope.name }

// CookieNameOf returns the name, with its prefix, of the session cookie that a request uses.
func (m *Manager) CookieNameOf(r *http.Request) string { return m.cfg.scopeOf(r).name }

// TokenHeader returns the name of the response header in which clients get new tokens, or ""
// if [Config].Transport has no Header. It is "Session-Token" if the header of requests is
// Authorization, and otherwise that header.
func (m *Manager) TokenHeader() string { return m.cfg.Transport.responseHeader() }

// DangerouslyAllowCrossOrigin exempts the requests that match a pattern of [http.ServeMux] from
// the refusal of cross-origin writes. Other sites' pages can then make a visitor's browser send
// such requests in the visitor's name, so the handler must not act on the session. Call it before
// serving. It panics if the pattern is invalid, as
// [http.CrossOriginProtection.AddInsecureBypassPattern] does.
func (m *Manager) DangerouslyAllowCrossOrigin(pattern string) {
	m.cfg.origins.AddInsecureBypassPattern(pattern)
}

// A logged remembers what has been logged, for what is to be logged once and not for each request.
type logged struct {
	mu   sync.Mutex
	what map[string]struct{}
}

// maxLogged limits what a manager remembers to have logged. What comes later is not logged.
const maxLogged = 1000

// first reports whether something is to be logged: it is the first time.
func (l *logged) first(what string) bool {
	if len(what) > 200 { // a path can be long
		what = what[:200]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.what[what]; again || len(l.what) >= maxLogged {
		return false
	}
	if l.what == nil {
		l.what = map[string]struct{}{}
	}
	l.what[strings.Clone(what)] = struct{}{}
	return true
}

// corrupt reports a record that does not decode, while a session is loaded or committed.
func (m *Manager) corrupt(ctx context.Context, id ID, err error) {
	m.logCorrupt(ctx, id, err)
	m.event(ctx, Event{Kind: EventCorrupt, ID: id, Err: err})
}

func (m *Manager) logCorrupt(ctx context.Context, id ID, err error) {
	m.cfg.log(ctx, slog.LevelWarn, "session: stored record does not decode; the visitor gets a new, empty session", logID(id), logError(err))
}

func (m *Manager) event(ctx context.Context, e Event) {
	if m.cfg.OnEvent != nil {
		e.Time = m.cfg.Now()
		m.cfg.OnEvent(ctx, e)
	}
}

func storeError(op string, id ID, err error) error {
	var se *StoreError
	if errors.As(err, &se) {
		return err
	}
	return &StoreError{Op: op, ID: id, Err: err}
}

// Close ends the contexts of [Session.Watch] with [ErrClosed], stops the background
// goroutines, waits for them until ctx ends, and closes the store if that has a Close
// method. Afterwards, every load and commit fails with [ErrClosed]. Shut the server down
// first. If ctx ends first, call it again; once it is done, another Close does nothing.
func (m *Manager) Close(ctx context.Context) error {
	m.closed.Store(true)
	err, swept := m.watchers.close(ctx), m.sweeper.stop(ctx)
	if err = cmp.Or(err, swept); err != nil {
		return err
	}
	m.release.Do(func() {
		if c, ok := Capability[io.Closer](m.store); ok {
			err = c.Close()
		}
	})
	return err
}

func (m *Manager) storeFailed(ctx context.Context, op string, id ID, err error) error {
	err = storeError(op, id, err)
	m.cfg.logStoreFailure(ctx, err)
	m.event(ctx, Event{Kind: EventFailed, ID: id, Err: err})
	return err
}
