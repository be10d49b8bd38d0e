// Package fileowner tells who controls a file or a folder. On systems without the
// permissions of Unix, it knows nothing.
package fileowner

import (
	"io/fs"
	"os"
)

// Foreign reports whether a file belongs neither to the user of this process nor to root,
// and to whom.
func Foreign(info fs.FileInfo) (uid int, foreign bool) {
	uid, ok := UID(info)
	return uid, ok && uid != 0 && uid != os.Geteuid()
}
