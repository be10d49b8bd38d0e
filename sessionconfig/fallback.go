package sessionconfig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
)

// Fallback returns the store that sessions move from: the name of a store, as [Config.StoreName]
// returns it, or "database:NAME" for the database store on another connection; "" if there is
// none.
func (c *Config) Fallback() string {
	name := c.settings.text("fallback")
	if name == "off" {
		return ""
	}
	return name
}

// lowerName returns the name of a store in lower case. The name of a connection is kept.
func lowerName(name string) string {
	store, connection, found := strings.Cut(name, ":")
	store = strings.ToLower(store)
	if store == "dict" {
		store = "memory"
	}
	if !found {
		return store
	}
	return store + ":" + connection
}

// checkFallback checks that the fallback exists, and that it is another store.
func (c *Config) checkFallback(l *loader) {
	s := &c.settings
	name := c.Fallback()
	if name == "" || s.bad["fallback"] {
		return
	}
	if reason, hint := c.unusable(name); reason != "" {
		s.refuse(l, "", "fallback", reason, hint)
		return
	}
	same := name == c.StoreName()
	if _, connection, ok := strings.Cut(name, ":"); ok && c.StoreName() == "database" {
		con, _ := c.storeConnection()
		same = con != nil && c.connections[fold(connection)] == con
	}
	switch {
	case same:
		s.refuse(l, "", "fallback", "is the same store as store", `name the store that sessions move from, or "off"`)
	case c.StoreName() == "null":
		s.refuse(l, "", "fallback", "cannot be used with the null store, which keeps nothing", "remove it, or choose another store")
	}
}

// unusable returns why sessions cannot move from, or to, the store of a name; "" if they can.
func (c *Config) unusable(name string) (reason, hint string) {
	store, connection, qualified := strings.Cut(name, ":")
	_, registered := c.foreign[store]
	switch {
	case store == "null":
		return "keeps nothing, so no session can move", ""
	case store == "memory":
		return "is the memory of another process", "sessions move between stores that outlive a process"
	case qualified && store != "database":
		return fmt.Sprintf("names a connection, but the %s store has none", store), "write " + store
	case qualified && c.connections[fold(connection)] == nil:
		return c.noConnection(connection)
	case store == "database":
		if con, _ := c.storeConnection(); con == nil && !qualified {
			return "needs a connection", "add one to " + databaseFile
		}
	case !registered && !slices.Contains(builtin, store):
		known := append(sortedKeys(c.foreign), "database", "file", "redis")
		slices.Sort(known)
		return "is not a known store", "valid stores: " + strings.Join(known, ", ") + ", database:CONNECTION; sessionconfig.With registers others"
	}
	return "", ""
}

// OpenNamed is like [Config.OpenStore] for one store, whether it is configured or not: the name
// of a store, or "database:NAME" for the database store on another connection. It ignores the
// fallback. It is for programs that move sessions.
func (c *Config) OpenNamed(ctx context.Context, name string) (session.Store, error) {
	if c.err != nil {
		return nil, c.err
	}
	name = lowerName(name)
	if reason, hint := c.unusable(name); reason != "" {
		return nil, &Error{Key: "store", Value: fmt.Sprintf("%q", name), Reason: reason, Hint: hint}
	}
	return c.openNamed(ctx, name)
}

// A pair is a store and its fallback. It closes both.
type pair struct {
	*fallbackstore.Store
	primary, fallback session.Store
}

// openFallback returns the store over primary and the fallback. It closes primary if it fails.
func (c *Config) openFallback(ctx context.Context, primary session.Store) (session.Store, error) {
	fallback, err := c.openNamed(ctx, c.Fallback())
	if err != nil {
		closeStore(primary)
		return nil, err
	}
	both, err := fallbackstore.New(primary, fallback)
	if err != nil {
		closeStore(primary)
		closeStore(fallback)
		m := c.settings.mistake("", "fallback", strings.TrimPrefix(err.Error(), "session: "), "")
		m.Err = err
		return nil, m
	}
	return &pair{both, primary, fallback}, nil
}

// Close closes both stores.
func (p *pair) Close() error {
	return errors.Join(closed(p.primary), closed(p.fallback))
}

func closed(s session.Store) error {
	if c, ok := session.Capability[interface{ Close() error }](s); ok {
		return c.Close()
	}
	return nil
}

// Warnings returns what both stores say about their servers.
func (p *pair) Warnings(ctx context.Context) ([]string, error) {
	var texts []string
	for _, s := range []session.Store{p.primary, p.fallback} {
		for _, w := range storeWarnings(ctx, s) {
			texts = append(texts, w.Reason)
		}
	}
	return texts, nil
}
