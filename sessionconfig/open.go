package sessionconfig

import (
	"context"
	"io"

	"github.com/expanse-go/session"
)

// Open reads the configuration in dir as [Load] does, opens the configured store, and
// returns a manager that uses it. The manager's Close also closes the store and its
// database.
//
// The error reports everything that is wrong with the files, the variables and the store;
// [Mistakes] splits it. If Open fails, it leaves nothing open.
func Open(ctx context.Context, dir string, opts ...Option) (*session.Manager, error) {
	c, _ := Load(dir, opts...)
	return c.Open(ctx)
}

// Open is like the function [Open], for a configuration that is already loaded. It logs
// the warnings.
func (c *Config) Open(ctx context.Context) (*session.Manager, error) {
	store, err := c.examine(ctx)
	if err != nil {
		return nil, err
	}
	m, err := session.New(store, c.session)
	if err != nil {
		closeStore(store)
		return nil, err
	}
	for _, w := range append(c.Warnings(), storeWarnings(ctx, store)...) {
		c.logger.WarnContext(ctx, w.Error())
	}
	return m, nil
}

// Check reports everything that would make Open fail for this user, and leaves nothing
// open. It creates neither a database nor the folder of the file store.
func (c *Config) Check(ctx context.Context) error {
	_, err := c.CheckWarnings(ctx)
	return err
}

// CheckWarnings is like Check, and also returns settings of the server that make the store
// less durable or slower. They do not prevent Open, which logs them.
func (c *Config) CheckWarnings(ctx context.Context) ([]*Error, error) {
	look := *c.contents
	look.readOnly, look.checking = true, true
	store, err := (&Config{&hidden{&look}}).examine(ctx)
	if err != nil {
		return nil, err
	}
	defer closeStore(store)
	return storeWarnings(ctx, store), nil
}

// examine opens the store even if other settings are wrong, so that all mistakes are
// reported together.
func (c *Config) examine(ctx context.Context) (session.Store, error) {
	all := Mistakes(c.err)
	var store session.Store
	if c.storeReadable() {
		var err error
		store, err = c.openStore(ctx)
		all = append(all, Mistakes(err)...)
	}
	if len(all) == 0 { // the store may lack a capability that a setting needs
		_, err := session.New(store, c.session)
		c.mapMistakes(func(m *Error) { all = append(all, m) }, err)
	}
	if err := join(all); err != nil {
		closeStore(store)
		return nil, err
	}
	return store, nil
}

func closeStore(s session.Store) {
	if s == nil {
		return
	}
	if c, ok := session.Capability[io.Closer](s); ok {
		c.Close()
	}
}

// storeWarnings returns what the store says about its server, if it does.
func storeWarnings(ctx context.Context, store session.Store) []*Error {
	w, ok := session.Capability[interface {
		Warnings(ctx context.Context) ([]string, error)
	}](store)
	if !ok {
		return nil
	}
	texts, err := w.Warnings(ctx)
	if err != nil {
		return nil
	}
	if owned, ok := store.(*ownedStore); ok && owned.warning != "" {
		texts = append(texts, owned.warning)
	}
	var all []*Error
	for _, text := range texts {
		all = append(all, &Error{Key: "store", Reason: text})
	}
	return all
}
