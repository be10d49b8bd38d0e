package sessionpage

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/expanse-go/session"
)

// Counters counts the events of a manager in this process. The zero value is ready for use:
// pass its Count as [session.Config].OnEvent, and the counters as [AdminConfig].Counters.
// It is safe for concurrent use, and must not be copied.
type Counters struct {
	kinds sync.Map // session.EventKind to *atomic.Uint64
}

// Count counts an event. To do more than count events, call Count from a function of your
// own.
func (c *Counters) Count(_ context.Context, e session.Event) {
	n, ok := c.kinds.Load(e.Kind)
	if !ok {
		n, _ = c.kinds.LoadOrStore(e.Kind, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// Of returns how many events of a kind there were.
func (c *Counters) Of(kind session.EventKind) uint64 {
	if n, ok := c.kinds.Load(kind); ok {
		return n.(*atomic.Uint64).Load()
	}
	return 0
}

// shown are the events on the admin page, those that matter most first. The name of an
// event is also that of its text.
var shown = []session.EventKind{
	session.EventCreated, session.EventRotated, session.EventLoggedOut, session.EventRevoked, session.EventExpired,
	session.EventReplayed, session.EventConflict, session.EventFailed, session.EventDropped, session.EventLate, session.EventCorrupt,
	session.EventTokenReuse, session.EventReplaced, session.EventUnknownToken, session.EventBadCookie,
	session.EventCrossOrigin, session.EventNotCreated, session.EventRejected,
}

// A Number is a line on the admin page that the application adds.
type Number struct {
	Label string // in the language of the administrators
	Value uint64
}
