package sessionconfig

import (
	"path/filepath"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
)

// openFiles opens the file store, which creates its folder and tests that it is writable.
func (c *Config) openFiles() (session.Store, error) {
	s := &c.settings
	store, err := filestore.Open(c.storeDir(), filestore.Config{
		DangerouslyNoSync: s.yes("stores.file.dangerously_no_sync"),
	})
	if err != nil {
		m := s.mistake("", "stores.file.path", strings.TrimPrefix(err.Error(), "session: "), "")
		m.Err = err
		return nil, m
	}
	return store, nil
}

func (c *Config) storeDir() string {
	path := filepath.FromSlash(c.settings.text("stores.file.path"))
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.base, path)
	}
	return path
}
