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
	discard bool
	lines   [64]lines
	sweeper sweeper
	closed  atomic.Bool
	release sync.Once // closes the store
}

// New returns a manager of the sessions in a store. The error joins all mistakes
// of the configuration, each a [*ConfigError].
func New(store Store, cfg Config) (*Manager, error) {
	s, err := cfg.check()
	if store == nil {
		err = errors.Join(err, errors.New("session: New needs a store; session.Discard is the one that keeps nothing"))
	}
	if err != nil {
		return nil, err
	}
	d, ok := Capability[discard](store)
	return &Manager{cfg: s, store: store, discard: ok && d == discard{}}, nil
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
	var c deadlineContext
	c.init(ctx, m.cfg.StoreTimeout)
	defer c.release()
	return m.load(&c, t)
}

// Commit stores the changes of a session from [Manager.Load], and returns the
// cookie to send to the client, or nil if it needs none. It may be called again
// after more changes. A commit uses up the flash messages that the session was
// loaded with.
//
// It does not end with ctx: a client that goes away loses nothing. The time it may
// take is [Config].StoreTimeout. Among its errors are [ErrEnded], [ErrConflict],
// [ErrTooLarge] and [*StoreError]; then nothing was stored, unless the store's
// answer was lost for good, and the changes are still pending.
func (m *Manager) Commit(ctx context.Context, s *Session) (*http.Cookie, error) {
	if m.closed.Load() {
		return nil, ErrClosed
	}
	if s == nil || s.m != m {
		return nil, errors.New("session: Commit of another manager's session")
	}
	return m.commit(ctx, s, usesAll)
}

// load is Load within a context that has its deadline.
func (m *Manager) load(ctx context.Context, t Token) (*Session, error) {
	s := newSession(m)
	if t == "" || m.discard {
		return s, nil
	}
	id, sec, ok := t.split()
	if !ok {
		m.event(ctx, Event{Kind: EventBadCookie})
		return s, nil
	}
	rec, err := m.store.Load(ctx, id)
	base := &s.now // where it is decoded in place; s.base says whether it counts
	switch {
	case err == nil:
		if err = base.decode(&rec); err != nil {
			m.corrupt(ctx, id, err)
			return newSession(m), nil
		}
	case errors.Is(err, ErrNotFound):
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return s, nil
	case errors.Is(err, ErrCorrupt):
		m.corrupt(ctx, id, err)
		return s, nil
	default:
		return nil, m.storeFailed(ctx, "load", id, err)
	}

	m.cfg.shorten(&rec, base)
	now := m.cfg.Now()
	presented := digestOf(m.cfg.cookieName, id, &sec)
	current := base.digest.equal(&presented)
	recent := base.prev.kind != 0 && base.prev.digest.equal(&presented) && now.UnixNano() < base.prev.deadline
	switch {
	case !current && !recent:
		s = newSession(m)
		m.event(ctx, Event{Kind: EventUnknownToken, ID: id})
		return s, nil
	case !now.Before(rec.ExpiresAt):
		s = newSession(m)
		m.event(ctx, Event{Kind: EventExpired, ID: id, Owner: rec.Owner})
		return s, nil
	case !current && base.prev.kind != periodic:
		s = newSession(m)
		s.ended = true
		m.event(ctx, Event{Kind: EventReplaced, ID: id, Owner: rec.Owner})
		return s, nil
	}
	s.rec, s.base, s.shown = rec, s.now, s.now.flash
	s.presented, s.token, s.previous = presented, t, !current
	return s, nil
}

func decodeRecord(r *Record) (d draft, err error) {
	err = d.decode(r)
	return d, err
}

// decode fills an empty draft. After an error it is of no use.
func (d *draft) decode(r *Record) (err error) {
	d.owner = r.Owner
	d.doc, err = d.envelope.decode(r.Data)
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
