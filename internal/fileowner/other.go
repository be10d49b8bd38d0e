//go:build !unix

package fileowner

import "io/fs"

// UID returns false.
func UID(fs.FileInfo) (uid int, ok bool) { return 0, false }

// WritableBy returns false: the mode of a file means nothing here.
func WritableBy(fs.FileInfo, fs.FileMode) bool { return false }
