package storecheck

import (
	"strings"

	"github.com/expanse-go/session"
)

// Capabilities is a set of what a store and its environment support beyond the four
// methods of [session.Store].
type Capabilities uint16

// These are the capabilities.
const (
	Views        Capabilities = 1 << iota // [session.Viewer]
	Touches                               // [session.Toucher]
	Prunes                                // [session.Pruner]
	Lists                                 // [session.Lister]
	ListsOwner                            // [session.OwnerLister]
	DeletesOwner                          // [session.OwnerDeleter]
	Imports                               // [session.Importer]
	Stats                                 // [session.Stater]
	Broadcasts                            // [session.Broadcaster]
	Reopens                               // [Env.Reopen]
	Shares                                // [Env.Share]
)

// String returns the names of the capabilities, as in "Toucher and Pruner".
func (c Capabilities) String() string {
	var names []string
	for i, name := range []string{"Viewer", "Toucher", "Pruner", "Lister", "OwnerLister", "OwnerDeleter", "Importer", "Stater", "Broadcaster", "a way to reopen", "a second handle"} {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// Capabilities returns what the store and the environment support.
func (e Env) Capabilities() (c Capabilities) {
	if _, ok := e.Store.(session.Viewer); ok {
		c |= Views
	}
	if _, ok := session.Capability[session.Toucher](e.Store); ok {
		c |= Touches
	}
	if _, ok := session.Capability[session.Pruner](e.Store); ok {
		c |= Prunes
	}
	if _, ok := session.Capability[session.Lister](e.Store); ok {
		c |= Lists
	}
	if _, ok := session.Capability[session.OwnerLister](e.Store); ok {
		c |= ListsOwner
	}
	if _, ok := session.Capability[session.OwnerDeleter](e.Store); ok {
		c |= DeletesOwner
	}
	if _, ok := session.Capability[session.Importer](e.Store); ok {
		c |= Imports
	}
	if _, ok := session.Capability[session.Stater](e.Store); ok {
		c |= Stats
	}
	if _, ok := session.Capability[session.Broadcaster](e.Store); ok {
		c |= Broadcasts
	}
	if e.Reopen != nil {
		c |= Reopens
	}
	if e.Share != nil {
		c |= Shares
	}
	return c
}
