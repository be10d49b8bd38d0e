// Package atomicfile replaces a file as a whole: whoever reads the name, also
// after a crash or a power loss, finds the old content or the new one, and never
// a part.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strings"
)

// A Durability says what has reached the disk when [Write] returns.
type Durability int

const (
	// Durable: the new content stays, whatever happens.
	Durable Durability = iota

	// Whole: after a power loss the old content may be back, but whole.
	Whole

	// Volatile: after a power loss the name may be gone, or its content be cut or
	// zeroed. The death of the process alone does no harm.
	Volatile
)

const (
	fileMode   = 0o600
	folderMode = 0o700
)

// Write replaces the file of that name, with mode 0600 whatever the umask. The
// name may have a folder, which must be there. It does not keep two writers apart.
//
// The order is what makes it safe:
//
//  1. write a temporary file beside the name, in the same folder and so on the
//     same file system, where rename is atomic. It is opened with O_EXCL, which
//     follows no link;
//  2. fsync it. Without this a file system may store the rename before the data,
//     and the name leads to an empty file after a power loss. From here on both
//     outcomes are whole;
//  3. rename it over the name: the instant at which readers see the new content.
//     Those that have the old file open go on reading the old one;
//  4. fsync the folder. Without this the rename may be undone by a power loss,
//     which for a deleted or changed session means that the old one is back.
//
// A power loss before the rename leaves a temporary file; see [Target].
//
// An error from the fourth step leaves the new content in place: the caller
// cannot know then which one a power loss would leave.
func Write(root *os.Root, name string, content []byte, d Durability) (err error) {
	temp := tempName(name)
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|NoPoll, fileMode)
	if err != nil {
		return err
	}
	took(Created, root, temp)
	defer func() {
		if err != nil {
			_ = Remove(root, temp) // fails, as it should, once the rename has taken place
		}
	}()
	if err := fill(root, temp, f, content, d); err != nil {
		return err
	}
	if err := root.Rename(temp, name); err != nil {
		return err
	}
	if w := watcher.Load(); w != nil {
		(*w)(Step{Do: Renamed, Root: root, Name: temp, To: name})
	}
	if d == Durable {
		return SyncFolder(root, path.Dir(name))
	}
	return nil
}

// fill writes and closes the file. A full disk may show as late as in Close.
func fill(root *os.Root, name string, f *os.File, content []byte, d Durability) error {
	err := f.Chmod(fileMode)
	if err == nil {
		_, err = f.Write(content)
	}
	if w := watcher.Load(); w != nil && err == nil {
		(*w)(Step{Do: Filled, Root: root, Name: name, Content: content})
	}
	if err == nil && d != Volatile {
		if err = f.Sync(); err == nil {
			took(Synced, root, name)
		}
	}
	return errors.Join(err, f.Close())
}

// SyncFolder brings the names in a folder to the disk: what was created, renamed
// and removed in it.
func SyncFolder(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_RDONLY|NoPoll, 0)
	if err != nil {
		return err
	}
	if err = f.Sync(); err == nil {
		took(SyncedFolder, root, name)
	}
	return errors.Join(err, f.Close())
}

// MakeFolder makes a folder with mode 0700 whatever the umask. One that is there
// already is left as it is.
func MakeFolder(root *os.Root, name string) error {
	switch err := root.Mkdir(name, folderMode); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	took(MadeFolder, root, name)
	return root.Chmod(name, folderMode)
}

// Create makes an empty file with mode 0600 whatever the umask. One that is there
// is as good. The name is on the disk after the next [SyncFolder].
func Create(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|NoPoll, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	took(Created, root, name)
	return errors.Join(f.Chmod(fileMode), f.Close())
}

// Remove removes a file. The name is gone from the disk after the next
// [SyncFolder].
func Remove(root *os.Root, name string) error {
	err := root.Remove(name)
	if err == nil {
		took(Removed, root, name)
	}
	return err
}

const tempSuffix = ".tmp"

// tempName is another name at each call: two processes that replace one file do
// not write into each other's.
func tempName(name string) string {
	return fmt.Sprintf("%s.%016x%s", name, rand.Uint64(), tempSuffix)
}

// Target tells temporary files from others by their base name, and returns the
// name that the file was to replace. One that is old belongs to nobody: its
// writer has died.
func Target(temp string) (name string, ok bool) {
	name, ok = strings.CutSuffix(temp, tempSuffix)
	if !ok {
		return "", false
	}
	dot := len(name) - 17
	if dot < 1 || name[dot] != '.' {
		return "", false
	}
	return name[:dot], true
}
