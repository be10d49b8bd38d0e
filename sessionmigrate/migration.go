package sessionmigrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expanse-go/session"
)

// A Config says how sessions are taken over.
type Config struct {
	_ [0]func()

	// Until ends the takeover: from then on, old cookies are ignored. It is required. Set it to
	// the time of the deployment plus the longest life of an old session. The marks in the new
	// store live a day longer. "beam migrate-from" needs the same value, or a later one.
	Until time.Time

	// Owner returns the owner of an old session, for [session.Session.Login], or "" if it is
	// anonymous. See [OwnerKey]. Nil means [Old].Owner, which is empty for most libraries.
	Owner func(Old) (string, error)

	// AuthenticatedAt returns when the owner signed in; see [session.LoggedInAt]. Nil means that
	// nobody knows, so that the application asks for the password before a sensitive operation.
	AuthenticatedAt func(Old) (time.Time, error)

	// Map returns what to store for a key of the old session, or [ErrOmit] to leave it out.
	// Nil means [Value].
	Map func(key string, value any) (any, error)

	// Lenient logs a value that cannot be mapped and leaves it out. It logs a session that does
	// not decode, that has no valid owner, or that is too large, and treats it as unknown. By
	// default, these are errors: the request fails, and the visitor stays signed in until the
	// program is corrected.
	Lenient bool

	// Imported says that [Migration.Import] has taken over all sessions, so that requests need not
	// read the old store. It may then be gone, and the records of the source may be nil.
	Imported bool

	// Logger receives what Lenient leaves out. Defaults to [slog.Default].
	Logger *slog.Logger

	// Now is the clock. Defaults to [time.Now].
	Now func() time.Time
}

// ErrOmit is returned by a [Config].Map to leave a key out.
var ErrOmit = errors.New("session: leave the key out")

// A Migration takes over the sessions of a [Source]. It is safe for concurrent use, and many
// processes may take over the same sessions into the same store.
type Migration struct {
	store  session.Store
	source Source
	cfg    Config
	gates  [64]chan struct{} // by the first byte of the mark's ID; so that requests of one visitor do not all try
}

// New returns a migration from source to store. The manager with [Migration.TakeOver] in its
// [session.Config] must use the same store.
func New(store session.Store, source Source, cfg Config) (*Migration, error) {
	switch {
	case store == nil || source == nil:
		return nil, errors.New("session: sessionmigrate.New needs the new store and the source of the old sessions")
	case cfg.Until.IsZero():
		return nil, errors.New("session: sessionmigrate.Config.Until is zero; set it to the time of the deployment plus the longest life of an old session")
	}
	if cfg.Owner == nil {
		cfg.Owner = func(o Old) (string, error) { return o.Owner, nil }
	}
	if cfg.AuthenticatedAt == nil {
		cfg.AuthenticatedAt = func(Old) (time.Time, error) { return time.Time{}, nil }
	}
	if cfg.Map == nil {
		cfg.Map = Value
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Migration{store: store, source: source, cfg: cfg}
	for i := range g.gates {
		g.gates[i] = make(chan struct{}, 1)
	}
	return g, nil
}

// TakeOver is the function for [session.Config].TakeOver.
func (g *Migration) TakeOver(r *http.Request, create func(func(context.Context)) (session.Token, error)) (session.Token, error) {
	if !g.cfg.Now().Before(g.cfg.Until) {
		return "", nil
	}
	k, ok := g.source.Key(r)
	if !ok {
		return "", nil
	}
	t, outcome, err := g.takeOver(r.Context(), k, func(ctx context.Context) (Old, error) {
		if g.cfg.Imported {
			return Old{}, session.ErrNotFound
		}
		return g.source.Load(ctx, k)
	}, create)
	switch {
	case err != nil && outcome == broken && g.cfg.Lenient:
		g.cfg.Logger.WarnContext(r.Context(), "session: an old session was not taken over", "error", err)
		return "", nil
	case err != nil:
		return "", err
	}
	return t, nil
}

// An Outcome says what happened to an old session.
type Outcome int

// The outcomes.
const (
	Taken   Outcome = iota + 1 // a new session was made of it
	Present                    // it was taken over before, by a request or by an earlier run
	Expired                    // it has ended
	Empty                      // it has nothing to store
	unknown
	broken // it could not be read
)

// takeOver returns the token of the new session that belongs to an old one.
//
//  1. If there is a mark, it decides: the session was taken over, and may have ended since.
//  2. Store a new session. Nobody has its token yet.
//  3. Create the mark, with the token. This decides which of several new sessions is used; it is
//     the only step in which processes compete. Whoever comes second deletes its own.
//
// A process that dies between 2 and 3 leaves a session behind that nobody can reach; it
// expires. The opposite order would need somebody to create the session later, perhaps when it
// has already ended.
func (g *Migration) takeOver(ctx context.Context, k Key, load func(context.Context) (Old, error), create func(func(context.Context)) (session.Token, error)) (session.Token, Outcome, error) {
	if k.ID == "" || k.Secret == "" {
		return "", broken, errors.New("session: the source returned a key without an ID or a secret")
	}
	if t, err := g.present(ctx, k); t != "" || err != nil {
		return t, Present, err
	}
	gate := g.gates[int(markID(k)[0])%len(g.gates)]
	select {
	case gate <- struct{}{}:
		defer func() { <-gate }()
	case <-ctx.Done():
		return "", unknown, ctx.Err()
	}
	if t, err := g.present(ctx, k); t != "" || err != nil {
		return t, Present, err
	}
	old, err := load(ctx)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return "", unknown, nil
	case errors.Is(err, session.ErrCorrupt):
		return "", broken, err
	case err != nil:
		return "", unknown, fmt.Errorf("session: reading an old session: %w", err)
	case !old.ExpiresAt.IsZero() && !g.cfg.Now().Before(old.ExpiresAt):
		return "", Expired, nil
	}
	write, err := g.plan(ctx, old)
	if err != nil {
		return "", broken, err
	}
	var id session.ID
	t, err := create(func(ctx context.Context) {
		s, _ := session.From(ctx)
		write(s)
		id = s.ID()
	})
	var value *session.ValueError
	switch {
	case errors.As(err, &value): // from a Map of the application
		return "", broken, &ValueError{Key: value.Path, Type: value.Type, Err: value.Err}
	case errors.Is(err, session.ErrTooLarge):
		return "", broken, err
	case err != nil:
		return "", unknown, err
	case t == "":
		return "", Empty, nil
	}
	return g.decide(ctx, k, t, id)
}

// present returns the token of a session that was taken over before, or "".
func (g *Migration) present(ctx context.Context, k Key) (session.Token, error) {
	r, err := g.store.Load(ctx, markID(k))
	switch {
	case errors.Is(err, session.ErrNotFound):
		return "", nil
	case err != nil:
		return "", err
	}
	return tokenIn(r, k)
}

// decide makes a new session the one that belongs to an old one, unless another process was
// faster. If the store does not tell the outcome, the new session stays: it may be the one.
func (g *Migration) decide(ctx context.Context, k Key, t session.Token, id session.ID) (session.Token, Outcome, error) {
	m, err := newMark(k, t, g.cfg.Now(), g.cfg.Until)
	if err != nil {
		return "", unknown, err
	}
	err = g.store.Create(ctx, m)
	if err == nil {
		return t, Taken, nil
	}
	first, lerr := g.present(ctx, k)
	switch {
	case lerr != nil || first == "":
		return "", unknown, errors.Join(err, lerr)
	case first == t: // the answer of Create was lost
		return t, Taken, nil
	}
	if err := g.store.Delete(ctx, id); err != nil { // nobody can reach it, and it expires
		g.cfg.Logger.WarnContext(ctx, "session: a session that nobody can reach was not deleted", "id", id.String(), "error", err)
	}
	return first, Present, nil
}

// plan maps an old session, and returns a function that writes it to a new one.
func (g *Migration) plan(ctx context.Context, old Old) (func(*session.Session), error) {
	owner, err := g.cfg.Owner(old)
	if err != nil {
		return nil, err
	}
	if len(owner) > session.MaxOwner || !utf8.ValidString(owner) || strings.IndexByte(owner, 0) >= 0 {
		return nil, &ValueError{Key: "the owner", Type: "string", Err: fmt.Errorf("it has %d bytes, and an owner is UTF-8 without NUL, of at most %d; write a Config.Owner of your own", len(owner), session.MaxOwner)}
	}
	at, err := g.cfg.AuthenticatedAt(old)
	if err != nil {
		return nil, err
	}
	type pair struct {
		path  string
		value any
	}
	var pairs []pair
	for _, key := range slices.Sorted(maps.Keys(old.Values)) {
		v, err := g.cfg.Map(key, old.Values[key])
		if err == nil && (key == "" || !utf8.ValidString(key)) {
			err = &ValueError{Key: key, Type: fmt.Sprintf("%T", v), Err: errors.New("the key is empty or not UTF-8")}
		}
		switch {
		case errors.Is(err, ErrOmit):
		case err != nil && g.cfg.Lenient:
			g.cfg.Logger.WarnContext(ctx, "session: a value of an old session was left out", "error", err)
		case err != nil:
			return nil, err
		default:
			pairs = append(pairs, pair{session.Join(key), v})
		}
	}
	return func(s *session.Session) {
		for _, p := range pairs {
			s.Set(p.path, p.value)
		}
		if owner != "" {
			s.Login(owner, session.LoggedInAt(at))
		}
	}, nil
}

// Import takes over one session without its request, such as one that [Lister.List] has yielded.
// The visitor's next request brings the old cookie, and [Migration.TakeOver] finds the new
// session. If there is one cookie over HTTPS and another one over plain HTTP (see
// [session.CookieConfig].IsHTTPS), Import can create sessions only for the one over HTTPS.
func (g *Migration) Import(ctx context.Context, m *session.Manager, old Old) (Outcome, error) {
	_, outcome, err := g.takeOver(ctx, old.Key, func(context.Context) (Old, error) { return old, nil }, func(write func(context.Context)) (session.Token, error) {
		s, err := m.Load(ctx, "")
		if err != nil {
			return "", err
		}
		write(session.NewContext(ctx, s))
		c, err := m.Commit(ctx, s)
		if err != nil || c == nil {
			return "", err
		}
		return session.Token(c.Value), nil
	})
	return outcome, err
}

// errDry ends a dry run before anything is stored.
var errDry = errors.New("session: dry run")

// DryRun returns what [Migration.Import] would do with a session, and writes nothing.
func (g *Migration) DryRun(ctx context.Context, old Old) (Outcome, error) {
	_, outcome, err := g.takeOver(ctx, old.Key, func(context.Context) (Old, error) { return old, nil }, func(func(context.Context)) (session.Token, error) {
		return "", errDry
	})
	if errors.Is(err, errDry) {
		return Taken, nil
	}
	return outcome, err
}
