package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session/internal/backoff"
)

// A watch learns of an end in its own process from whoever ends the session (ended, and saw
// of watchers). For the rest there is one goroutine. Every WatchEvery, it asks the store for
// the status of all watched sessions together, and loads those that have another version. It
// asks about single sessions when they are about to expire, when their watch begins, and when
// the store passes on that another process has ended them (Broadcaster).

// ended tells the watches of sessions that have just ended, in all processes.
func (m *Manager) ended(ctx context.Context, ids ...ID) {
	if m.watchers.some.Load() {
		now := m.cfg.Now()
		for _, id := range ids {
			m.watchers.gone(id, now)
		}
	}
	m.broadcast(ctx, ids...)
}

// broadcast makes other processes look at sessions. It fails nothing, because they poll.
func (m *Manager) broadcast(ctx context.Context, ids ...ID) {
	if m.caster == nil || len(ids) == 0 {
		return
	}
	if err := m.caster.Broadcast(ctx, slices.Clone(ids)); err != nil {
		_ = m.storeFailed(ctx, "broadcast", ids[0], err)
	}
}

// watchAll looks at the watched sessions until ctx ends.
func (m *Manager) watchAll(ctx context.Context, wake <-chan struct{}) {
	if m.caster != nil {
		m.watchers.loops.Go(func() { m.listen(ctx) })
	}
	failing := false
	all, next := false, m.nextPoll()
	for {
		err := m.look(ctx, all)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failing = false
		case !failing: // once for each time that the store fails
			failing = true
			_ = m.storeFailed(ctx, "stat", ID{}, err)
		}
		if all || err != nil {
			next = m.nextPoll()
		}
		if all = m.awaitPoll(ctx, wake, next, err != nil); ctx.Err() != nil {
			return
		}
	}
}

// nextPoll returns when to look at all sessions. The pauses vary, so that replicas do not
// poll at the same time.
func (m *Manager) nextPoll() time.Time {
	every := m.cfg.WatchEvery
	if every < 0 {
		every = defaultWatchEvery // to try again after the store has failed
	}
	return time.Now().Add(backoff.Jitter(every-every/8, every/8))
}

// awaitPoll waits until there is a session to look at, and reports whether it is time to
// look at all of them. If the store fails, it is not asked before that time.
func (m *Manager) awaitPoll(ctx context.Context, wake <-chan struct{}, next time.Time, failing bool) (all bool) {
	if failing {
		return backoff.Wait(ctx, time.Until(next))
	}
	polls := m.cfg.WatchEvery > 0
	until := time.Until(next)
	if first := m.watchers.earliest(); !first.IsZero() {
		// A manager's clock may differ from the time that passes, but a poll asks it, too.
		if left := max(first.Sub(m.cfg.Now()), minLook); !polls || left < until {
			until = left
		}
	}
	timer := time.NewTimer(until)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return polls && !time.Now().Before(next)
}

// minLook is the shortest time between looking twice at a session that should have expired.
const minLook = time.Millisecond

// statAtOnce is how many sessions the store is asked for at once, within StoreTimeout: as
// many as fit into one statement in every database.
const statAtOnce = 1 << 14

// look looks at the sessions that are due, or at all that are watched.
func (m *Manager) look(ctx context.Context, all bool) error {
	now := m.cfg.Now() // before the store is asked: what it says was true then, or later
	n := 1
	if _, ok := Capability[Stater](m.store); ok {
		n = statAtOnce
	}
	for ids := range slices.Chunk(m.watchers.take(ctx, all, now), n) {
		if err := m.lookAt(ctx, ids, now); err != nil {
			return err
		}
	}
	return nil
}

func (m *Manager) lookAt(ctx context.Context, ids []ID, now time.Time) error {
	var limited deadlineContext
	limited.init(ctx, m.cfg.StoreTimeout)
	defer limited.release()
	found, err := Stat(&limited, m.store, ids)
	if err != nil {
		return err
	}
	there := make(map[ID]bool, len(found))
	var changed []ID
	for i := range found {
		there[found[i].ID] = true
		if m.watchers.sawStatus(&found[i], m.cfg, now) {
			changed = append(changed, found[i].ID)
		}
	}
	for _, id := range ids {
		if !there[id] {
			m.watchers.gone(id, m.cfg.Now()) // not now: what deleted it may have seen it expire since
		}
	}
	return m.loadWatched(ctx, changed, now)
}

// loadWatched loads sessions that have changed. Several loads at the same time let a store
// answer them together.
func (m *Manager) loadWatched(ctx context.Context, ids []ID, now time.Time) error {
	errs := make([]error, len(ids))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(atOnce, len(ids)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(ids)); i = next.Add(1) - 1 {
				errs[i] = m.loadOneWatched(ctx, ids[i], now)
			}
		})
	}
	workers.Wait()
	return errors.Join(errs...)
}

func (m *Manager) loadOneWatched(ctx context.Context, id ID, now time.Time) error {
	var limited deadlineContext
	limited.init(ctx, m.cfg.StoreTimeout)
	defer limited.release()
	var at stored
	var err error
	if at.rec, err = m.store.Load(&limited, id); err == nil {
		if err = at.decode(); err != nil {
			err = errorf(ErrCorrupt, "stored record does not decode: %s", detail(err))
		}
	}
	switch {
	case err == nil:
		m.watchers.saw(&at, m.cfg, now)
	case errors.Is(err, ErrCorrupt):
		m.corrupt(ctx, id, err)
		m.watchers.gone(id, m.cfg.Now())
	case errors.Is(err, ErrNotFound):
		m.watchers.gone(id, m.cfg.Now())
	default:
		return err
	}
	return nil
}

// atOnce is how many sessions are loaded or ended at the same time: enough for a store that
// does several of them together, and too few to take its connections from the requests.
const atOnce = 8

// listen hears what other processes broadcast, until ctx ends.
func (m *Manager) listen(ctx context.Context) {
	var failing atomic.Bool
	for {
		err := m.caster.Listen(ctx, func(id ID) {
			if id.IsZero() {
				failing.Store(false)
			}
			m.watchers.heard(id)
		})
		if ctx.Err() != nil || errors.Is(err, errors.ErrUnsupported) {
			return
		}
		if failing.CompareAndSwap(false, true) {
			_ = m.storeFailed(ctx, "listen", ID{}, err)
		}
		if !backoff.Wait(ctx, time.Until(m.nextPoll())) {
			return
		}
	}
}
