package session

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A Manager gives the requests of a server their sessions. It is safe for
// concurrent use, holds no connection of its own and starts no goroutine before
// the first session is created. Several managers, with different cookie names, may
// share a store, and many processes a database.
type Manager struct {
	cfg     *settings
	store   Store
	viewer  Viewer // the store, if it is one
	discard bool
	lines   [64]lines
	sweeper sweeper
	closed  atomic.Bool
	release sync.Once // closes the store
}

// New returns a manager of the sessions in a store. The error joins all mistakes
// of the configuration, each a [*ConfigError].
func New(store Store, cfg Config) (*Manager, error) {
	s, err := cfg.check(store)
	if store == nil {
		err = errors.Join(err, errors.New("session: New needs a store; session.Discard is the one that keeps nothing"))
	}
	if err != nil {
		return nil, err
	}
	d, ok := Capability[discard](store)
	v, _ := store.(Viewer) // not by Capability: a wrapper's own Load must not be passed by
	return &Manager{cfg: s, store: store, viewer: v, discard: ok && d == discard{}}, nil
}

// Store returns the store that New was given.
func (m *Manager) Store() Store { return m.store }

// CookieName returns the name of the session cookie, with its prefix.
func (m *Manager) CookieName() string { return m.cfg.cookieName }

// DangerouslyAllowCrossOrigin exempts requests from the refusal of cross-origin
// writes, by a pattern of [http.ServeMux]. Other sites' pages can then make a
// visitor's browser send such requests in the visitor's name, so the handler must
// not act on the session. Call it before serving. It panics if the pattern is
// invalid, as [http.CrossOriginProtection.AddInsecureBypassPattern] does.
func (m *Manager) DangerouslyAllowCrossOrigin(pattern string) {
	m.cfg.origins.AddInsecureBypassPattern(pattern)
}

// Load returns the session of a token, for transports other than the middleware.
// A token that is empty, unknown or expired gives a new, empty session; the error
// is [ErrClosed] or a [*StoreError]. End with [Manager.Commit].
func (m *Manager) Load(ctx context.Context, t Token) (*Session, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	return m.load(ctx, t)
}

// Commit stores the changes of a session from [Manager.Load], and returns the
// cookie to send to the client, or nil if it needs none. It may be called again
// after more changes. A commit uses up the flash messages that the session was
// loaded with.
//
// It does not end with ctx: a client that goes away loses nothing. The time it may
// take is [Config].StoreTimeout. Among its errors are [ErrEnded], [ErrConflict],
// [ErrTooLarge] and [*StoreError]; then nothing was stored, unless the store's
// answer was lost for good, and the changes are still pending: another Commit finds
// out, and stores nothing twice. A logout stays one if only the new session after it
// could not be stored.
func (m *Manager) Commit(ctx context.Context, s *Session) (*http.Cookie, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	if s == nil || s.m != m {
		return nil, errors.New("session: Commit of another manager's session")
	}
	return m.commit(ctx, s, s.uses(usesAll))
}

// A loaded is a session and what is stored of it, in one allocation.
type loaded struct {
	s  Session
	at stored
}

// load is Load of a manager that is open.
func (m *Manager) load(parent context.Context, t Token) (*Session, error) {
	if t == "" || m.discard {
		return newSession(m), nil
	}
	id, sec, ok := t.split()
	if !ok {
		m.event(parent, Event{Kind: EventBadCookie})
		return newSession(m), nil
	}
	ctx := parent
	if m.viewer == nil {
		limited := &deadlineContext{}
		limited.init(parent, m.cfg.StoreTimeout)
		defer limited.release()
		ctx = limited
	}
	l := &loaded{}
	at := &l.at
	err := m.view(ctx, id, &at.rec)
	if err == nil {
		if err = at.decode(); err != nil {
			err = errors.Join(ErrCorrupt, err)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrNotFound):
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return newSession(m), nil
	case errors.Is(err, ErrCorrupt):
		m.corrupt(ctx, id, err)
		return newSession(m), nil
	default:
		return nil, m.storeFailed(ctx, "load", id, err)
	}

	m.cfg.shorten(&at.rec, &at.draft)
	now := m.cfg.Now()
	presented := m.cfg.digestOf(id, &sec)
	current := at.digest.equal(&presented)
	recent := at.prev.kind != 0 && at.prev.digest.equal(&presented) && now.UnixNano() < at.prev.deadline
	switch {
	case !current && !recent:
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return newSession(m), nil
	case !now.Before(at.rec.ExpiresAt):
		m.event(ctx, Event{Kind: EventExpired, ID: id, Owner: at.rec.Owner})
		return newSession(m), nil
	case !current && at.prev.kind != periodic:
		m.event(ctx, Event{Kind: EventReplaced, ID: id, Owner: at.rec.Owner})
		s := newSession(m)
		s.ended = true
		return s, nil
	}
	s := &l.s
	s.m, s.at, s.now, s.shown = m, at, &at.draft, at.flash
	s.presented, s.token, s.previous = presented, t, !current
	s.due = m.touchDue(s, now) || m.rotationDue(s, now)
	return s, nil
}

// view loads a record that is only read, if the store makes a difference.
func (m *Manager) view(ctx context.Context, id ID, r *Record) (err error) {
	if m.viewer != nil {
		*r, err = m.viewer.View(ctx, id)
	} else {
		*r, err = m.store.Load(ctx, id)
	}
	return err
}

// decode takes the record apart. After an error the rest is of no use.
func (at *stored) decode() (err error) {
	at.owner = at.rec.Owner
	at.doc, err = at.envelope.decode(at.rec.Data)
	return err
}

func (m *Manager) corrupt(ctx context.Context, id ID, err error) {
	m.cfg.Logger.LogAttrs(ctx, slog.LevelError, "session: stored record does not decode; its visitor gets an empty session", slog.String("id", id.String()), slog.Any("error", err))
	m.event(ctx, Event{Kind: EventCorrupt, ID: id, Err: err})
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

// Close stops the sweeper, waits for it until ctx ends, and closes the store if
// that has a Close method. Afterwards every load and commit is [ErrClosed]. Shut
// the server down first. If ctx ends first, call it again; once it is done, another
// Close does nothing.
func (m *Manager) Close(ctx context.Context) error {
	m.closed.Store(true)
	if err := m.sweeper.stop(ctx); err != nil {
		return err
	}
	var err error
	m.release.Do(func() {
		if c, ok := Capability[io.Closer](m.store); ok {
			err = c.Close()
		}
	})
	return err
}

// A sweeper removes expired records in the background.
type sweeper struct {
	start sync.Once
	mu    sync.Mutex
	end   context.CancelFunc
	done  chan struct{}
	over  bool
}

func (m *Manager) startSweeper() {
	if m.cfg.PruneEvery < 0 {
		return
	}
	w := &m.sweeper
	w.start.Do(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.over {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		w.end, w.done = cancel, make(chan struct{})
		go m.sweep(ctx, w.done)
	})
}

func (m *Manager) sweep(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for {
		t := time.NewTimer(jitter(m.cfg.PruneEvery, m.cfg.PruneEvery/4))
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		if _, err := m.Prune(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, errors.ErrUnsupported) {
			m.cfg.Logger.LogAttrs(ctx, slog.LevelWarn, "session: sweep failed; it is tried again later", slog.Any("error", err))
			m.event(ctx, Event{Kind: EventFailed, Err: err})
		}
	}
}

func (w *sweeper) stop(ctx context.Context) error {
	w.mu.Lock()
	w.over = true
	end, done := w.end, w.done
	w.mu.Unlock()
	if end == nil {
		return nil
	}
	end()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
