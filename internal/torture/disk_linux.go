package main

import "golang.org/x/sys/unix"

// mountSmall mounts an empty disk of 16 megabytes, which root may do: four times what
// the log of SQLite takes.
func mountSmall(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=16m,mode=0700")
}

func unmount(dir string) error { return unix.Unmount(dir, 0) }
