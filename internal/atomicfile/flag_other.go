//go:build !unix

package atomicfile

// NoPoll has no effect on this operating system.
const NoPoll = 0
