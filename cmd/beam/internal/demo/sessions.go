package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/expanse-go/session"
)

// sessions is the data of the sessions page.
type sessions struct {
	Owner       string
	List        []oneSession
	Unsupported bool // the store cannot list
}

type oneSession struct {
	session.Info
	Device device
	Here   bool // the session of this request
}

func (a *app) showSessions(w http.ResponseWriter, r *http.Request, s *session.Session) {
	p := sessions{Owner: s.Owner()}
	if p.Owner != "" {
		var err error
		p.List, err = a.sessionsOf(r.Context(), p.Owner, s.ID())
		if p.Unsupported = errors.Is(err, errors.ErrUnsupported); err != nil && !p.Unsupported {
			session.Error(w, r, err)
			return
		}
	}
	a.show(w, s, "sessions", "Your sessions", false, p)
}

// sessionsOf lists the sessions of an owner: first the session of this request, then the
// others, most recently active first.
func (a *app) sessionsOf(ctx context.Context, owner string, here session.ID) ([]oneSession, error) {
	var list []oneSession
	for info, err := range a.sessions.List(ctx, owner) {
		if err != nil {
			return nil, err
		}
		list = append(list, oneSession{info, describe(info.Client.UserAgent), info.ID == here})
	}
	slices.SortFunc(list, func(x, y oneSession) int {
		if x.Here != y.Here {
			if x.Here {
				return -1
			}
			return 1
		}
		return cmp.Or(y.LastActivity.Compare(x.LastActivity), cmp.Compare(x.ID.String(), y.ID.String()))
	})
	return list, nil
}

// revokeSession ends one session of the user. The ID in the form may be that of any session,
// so revokeSession checks that it has the same owner.
func (a *app) revokeSession(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "id")
	if !ok {
		return
	}
	id, err := session.ParseID(f.Value("id"))
	if err != nil || s.Owner() == "" {
		a.fail(w, http.StatusNotFound, "You have no such session.")
		return
	}
	if id == s.ID() {
		a.signOut(w, r, s)
		return
	}
	info, err := a.sessions.Info(r.Context(), id)
	switch {
	case errors.Is(err, session.ErrNotFound) || err == nil && info.Owner != s.Owner():
		a.fail(w, http.StatusNotFound, "You have no such session. It may have ended in the meantime.")
		return
	case err == nil:
		err = a.sessions.Revoke(r.Context(), id)
	}
	if err != nil {
		session.Error(w, r, err)
		return
	}
	noticeKey.Flash(s, notice{Text: "Ended: " + describe(info.Client.UserAgent).String() + ". That browser is signed out with its next request."})
	back(w, r, "/sessions")
}

func (a *app) revokeOthers(w http.ResponseWriter, r *http.Request, s *session.Session) {
	if s.Owner() == "" {
		a.fail(w, http.StatusNotFound, "Sign in first. Only signed-in users can have other sessions.")
		return
	}
	n, err := a.sessions.RevokeOwner(r.Context(), s.Owner(), s.ID())
	if err != nil {
		session.Error(w, r, err)
		return
	}
	text := fmt.Sprintf("%s ended. Only this session is left.", count(n, "other session"))
	if n == 0 {
		text = "There were no other sessions."
	}
	noticeKey.Flash(s, notice{Text: text})
	back(w, r, "/sessions")
}
