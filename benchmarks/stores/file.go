package stores

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gorilla/sessions"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	"github.com/expanse-go/session/filestore"
)

// File keeps each session in a file in a subdirectory of dir. With sync, each write syncs the
// file and its directory.
func File(dir string, sync bool) bench.Store {
	name := "file"
	if !sync {
		name = "file, no fsync"
	}
	s := bench.Store{Name: name, Peers: []bench.Peer{
		{Name: "raw", Open: func() (bench.Server, error) {
			t, err := newFiles(dir, sync)
			if err != nil {
				return nil, err
			}
			return peers.Raw(t)
		}},
		{Name: "session", Open: func() (bench.Server, error) {
			folder, err := os.MkdirTemp(dir, "file-")
			if err != nil {
				return nil, err
			}
			store, err := filestore.Open(folder, filestore.Config{DangerouslyNoSync: !sync})
			if err != nil {
				return nil, err
			}
			return peers.Ours(store, nil)
		}},
	}}
	if !sync {
		s.Peers = append(s.Peers, bench.Peer{Name: "gorilla", Skips: "overwrites in place; " + lastWins, Open: func() (bench.Server, error) {
			folder, err := os.MkdirTemp(dir, "gorilla-")
			if err != nil {
				return nil, err
			}
			return peers.Gorilla(sessions.NewFilesystemStore(folder, []byte("0123456789abcdef0123456789abcdef")), nil)
		}})
	}
	return s
}

// files is raw on files, with the guarantees of the file store: each write replaces the file
// atomically, under a lock that holds between processes, after reading the stored version.
// (Raw then writes whatever that version is.)
type files struct {
	dir   string
	sync  bool
	locks [256]fileLock
}

type fileLock struct {
	sync.Mutex
	f *os.File
}

func newFiles(dir string, sync bool) (*files, error) {
	folder, err := os.MkdirTemp(dir, "raw-")
	if err != nil {
		return nil, err
	}
	t := &files{dir: folder, sync: sync}
	for i := range t.locks {
		name := hex.EncodeToString([]byte{byte(i)})
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			return nil, err
		}
		if t.locks[i].f, err = os.Create(filepath.Join(folder, "lock"+name)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *files) name(id [16]byte) (folder, name string) {
	digits := hex.EncodeToString(id[:])
	folder = t.dir + "/" + digits[:2]
	return folder, folder + "/" + digits
}

func (t *files) Load(id [16]byte) ([]byte, error) {
	_, name := t.name(id)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, peers.ErrAbsent
	}
	return data, err
}

func (t *files) Save(id [16]byte, data []byte) (err error) {
	folder, name := t.name(id)
	l := &t.locks[id[0]]
	l.Lock()
	defer l.Unlock()
	if err := syscall.Flock(int(l.f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN)) }()
	if err := readVersion(name); err != nil {
		return err
	}
	temp := name + ".tmp"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if t.sync {
		err = errors.Join(err, f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, name); err != nil || !t.sync {
		return err
	}
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readVersion(name string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	var head [8]byte
	_, err = f.ReadAt(head[:], 0)
	return err
}

func (t *files) Close() error {
	var errs []error
	for i := range t.locks {
		errs = append(errs, t.locks[i].f.Close())
	}
	return errors.Join(errs...)
}
