package filestore

import (
	"fmt"
	"os"

	"github.com/expanse-go/session/internal/fileowner"
)

// Anyone who can write a record can sign in as anybody. So only the user of this process may be
// able to write to a folder, and must have created it: the content of a folder that another
// user created belongs to that user, even after a chmod. This includes a sticky folder, because
// anybody can create folders in it. The folder that contains the session folder does not
// matter: a user who can write there can replace the session folder, but cannot create one that
// belongs to the user of this process.

// trust checks an open folder, of which dir is the path.
func (s *Store) trust(folder *os.Root, dir string) error {
	info, err := folder.Stat(".")
	if err != nil {
		return err
	}
	if fileowner.WritableBy(info, 0o022) {
		return fmt.Errorf("session: other users can write to the session folder %s (mode %04o); run: chmod 700 %s", dir, info.Mode().Perm(), dir)
	}
	uid, known := fileowner.UID(info)
	euid := os.Geteuid()
	switch {
	case !known || uid == euid || s.readOnly: // what is only looked at belongs to another program
		return nil
	case dir == s.dir && uid == 0: // root made it for this user, whose folders are in it
		return nil
	}
	return fmt.Errorf("session: the session folder %s belongs to user %d, who could sign in as anybody with forged files, but this program runs as user %d; delete the folder, or, if you trust every file in it, run: chown -R %d %s",
		dir, uid, euid, euid, dir)
}
