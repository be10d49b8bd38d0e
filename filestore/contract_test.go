package filestore_test

import (
	"sync"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/sessiontest"
)

func TestContract(t *testing.T) {
	for name, cfg := range map[string]filestore.Config{
		"Durable": {},
		"NoSync":  {DangerouslyNoSync: true},
	} {
		t.Run(name, func(t *testing.T) {
			sessiontest.TestStore(t, harness(cfg))
		})
	}
}

// harness opens each store in a folder of its own, and remembers the folders for Reopen
// and Share.
func harness(cfg filestore.Config) sessiontest.Harness {
	var folders sync.Map
	open := func(tb testing.TB, dir string) session.Store {
		tb.Helper()
		s, err := filestore.Open(dir, cfg)
		if err != nil {
			tb.Fatal(err)
		}
		folders.Store(s, dir)
		tb.Cleanup(func() {
			if err := s.Close(); err != nil {
				tb.Error(err)
			}
		})
		return s
	}
	share := func(tb testing.TB, s session.Store) session.Store {
		tb.Helper()
		dir, _ := folders.Load(s)
		return open(tb, dir.(string))
	}
	return sessiontest.Harness{
		Open: func(tb testing.TB) session.Store {
			tb.Helper()
			dir := tb.TempDir()
			if testing.Short() {
				dir = filestore.Scratch(tb)
			}
			return open(tb, dir+"/sessions")
		},
		Reopen: func(tb testing.TB, s session.Store) session.Store {
			tb.Helper()
			if err := s.(*filestore.Store).Close(); err != nil {
				tb.Fatal(err)
			}
			return share(tb, s)
		},
		Share: share,
	}
}
