//go:build unix

package fileowner

import (
	"io/fs"
	"syscall"
)

// UID returns the user that owns a file.
func UID(info fs.FileInfo) (uid int, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}

// WritableBy reports whether the mode lets some of the given users write, such as 0o002.
func WritableBy(info fs.FileInfo, users fs.FileMode) bool { return info.Mode().Perm()&users != 0 }
