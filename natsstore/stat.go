package natsstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/expanse-go/session"
)

// statAtOnce is how many requests of one Stat wait for their answers at a time. The server
// refuses requests when 10,000 of all clients wait.
const statAtOnce = 64

// Stat implements [session.Stater] with one request to the leader for each record, up to 64 at
// a time. A batch in one request would be answered by any replica, which may lag behind.
func (s *Store) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		next  atomic.Int64
		group sync.WaitGroup
		mu    sync.Mutex
		all   []session.Status
	)
	for range min(statAtOnce, len(ids)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(ids); i = int(next.Add(1)) - 1 {
				r, err := s.Load(ctx, ids[i])
				switch {
				case err == nil:
					mu.Lock()
					all = append(all, session.Status{ID: r.ID, Version: r.Version, LastActivity: r.LastActivity, ExpiresAt: r.ExpiresAt})
					mu.Unlock()
				case !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrCorrupt):
					cancel(err) // the first one is the cause
					return
				}
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, s.failed("stat", session.ID{}, context.Cause(ctx))
	}
	return all, nil
}
