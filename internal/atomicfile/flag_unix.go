//go:build unix

package atomicfile

import "syscall"

// NoPoll is a flag for opening files that saves four system calls. It has no effect on
// regular files and folders. Without it, package os sets it to find out whether the file
// can be polled, and clears it again because it cannot.
const NoPoll = syscall.O_NONBLOCK
