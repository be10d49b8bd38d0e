// Package atomicfile replaces files atomically: a reader sees either the old content or
// the new one, but never a part of it, even after a crash or a power loss.
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

// A Durability determines what has reached the disk when [Write] returns.
type Durability int

const (
	// Durable means that the new content survives a power loss.
	Durable Durability = iota

	// Whole means that a power loss may bring back the old content, but complete.
	Whole

	// Volatile means that after a power loss the file may be missing, truncated or
	// zeroed. The death of the process alone does no harm.
	Volatile
)

const (
	fileMode   = 0o600
	folderMode = 0o700
)

// Write replaces the file with the given name. The new file has mode 0600, regardless of
// the umask. If the name contains a folder, that folder must exist. Write does not
// synchronize concurrent writers.
//
// The order of the steps makes Write safe:
//
//  1. Write a temporary file in the same folder, and so on the same file system, where
//     rename is atomic. It is opened with O_EXCL, which does not follow links.
//  2. Fsync the file. Otherwise the file system may store the rename before the data, so
//     that the file is empty after a power loss. From here on, a power loss leaves either
//     the complete old file or the complete new one.
//  3. Rename the file. From here on, readers that open the file see the new content.
//     Readers that have the old file open continue to read it.
//  4. Fsync the folder. Otherwise a power loss may undo the rename, which brings back the
//     old version of a deleted or changed session.
//
// A power loss before the rename leaves a temporary file; see [Target].
//
// If the fourth step fails, the new content is in place, but the caller cannot know which
// content a power loss would leave.
func Write(root *os.Root, name string, content []byte, d Durability) (err error) {
	temp := tempName(name)
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|NoPoll, fileMode)
	if err != nil {
		return err
	}
	report(Created, root, temp)
	defer func() {
		if err != nil {
			_ = Remove(root, temp) // fails after the rename, because the file has another name then
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

// fill writes and closes the file. A full disk may cause an error as late as in Close.
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
			report(Synced, root, name)
		}
	}
	return errors.Join(err, f.Close())
}

// SyncFolder fsyncs a folder, so that all names that were created, renamed or removed in
// it reach the disk.
func SyncFolder(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_RDONLY|NoPoll, 0)
	if err != nil {
		return err
	}
	if err = f.Sync(); err == nil {
		report(SyncedFolder, root, name)
	}
	return errors.Join(err, f.Close())
}

// MakeFolder creates a folder with mode 0700, regardless of the umask. It does not change
// a folder that already exists.
func MakeFolder(root *os.Root, name string) error {
	switch err := root.Mkdir(name, folderMode); {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	}
	report(MadeFolder, root, name)
	return root.Chmod(name, folderMode)
}

// Create creates an empty file with mode 0600, regardless of the umask. If the file already
// exists, Create does nothing. The name is on the disk after the next [SyncFolder].
func Create(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|NoPoll, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	report(Created, root, name)
	return errors.Join(f.Chmod(fileMode), f.Close())
}

// Remove removes a file. The name is removed from the disk by the next [SyncFolder].
func Remove(root *os.Root, name string) error {
	err := root.Remove(name)
	if err == nil {
		report(Removed, root, name)
	}
	return err
}

const tempSuffix = ".tmp"

// tempName returns a different name at each call, so that two processes that replace the
// same file use different temporary files.
func tempName(name string) string {
	return fmt.Sprintf("%s.%016x%s", name, rand.Uint64(), tempSuffix)
}

// Target reports whether a base name is that of a temporary file, and returns the name of
// the file that it was meant to replace. If a temporary file is old, its writer has died.
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
