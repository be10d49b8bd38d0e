package session

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
)

// choose returns the session of a request that has several cookies of one name: one may
// come from earlier settings, or belong to a parent domain, or another host may have planted
// it (RFC 6265bis, section 8.6). Usually one of them belongs to a session. If two do, their
// tokens have the same scope, of which a browser keeps only one cookie, so the other one was
// planted. The server cannot tell which, so it trusts neither, and makes the browser delete
// those of other scopes. Then the rivals are the sessions of all these cookies.
func (m *Manager) choose(ctx context.Context, r *http.Request, sc *scope) (s *Session, rivals []*Session, err error) {
	m.event(ctx, Event{Kind: EventBadCookie, Err: errSeveral})
	m.advise(ctx, "session: a browser has sent several cookies of the session's name; they come from earlier settings, from another application on the domain, or from another host that planted them; give each application a cookie name of its own", slog.String("name", sc.name))
	tokens := readTokens(r.Header, sc.name)
	none, unclear := newSession(m, sc), newSession(m, sc)
	unclear.unclear = true
	if len(tokens) > maxTokens {
		return unclear, nil, nil
	}
	var live []*Session
	for _, t := range tokens {
		s, err := m.load(ctx, t, sc)
		if err != nil {
			return nil, nil, err
		}
		same := slices.IndexFunc(live, func(l *Session) bool { return l.at.rec.ID == s.at.rec.ID })
		switch standing := s.cred.standing; {
		case standing == superseded:
			none = s
		case standing == noToken:
		case same < 0:
			live = append(live, s)
		case standing == current: // rather than the token that it has replaced
			live[same] = s
		}
	}
	switch len(live) {
	case 0:
		return none, nil, nil
	case 1:
		return live[0], nil, nil
	}
	return unclear, live, nil
}

// endRivals ends the sessions of the other cookies: after a login, because they would
// conflict with it at the next request, and at a logout, because one of them would sign the
// browser in again. Anyone who holds a token may end its session.
func (m *Manager) endRivals(ctx context.Context, rivals []*Session) (err error) {
	for _, s := range rivals {
		s.mu.Lock()
		s.endStored()
		s.mu.Unlock()
		_, failed := m.commit(ctx, s, usesNone)
		err = cmp.Or(err, failed)
	}
	return err
}
