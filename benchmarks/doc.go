// Package bench measures this library beside its peers and beside raw, the least
// that a store could take: the same driver, one read and one write, opaque bytes, no
// codec, no safety.
//
// The machine is assumed to be noisy. So peers of a cell run within seconds of each
// other, pass by pass, and what is reported is the ratio to raw within one pass. The
// README of this folder is written by the command bench; see its flags.
package bench

// A Server is one peer on one store, ready for requests.
type Server interface {
	// Client returns a client of its own for one goroutine.
	Client() Client
	Close() error
}

// A Client makes requests in-process, one after the other.
type Client interface {
	// Do makes one request with a cookie ("name=value"; "" is none) and returns the
	// status of the answer.
	Do(a Action, cookie string) int

	// Call is Do for the rare requests that have an argument, or whose answer and
	// new cookie ("" if there is none) matter.
	Call(a Action, cookie, arg string) (status int, body, setCookie string)
}

// A Peer is a way to keep sessions. Open makes a server on a fresh, empty store.
type Peer struct {
	Name  string
	Skips string // the guarantee that the peer does not give, "" if none that matters here
	Open  func() (Server, error)
}

// A Store is a kind of store with the peers that can use it; the first one is raw.
type Store struct {
	Name  string
	Peers []Peer
}
