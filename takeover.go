package session

import (
	"context"
	"net/http"
)

// takesOver reports whether a request may have the session of another library: it presents no
// token, and would present one if the browser had it. A browser may send the cookie of the other
// library where it withholds ours, and that must not weaken SameSite.
func (m *Manager) takesOver(r *http.Request, sent Token) bool {
	if m.cfg.TakeOver == nil || m.discard || m.cfg.withholds(r) {
		return false
	}
	_, _, ok := sent.split()
	return !ok
}

// takeOver returns the session that [Config].TakeOver finds for a request. It is handed over if
// its token is to be sent to the client.
func (m *Manager) takeOver(parent context.Context, r *http.Request, sc *scope, sent Token) (s *Session, handed bool, err error) {
	var ctx deadlineContext
	ctx.init(parent, m.cfg.StoreTimeout)
	defer ctx.release()
	t, err := m.cfg.TakeOver(r.WithContext(&ctx), func(write func(context.Context)) (Token, error) {
		s := newSession(m, sc)
		s.request = r
		write(NewContext(parent, s))
		_, err := m.commit(parent, s, usesNone)
		return s.cred.token, err
	})
	if err != nil {
		return nil, false, m.storeFailed(parent, "take over", ID{}, err)
	}
	if t == "" {
		t = sent
	}
	s, err = m.load(parent, t, sc)
	return s, err == nil && s.cred.standing == current, err
}

// handOver returns the cookie of a session that was taken over at the beginning of the request.
// It looks again: another request may have replaced the token, and the browser may have got the
// new one already.
func (m *Manager) handOver(ctx context.Context, s *Session) *http.Cookie {
	s.mu.Lock()
	t := s.cred.token
	s.mu.Unlock()
	again, err := m.load(ctx, t, s.scope)
	if err != nil || again.cred.standing != current {
		return nil
	}
	return m.cfg.cookie(s.scope, t, &again.at.draft, again.at.rec.CreatedAt, m.cfg.Now())
}
