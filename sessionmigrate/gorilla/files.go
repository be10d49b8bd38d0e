package gorilla

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
)

// filePrefix is that of the names of the files.
const filePrefix = "session_"

// maxFile limits the size of a file. The old store limits what it encodes to 4096 bytes, unless
// MaxLength was called.
const maxFile = 16 << 20

// Files returns the source of the sessions of a FilesystemStore, which are in a folder; "" means
// [os.TempDir], as in the old store. The source keeps the folder open.
func Files(folder string, cfg Config) (sessionmigrate.Lister, error) {
	d, err := cfg.reader()
	if err != nil {
		return nil, err
	}
	if folder == "" {
		folder = os.TempDir()
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("session: the folder of the old sessions: %w", err)
	}
	return &files{d, root}, nil
}

type files struct {
	*reader
	root *os.Root
}

func (s *files) Key(r *http.Request) (sessionmigrate.Key, bool) { return s.keyOf(r) }

func (s *files) Load(_ context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	f, err := s.root.Open(filePrefix + idOf(k))
	if errors.Is(err, fs.ErrNotExist) {
		return sessionmigrate.Old{}, session.ErrNotFound
	}
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return sessionmigrate.Old{}, err
	}
	content, ok := s.unseal(string(text))
	if !ok { // it is too old, is being written at this moment, or belongs to another name or key
		return sessionmigrate.Old{}, session.ErrNotFound
	}
	return s.old(k, content)
}

// List yields the sessions in the folder. It leaves out those of another name or with another key.
func (s *files) List(ctx context.Context) iter.Seq2[sessionmigrate.Old, error] {
	return func(yield func(sessionmigrate.Old, error) bool) {
		folder, err := s.root.Open(".")
		if err != nil {
			yield(sessionmigrate.Old{}, err)
			return
		}
		defer folder.Close()
		for {
			entries, err := folder.ReadDir(500)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(sessionmigrate.Old{}, err)
				return
			}
			for _, e := range entries {
				id, ok := strings.CutPrefix(e.Name(), filePrefix)
				if !ok || !valid(id) || !e.Type().IsRegular() {
					continue
				}
				old, err := s.Load(ctx, s.key(id))
				if !errors.Is(err, session.ErrNotFound) && !yield(old, err) {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
}
