package sqlstore

import (
	"sync"

	"github.com/expanse-go/session"
)

// Hints are what this process last knew of the columns of some records that have an
// index. They tell which form of an update is likely to do, so that it is one statement
// also where it writes an index. Nothing else depends on them: each form is right by
// itself, or else changes nothing.
type hints [512]hint // by ID; of those that share a place, the last one counts

type hint struct {
	mu    sync.Mutex
	id    session.ID
	owner string
	hour  int64
}

func (h *hints) of(id session.ID) *hint {
	return &h[(int(id[0])<<8|int(id[1]))%len(h)]
}

// note remembers a record that was read or written.
func (h *hints) note(r *session.Record) {
	if h == nil {
		return
	}
	place := h.of(r.ID)
	place.mu.Lock()
	defer place.mu.Unlock()
	place.id, place.owner, place.hour = r.ID, r.Owner, hour(nanos(r.ExpiresAt))
}

// move reports whether r is known to have another owner than before, or to expire in an
// earlier hour.
func (h *hints) move(r *session.Record) bool {
	place := h.of(r.ID)
	place.mu.Lock()
	defer place.mu.Unlock()
	return place.id == r.ID && (place.owner != r.Owner || hour(nanos(r.ExpiresAt)) < place.hour)
}
