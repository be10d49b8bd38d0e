package sessionconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// ownedStore closes everything that was opened for the store. The manager calls Close, and
// finds the optional interfaces of the store through Unwrap.
type ownedStore struct {
	session.Store
	closers []func() error
	warning string // of how it was opened; "" if there is none
}

// Format hides the secrets of what the store was opened with.
func (s *ownedStore) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "%T", s.Store) }

func (s *ownedStore) Unwrap() session.Store { return s.Store }

// Close calls all closers in order, even if one fails.
func (s *ownedStore) Close() error {
	var errs []error
	for _, c := range s.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// OpenStore opens and checks the configured store: the database must answer and contain
// the table, and the folder must be writable. If the store has a Close() error method, the
// caller must call it when done; [session.Manager.Close] does so.
func (c *Config) OpenStore(ctx context.Context) (session.Store, error) {
	if c.err != nil {
		return nil, c.err
	}
	return c.openStore(ctx)
}

func (c *Config) openStore(ctx context.Context) (session.Store, error) {
	primary, err := c.openNamed(ctx, c.StoreName())
	if err != nil || c.Fallback() == "" {
		return primary, err
	}
	return c.openFallback(ctx, primary)
}

// openNamed opens the store of a name such as "file" or "database:main".
func (c *Config) openNamed(ctx context.Context, name string) (session.Store, error) {
	s := &c.settings
	name, connection, _ := strings.Cut(name, ":")
	switch name {
	case "database":
		return c.openDatabase(ctx, connection)
	case "file":
		return c.openFiles()
	case "redis":
		return c.openRedis(ctx)
	case "memory":
		return memstore.New(memstore.Config{
			MaxSessions: s.number("stores.memory.max_sessions"),
			MaxBytes:    int64(s.number("stores.memory.max_bytes")),
			Now:         c.session.Now,
		}), nil
	case "null":
		return session.Discard, nil
	default:
		return c.openForeign(ctx, name)
	}
}

// storeReadable reports whether the settings of the store, and of the fallback, are valid
// enough to open them.
func (c *Config) storeReadable() bool {
	if c.settings.bad["fallback"] || c.Fallback() != "" && !c.readable(c.Fallback()) {
		return false
	}
	return !c.settings.bad["store"] && c.readable(c.StoreName())
}

func (c *Config) readable(name string) bool {
	name, connection, _ := strings.Cut(name, ":")
	_, registered := c.foreign[name]
	if !registered && !slices.Contains(builtin, name) {
		return false
	}
	// With a misspelled key, the store could be opened in the wrong place.
	about := []string{"stores." + name + ".", variable(storesPrefix, name) + "__"}
	if name == "database" {
		con, err := c.Connection(connection)
		if err != nil {
			return false
		}
		about = append(about, con.details.prefix(), connectionPrefix+variable("", con.Name)+"__")
	}
	if name == "redis" {
		con, _ := c.redisConnection()
		if con == nil || c.redis == nil {
			return false
		}
		if con.broken {
			return false
		}
		about = append(about, con.prefix(), redisPrefix)
	}
	return !slices.ContainsFunc(Mistakes(c.err), func(m *Error) bool {
		return slices.ContainsFunc(about, func(prefix string) bool {
			return strings.HasPrefix(m.Key, prefix) || strings.HasPrefix(m.Variable, prefix)
		})
	})
}

// openForeign opens a store registered with With, and locates the settings named by its
// errors.
func (c *Config) openForeign(ctx context.Context, name string) (session.Store, error) {
	f := c.foreign[name]
	store, err := f.open(ctx, &c.settings)
	if err == nil {
		return store, nil
	}
	secrets, whole := f.secrets(&c.settings)
	var all []*Error
	for _, ce := range configErrors(err) {
		for _, sp := range f.specs {
			if f.fields[sp.key] == ce.Field {
				m := c.settings.mistake("", sp.key, scrubText(ce.Reason, secrets, whole...), "")
				m.Err = conceal(ce, m.Reason)
				all = append(all, m)
			}
		}
	}
	if len(all) == 0 {
		m := c.settings.mistake("", "store", scrub(err, secrets, whole...), "")
		m.Err = conceal(err, m.Reason)
		all = append(all, m)
	}
	return nil, join(all)
}
