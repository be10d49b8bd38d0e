package atomicfile

import (
	"os"
	"sync/atomic"
)

// A Step is one operation of this package on a file system. Tests that watch the steps
// can compute what a power loss after each of them may leave.
type Step struct {
	Do       Verb
	Root     *os.Root
	Name, To string // relative to Root; only Renamed has To
	Content  []byte // only for Filled
}

// A Verb is the kind of a [Step].
type Verb string

// These are the kinds of steps.
const (
	Created      Verb = "created" // an empty file
	Filled       Verb = "filled"
	Synced       Verb = "synced" // a file
	Renamed      Verb = "renamed"
	Removed      Verb = "removed"
	MadeFolder   Verb = "made folder"
	SyncedFolder Verb = "synced folder"
)

var watcher atomic.Pointer[func(Step)] // nil except in tests, so that the only cost is an atomic load

// Watch calls f after each step of any goroutine, until stop is called. It is for tests.
// There can be only one watcher at a time.
func Watch(f func(Step)) (stop func()) {
	watcher.Store(&f)
	return func() { watcher.Store(nil) }
}

// report passes a step to the watcher, if there is one.
func report(do Verb, root *os.Root, name string) {
	if w := watcher.Load(); w != nil {
		(*w)(Step{Do: do, Root: root, Name: name})
	}
}
