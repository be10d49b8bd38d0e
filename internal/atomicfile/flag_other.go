//go:build !unix

package atomicfile

// NoPoll changes nothing here.
const NoPoll = 0
