package storecheck

import (
	"strings"

	"github.com/expanse-go/session"
)

// Power is a set of what stores and their environments may be able to do beyond
// the four verbs.
type Power uint8

// The powers.
const (
	Views      Power = 1 << iota // [session.Viewer]
	Touches                      // [session.Toucher]
	Prunes                       // [session.Pruner]
	Lists                        // [session.Lister]
	ListsOwner                   // [session.OwnerLister]
	Reopens                      // [Env.Reopen]
	Shares                       // [Env.Share]
)

// String names the powers, as in "Toucher and Pruner".
func (p Power) String() string {
	var names []string
	for i, name := range []string{"Viewer", "Toucher", "Pruner", "Lister", "OwnerLister", "a way to reopen", "a second handle"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// Powers returns what the environment is able to do.
func (e Env) Powers() (p Power) {
	if _, ok := e.Store.(session.Viewer); ok {
		p |= Views
	}
	if _, ok := session.Capability[session.Toucher](e.Store); ok {
		p |= Touches
	}
	if _, ok := session.Capability[session.Pruner](e.Store); ok {
		p |= Prunes
	}
	if _, ok := session.Capability[session.Lister](e.Store); ok {
		p |= Lists
	}
	if _, ok := session.Capability[session.OwnerLister](e.Store); ok {
		p |= ListsOwner
	}
	if e.Reopen != nil {
		p |= Reopens
	}
	if e.Share != nil {
		p |= Shares
	}
	return p
}
