package race

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Logout says whether a logout stays one, told by the cookie from before it.
type Logout struct {
	Alone   bool `json:"alone"`   // with nothing else under way it ends the session
	Rounds  int  `json:"rounds"`  // with writes under way; 0 if it does not even alone
	Undone  int  `json:"undone"`  // of these, those after which the session was alive again
	Refused int  `json:"refused"` // of these, those whose logout was answered by an error, or not at all
}

// Stayed says that no logout was found to leave the session alive.
func (l Logout) Stayed() bool { return l.Alone && l.Undone == 0 }

// logouts begins with a logout that nothing overlaps: an application that keeps the
// session in the cookie itself fails there already, and needs no race for it. Then the
// logout is sent at another moment of the writes in each round, because only some of
// the moments may do harm.
func (r *runner) logouts(ctx context.Context) (*Logout, error) {
	const moments = 4
	r.say("a logout with nothing under way")
	lives, refused, err := r.logout(ctx, -1)
	if err == nil && refused != "" {
		err = fmt.Errorf("a logout with nothing under way does not work: %s", refused)
	}
	if err != nil {
		return nil, err
	}
	l := &Logout{Alone: !lives}
	if lives {
		return l, nil
	}
	for i := range r.Rounds {
		r.say("logout %d of %d", i+1, r.Rounds)
		lives, refused, err := r.logout(ctx, r.took*time.Duration(i%moments+1)/(moments+2))
		if err != nil {
			return l, fmt.Errorf("logout %d: %w", i+1, err)
		}
		l.Rounds++
		if refused != "" {
			l.Refused++
		} else if lives {
			l.Undone++
		}
	}
	if l.Refused == l.Rounds {
		return l, errors.New("no logout among writes was answered as done, so there is nothing to look for")
	}
	return l, nil
}

// logout begins a session and ends it, that long after the begin of a round of writes,
// or without any if after is negative. It says whether the session lives on, or how the
// logout was refused.
func (r *runner) logout(ctx context.Context, after time.Duration) (lives bool, refused string, err error) {
	v, err := r.begin(ctx)
	if err != nil {
		return false, "", err
	}
	old := tab{sent: v.cookies(&r.Read)}
	if err := v.telling(ctx, old); err != nil {
		return false, "", err
	}
	conn, err := v.connect(ctx, r.Logout)
	if err != nil {
		return false, "", err
	}
	defer conn.Close()
	client := v.once(tab{v.cookies(r.Logout), v.jar}, conn)
	end := func() {
		if a, err := v.send(ctx, r.Logout, v.mark(0), client); err != nil {
			refused = err.Error()
		} else if a.status >= 400 {
			refused = fmt.Sprintf("%s was answered by %s", r.Logout, a)
		}
	}
	if after < 0 {
		end()
	} else if _, err := v.together(ctx, func() { pause(ctx, after); end() }); err != nil {
		return false, "", err
	}
	if ctx.Err() != nil {
		return false, "", ctx.Err()
	}
	lives, err = v.shows(ctx, old)
	return lives, refused, err
}

// telling checks that the read tells the session from none.
func (v *visit) telling(ctx context.Context, old tab) error {
	if yes, err := v.shows(ctx, old); err != nil || !yes {
		return orError(err, "%s does not show the session with the cookies that it had before the logout", &v.Read)
	}
	if yes, err := v.shows(ctx, tab{}); err != nil || yes {
		return orError(err, "%s shows the same without a cookie, so it cannot tell whether a logout stays one", &v.Read)
	}
	return nil
}

func orError(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf(format, args...)
}

// shows says whether these cookies still reach the session: the read shows that
// somebody is signed in, or what was written before the logout. What was written
// together with it is no sign: an application may begin an empty session under the
// old name.
func (v *visit) shows(ctx context.Context, cookies http.CookieJar) (bool, error) {
	a, err := v.page(ctx, &v.Read, v.mark(0), cookies)
	switch {
	case err != nil:
		return false, err
	case a.status >= 500: // which says nothing about the session
		return false, fmt.Errorf("%s was answered by %s", &v.Read, a)
	case a.status/100 != 2:
		return false, nil
	}
	if v.SignedIn != nil && v.SignedIn.MatchString(a.body) {
		return true, nil
	}
	return v.Plan.Count == nil && strings.Contains(a.body, v.text(0)), nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
