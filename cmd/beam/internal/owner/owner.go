// Package owner deals with files of other users. A file that the superuser leaves in the data
// of an application locks the application out.
package owner

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// Existing returns path, or the nearest folder above it that exists.
func Existing(path string) string {
	for {
		if _, err := os.Lstat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// Other returns the user who owns path, as sudo -u takes it, "" if that is the user of this
// process or cannot be found out.
func Other(path string) string {
	uid, _, ok := ids(path)
	if !ok || uid == os.Geteuid() {
		return ""
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}

// Give makes the owner of the folder existing also the owner of path, and of the folders
// between them, if this process is the superuser's. It is for files that this process has
// just created there.
func Give(path, existing string) error {
	uid, gid, ok := ids(existing)
	if !ok || os.Geteuid() != 0 || uid == 0 {
		return nil
	}
	for ; path != existing && path != filepath.Dir(path); path = filepath.Dir(path) {
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}
