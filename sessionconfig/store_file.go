package sessionconfig

import (
	"path/filepath"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
)

// openFiles opens the file store, which creates its folder and tests that it is writable,
// unless the configuration is for reading only.
func (c *Config) openFiles() (session.Store, error) {
	var store *filestore.Store
	var err error
	if c.checking {
		err = filestore.Check(c.Folder())
	}
	switch {
	case err != nil:
	case c.readOnly:
		store, err = filestore.OpenReadOnly(c.Folder())
	default:
		store, err = filestore.Open(c.Folder(), filestore.Config{
			DangerouslyNoSync: c.settings.yes("stores.file.dangerously_no_sync"),
		})
	}
	if err != nil {
		m := c.settings.mistake("", "stores.file.path", strings.TrimPrefix(err.Error(), "session: "), "")
		m.Err = err
		return nil, m
	}
	return store, nil
}

// Folder returns the folder of the file store.
func (c *Config) Folder() string {
	path := filepath.FromSlash(c.settings.text("stores.file.path"))
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.base, path)
	}
	return path
}
