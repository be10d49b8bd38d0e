package session

import "context"

// Watch returns a copy of ctx that ends when the session does: for a WebSocket, a stream of
// events or a long job, which must not outlive the session of its request. As with
// [context.WithCancel], call cancel as soon as the context is no longer needed.
//
// [context.Cause] tells why the context has ended. Each of these causes matches [ErrEnded]:
//
//   - [ErrExpired]: the session has expired. Other requests extend it, also in other processes.
//     Watching is not activity, so a stream does not keep its session alive.
//   - [ErrReplaced]: [Session.Login], Confirm or [Session.Regenerate] has replaced the token that the
//     session was loaded with, so the client has to connect again with its new one, and with
//     other privileges. A periodic rotation ([Config].RotateEvery) does not end the context.
//   - ErrEnded itself: the session was logged out or revoked, or another owner has logged in,
//     which ends it. Its record is gone, whoever has deleted it.
//
// The cause is [ErrClosed] after [Manager.Close], and that of ctx if ctx ends first.
//
// A change by this manager ends the context at once, and so does expiry. A change by another
// process or manager ends it within [Config].WatchEvery, or almost at once if the store is a
// [Broadcaster]. While the store fails, the context goes on; the failure is logged once and sent
// as an [EventFailed].
//
// Call Watch before or after the response begins, in any order with the changes of the
// request: the context follows the session through the commits of its own request, to its
// new token. If the session is not stored yet, or Login was called, Watch waits for the
// commit. If nothing is to be stored, or the session has ended already, the context ends at
// once with ErrEnded, or ErrReplaced if the request came with a token that was replaced.
// After [Session.Invalidate], it ends with the commit, even if the request begins a new
// session.
//
// A watch takes no goroutine. While there are any, the manager runs one that asks the store
// about all watched sessions together.
func (s *Session) Watch(ctx context.Context) (watched context.Context, cancel context.CancelFunc) {
	watched, end := context.WithCancelCause(ctx)
	w, ws := &watch{cancel: end}, &s.m.watchers
	s.mu.Lock()
	s.watch(w)
	s.mu.Unlock()
	stop := context.AfterFunc(watched, func() { ws.end(w, nil) })
	return watched, func() {
		stop()
		ws.end(w, nil)
	}
}

// watch begins to watch, or ends the watch. The caller holds the lock.
func (s *Session) watch(w *watch) {
	ws := &s.m.watchers
	switch {
	case s.m.closed.Load():
		ws.end(w, ErrClosed)
		return
	case s.createsNext():
		s.waiting = true
	case !s.fresh():
		ws.add(w, s.at, &s.cred.digest, s.m.cfg, s.holding, s.m.watchAll)
	case s.cred.standing == superseded:
		ws.end(w, ErrReplaced)
		return
	case s.at != nothing: // Invalidate was called
		ws.end(w, errLoggedOut)
		return
	default:
		ws.end(w, errUnwatched)
		return
	}
	s.watches = append(ws.alive(s.watches), w)
}

// createsNext reports whether the next commit makes the session that there is to watch. A
// login does so if the session ends before. The caller holds the lock.
func (s *Session) createsNext() bool {
	if s.m.discard || s.phase != open || s.failure() != nil || s.barred() != nil {
		return false
	}
	return s.fresh() && s.stores() || s.login() != nil
}

// hold keeps the watches of the session from being judged during a commit. It reports
// whether the commit ends the stored session. The caller holds the lock.
func (s *Session) hold() (ends bool) {
	s.holding = true
	if len(s.watches) > 0 {
		s.m.watchers.hold(s.watches)
	}
	return s.pending != nil && s.pending.end
}

// follow makes the watches follow the session after a commit. The caller holds the lock.
func (s *Session) follow(ends bool) {
	s.holding = false
	if len(s.watches) == 0 {
		return
	}
	s.waiting = false
	ws := &s.m.watchers
	before := s.watches
	s.watches = nil
	for _, w := range before {
		waits := w.id.IsZero()
		switch {
		case waits && s.request == nil && s.createsNext(): // it has failed, and may be tried again
			s.waiting = true
		case s.at == nothing && waits:
			ws.end(w, errUnwatched)
			continue
		case s.at == nothing, ends && !waits && w.id != s.at.rec.ID:
			ws.end(w, errLoggedOut)
			continue
		default:
			ws.add(w, s.at, &s.cred.digest, s.m.cfg, s.holding, s.m.watchAll)
		}
		s.watches = append(s.watches, w)
	}
}
