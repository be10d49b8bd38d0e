package session

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Health reports whether the store answers: it loads a record that does not exist. It returns
// within a second, and the result holds for a second, so it can be called as often as you like,
// and from several goroutines. The error is [ErrClosed] or a [*StoreError]. For each failed
// check, the manager writes a log line and sends an [EventFailed].
//
// Use it for readiness, as [Manager.HealthHandler] does. A store that answers may still refuse
// writes, for instance because its disk is full; the event [EventFailed] reports that.
func (m *Manager) Health(ctx context.Context) error {
	switch {
	case m.closed.Load():
		return ErrClosed
	case m.discard:
		return nil
	}
	c := m.health.check(m.askStore)
	timer := time.NewTimer(time.Until(c.began.Add(healthLimit)))
	defer timer.Stop()
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return storeError("load", ID{}, ctx.Err())
	case <-timer.C:
	}
	select {
	case <-c.done: // the timer of a result that holds has long been over
		return c.err
	default:
		return storeError("load", ID{}, context.DeadlineExceeded)
	}
}

// HealthHandler returns a handler that responds with 200 if [Manager.Health] finds that the
// store answers, and with 503 otherwise. The response says nothing else, so it may be public. In
// Kubernetes, use it as the readiness probe, with timeoutSeconds: 2, because a check takes up to
// a second.
//
// Don't use it as the liveness probe: if the store fails, restarting every replica does not
// help. A liveness probe should not call the store at all.
func (m *Manager) HealthHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, text := http.StatusOK, "ok\n"
		if m.Health(r.Context()) != nil {
			status, text = http.StatusServiceUnavailable, "the session store does not answer\n"
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	})
}

// askStore loads a record that does not exist.
func (m *Manager) askStore() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), healthLimit)
	defer cancel()
	err = errInterrupted // in case the store panics: nothing else would recover on this goroutine
	defer func() {
		if v := recover(); v != nil || err != nil {
			err = m.storeFailed(ctx, "load", ID{}, err)
		}
	}()
	_, err = m.store.Load(ctx, randomID())
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return err
}
