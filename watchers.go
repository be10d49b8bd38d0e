package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A watch is a context that ends with a session, or with the token that it was made for.
type watch struct {
	cancel context.CancelCauseFunc

	// What is known of the session. The ID is zero until a commit has created it.
	id      ID
	version uint64
	digest  digest // of the token, or of its successor by a periodic rotation
	created time.Time
	limits  envelope // only what its expiry depends on
	expires time.Time

	// held says that a commit of the watch's own request is under way. It may replace the
	// token, or the session, so nothing is concluded before it is over.
	held bool
	over bool // the context has ended
}

// learn makes a stored record what is known of the session. The digest stays.
func (w *watch) learn(at *stored, cfg *settings, now time.Time) {
	w.id, w.version, w.created = at.rec.ID, at.rec.Version, at.rec.CreatedAt
	w.limits = envelope{rotatedAt: at.rotatedAt, authAt: at.authAt, idle: at.idle, absolute: at.absolute}
	w.expires = w.end(at.rec.LastActivity, at.rec.ExpiresAt, cfg, now)
}

// end returns when the session ends: the record may be older than limits that were lowered.
func (w *watch) end(lastActivity, expires time.Time, cfg *settings, now time.Time) time.Time {
	rec := Record{CreatedAt: w.created, LastActivity: lastActivity, ExpiresAt: expires}
	cfg.shorten(&rec, &draft{envelope: w.limits}, now)
	return rec.ExpiresAt
}

// judge returns why the watch ends, nil if it goes on with this record.
func (w *watch) judge(at *stored, cfg *settings, now time.Time) error {
	switch {
	case at.digest == digest{}: // a logout has left it to be deleted
		return errLoggedOut
	case !at.admits(&w.digest):
		return ErrReplaced
	}
	w.learn(at, cfg, now)
	w.digest = at.digest
	if !now.Before(w.expires) {
		return ErrExpired
	}
	return nil
}

// older reports whether a version is from before the last commit that is known. Then it tells
// nothing: of two commits, the later one may be seen first. But once the session should have
// expired, whatever was stored before is seen no more, so the store has lost that commit.
func (w *watch) older(version uint64, now time.Time) bool {
	return version < w.version && now.Before(w.expires)
}

// watchers are the watches of a manager. A goroutine looks at their sessions as long as
// there are any.
type watchers struct {
	some atomic.Bool // there are watches: nothing else costs requests that have none

	mu     sync.Mutex
	byID   map[ID][]*watch
	due    map[ID]struct{} // to be looked at as soon as possible
	first  time.Time       // no watch expires earlier; zero if there is none that may
	allDue bool
	wake   chan struct{} // something is due, or a new watch may expire first
	stop   context.CancelFunc
	closed bool
	loops  sync.WaitGroup
}

// add registers a watch that the session of a record ends. The session is looked at as soon
// as possible: it may have ended since the request loaded it. The first watch starts run.
func (ws *watchers) add(w *watch, at *stored, token *digest, cfg *settings, held bool, run func(context.Context, <-chan struct{})) {
	now := cfg.Now()
	ws.mu.Lock()
	defer ws.mu.Unlock()
	switch {
	case w.over:
		return
	case ws.closed:
		ws.finish(w, ErrClosed)
		return
	}
	ws.unlink(w)
	w.learn(at, cfg, now)
	w.digest, w.held = *token, held
	ws.expects(w)
	if ws.byID == nil {
		ws.byID, ws.due = map[ID][]*watch{}, map[ID]struct{}{}
	}
	ws.byID[w.id] = append(ws.byID[w.id], w)
	ws.some.Store(true)
	if ws.stop == nil {
		var ctx context.Context
		ctx, ws.stop = context.WithCancel(context.Background())
		wake := make(chan struct{}, 1) // its own: the goroutine before may still be ending
		ws.wake = wake
		ws.loops.Go(func() { run(ctx, wake) })
	}
	ws.lookAt(w.id)
}

// expects keeps first up to date. The caller holds the lock.
func (ws *watchers) expects(w *watch) {
	if ws.first.IsZero() || w.expires.Before(ws.first) {
		ws.first = w.expires
	}
}

// lookAt makes a session due. The caller holds the lock.
func (ws *watchers) lookAt(id ID) {
	ws.due[id] = struct{}{}
	select {
	case ws.wake <- struct{}{}:
	default:
	}
}

// end ends a watch. The last one stops the goroutine.
func (ws *watchers) end(w *watch, cause error) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.finish(w, cause)
}

// finish is end. The caller holds the lock.
func (ws *watchers) finish(w *watch, cause error) {
	w.over = true
	w.cancel(cause)
	ws.unlink(w)
	if len(ws.byID) == 0 && ws.stop != nil {
		ws.stop()
		ws.stop, ws.allDue, ws.first = nil, false, time.Time{}
		ws.some.Store(false)
	}
}

// unlink takes a watch out of those of its session. The caller holds the lock.
func (ws *watchers) unlink(w *watch) {
	of := ws.byID[w.id]
	i := slices.Index(of, w)
	switch {
	case i < 0:
	case len(of) == 1:
		delete(ws.byID, w.id)
		delete(ws.due, w.id)
	default:
		ws.byID[w.id] = slices.Delete(of, i, i+1)
	}
}

// endIf ends the watches of a session for which there is a cause.
func (ws *watchers) endIf(id ID, cause func(*watch) error) {
	if !ws.some.Load() {
		return
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range slices.Clone(ws.byID[id]) {
		if w.held {
			continue
		}
		if err := cause(w); err != nil {
			ws.finish(w, err)
			continue
		}
		ws.expects(w)
	}
}

// gone ends the watches of a session that has no record any more.
func (ws *watchers) gone(id ID, now time.Time) {
	ws.endIf(id, func(w *watch) error {
		if now.Before(w.expires) {
			return errLoggedOut
		}
		return ErrExpired
	})
}

// saw compares the watches of a session with what is stored.
func (ws *watchers) saw(at *stored, cfg *settings, now time.Time) {
	ws.endIf(at.rec.ID, func(w *watch) error {
		if w.older(at.rec.Version, now) {
			return nil
		}
		return w.judge(at, cfg, now)
	})
}

// sawStatus compares the watches of a session with its status at an instant. It reports
// whether the record has changed, so that the status does not tell enough.
func (ws *watchers) sawStatus(st *Status, cfg *settings, now time.Time) (changed bool) {
	ws.endIf(st.ID, func(w *watch) error {
		switch {
		case w.older(st.Version, now):
			return nil
		case st.Version != w.version:
			changed = true
			return nil
		}
		w.expires = later(w.expires, w.end(st.LastActivity, st.ExpiresAt, cfg, now))
		if !now.Before(w.expires) {
			return ErrExpired
		}
		return nil
	})
	return changed
}

// take returns the sessions to look at: those that are due or about to end, or all of them.
// A goroutine that is to end gets none.
func (ws *watchers) take(ctx context.Context, all bool, now time.Time) (ids []ID) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	if !all && !ws.allDue && (ws.first.IsZero() || now.Before(ws.first)) {
		ids = slices.Collect(maps.Keys(ws.due)) // without going through all watches for each new one
		clear(ws.due)
		return ids
	}
	all = all || ws.allDue
	ws.first = time.Time{}
	for id, of := range ws.byID {
		_, due := ws.due[id]
		for _, w := range of {
			if !w.held {
				due = due || !now.Before(w.expires)
				ws.expects(w)
			}
		}
		if due || all {
			ids = append(ids, id)
		}
	}
	clear(ws.due)
	ws.allDue = false
	return ids
}

// earliest returns a time before which no session ends, as far as is known; zero if none does.
func (ws *watchers) earliest() time.Time {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.first
}

// heard makes a session due if it is watched, or all of them if its ID is zero.
func (ws *watchers) heard(id ID) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if id.IsZero() {
		ws.allDue = true
	}
	if _, watched := ws.byID[id]; watched || ws.allDue {
		ws.lookAt(id)
	}
}

// hold keeps watches from being judged, until they are added again.
func (ws *watchers) hold(some []*watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range some {
		w.held = true
	}
}

// alive leaves out the watches that are over.
func (ws *watchers) alive(some []*watch) []*watch {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return slices.DeleteFunc(some, func(w *watch) bool { return w.over })
}

// close ends all watches, and waits until ctx ends for the goroutines.
func (ws *watchers) close(ctx context.Context) error {
	ws.mu.Lock()
	ws.closed = true
	for _, of := range ws.byID {
		for _, w := range slices.Clone(of) {
			ws.finish(w, ErrClosed)
		}
	}
	never := ws.byID == nil
	ws.mu.Unlock()
	if never {
		return nil
	}
	done := make(chan struct{})
	go func() {
		ws.loops.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
