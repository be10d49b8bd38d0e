// Package bench compares this library with other session libraries and with raw, the least
// work that a store allows: the same driver, one read and one write, opaque bytes, no codec
// and no safety.
//
// The machine is assumed to be noisy. Therefore the peers of a cell run within seconds of
// each other in each pass, and the results are ratios to raw within a pass. The command
// bench writes the README of this directory.
package bench

// A Server is a peer on a store, ready for requests.
type Server interface {
	// Client returns a new client, for use by one goroutine.
	Client() Client
	Close() error
}

// A Client makes in-process requests, one after the other.
type Client interface {
	// Do makes a request with a cookie ("name=value", or "" for none) and returns the
	// status of the response.
	Do(a Action, cookie string) int

	// Call is Do for requests that have an argument, or whose body or new cookie (""
	// if there is none) is needed. It is slower than Do.
	Call(a Action, cookie, arg string) (status int, body, setCookie string)
}

// A Peer is a session library on a store. Open creates a server on a new, empty store.
type Peer struct {
	Name  string
	Skips string // the guarantees that the peer does not give, "" if none that matters here
	Open  func() (Server, error)
}

// A Store is a kind of store with the peers that support it. The first peer is raw.
type Store struct {
	Name  string
	Peers []Peer
}
