package main

import "golang.org/x/sys/unix"

// mountSmall mounts an empty file system of 16 MB, four times the size of SQLite's
// write-ahead log. It needs root.
func mountSmall(dir string) error {
	return unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size=16m,mode=0700")
}

func unmount(dir string) error { return unix.Unmount(dir, 0) }
