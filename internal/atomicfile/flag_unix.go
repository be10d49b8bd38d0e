//go:build unix

package atomicfile

import "syscall"

// NoPoll in the flags of an open file spares four system calls. It means nothing for
// regular files and folders; without it, package os sets it to try whether the file
// can be polled, and takes it back because it cannot.
const NoPoll = syscall.O_NONBLOCK
