package sessionconfig

import (
	"context"
	"io"

	"github.com/expanse-go/session"
)

// Open reads the configuration in dir, as [Load] does, opens the store that it
// names, and returns a manager on it. The manager's Close also closes what was
// opened here: the store, and its database.
//
// The error is one report of everything that is wrong, in the files, in the
// variables and in the world: [Mistakes] takes it apart. Nothing stays open then.
func Open(ctx context.Context, dir string, opts ...Option) (*session.Manager, error) {
	c, _ := Load(dir, opts...)
	return c.Open(ctx)
}

// Open is the package's Open for a configuration that was read before. It logs the
// warnings.
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
	for _, w := range c.warnings {
		c.logger.WarnContext(ctx, w.Error())
	}
	return m, nil
}

// Check reports everything that would keep Open from succeeding, and leaves nothing
// open. It creates no database, but the file store makes its folder.
func (c *Config) Check(ctx context.Context) error {
	store, err := c.examine(ctx)
	closeStore(store)
	return err
}

// examine opens the store even if there are mistakes elsewhere, so that they are
// reported together with those of the store.
func (c *Config) examine(ctx context.Context) (session.Store, error) {
	all := Mistakes(c.err)
	var store session.Store
	if c.storeReadable() {
		var err error
		store, err = c.openStore(ctx)
		all = append(all, Mistakes(err)...)
	}
	if len(all) == 0 { // what the store cannot do that a setting needs
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
