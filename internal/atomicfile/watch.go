package atomicfile

import (
	"os"
	"sync/atomic"
)

// A Step is one thing that this package has asked the kernel to do to a file system.
// Tests that watch the steps know what a power loss after any of them may leave.
type Step struct {
	Do       Verb
	Root     *os.Root
	Name, To string // below Root; To is for Renamed
	Content  []byte // for Filled
}

// A Verb is the kind of a [Step].
type Verb string

// The verbs.
const (
	Created      Verb = "created" // an empty file
	Filled       Verb = "filled"
	Synced       Verb = "synced" // a file
	Renamed      Verb = "renamed"
	Removed      Verb = "removed"
	MadeFolder   Verb = "made folder"
	SyncedFolder Verb = "synced folder"
)

var watcher atomic.Pointer[func(Step)] // nil, but for tests: a load then is all that it costs

// Watch calls f after each step of any goroutine, until stop is called. It is for
// tests, and for one at a time.
func Watch(f func(Step)) (stop func()) {
	watcher.Store(&f)
	return func() { watcher.Store(nil) }
}

func took(do Verb, root *os.Root, name string) {
	if w := watcher.Load(); w != nil {
		(*w)(Step{Do: do, Root: root, Name: name})
	}
}
