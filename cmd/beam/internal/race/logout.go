package race

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Logout reports whether a logout ends the session, tested with the cookie from before it.
type Logout struct {
	Alone   bool `json:"alone"`   // without concurrent writes, the logout ends the session
	Rounds  int  `json:"rounds"`  // rounds with concurrent writes; 0 if Alone is false
	Undone  int  `json:"undone"`  // rounds after which the session was still usable
	Refused int  `json:"refused"` // rounds in which the logout failed or got no response
}

// Stayed reports whether every successful logout ended the session.
func (l Logout) Stayed() bool { return l.Alone && l.Undone == 0 }

// logouts first tests a logout without concurrent requests. An application that stores the
// session in the cookie itself already fails this test. Then it sends the logout among the
// writes, at a different time in each round, because only some times may cause harm.
func (r *runner) logouts(ctx context.Context) (*Logout, error) {
	const moments = 4
	r.say("a logout without concurrent writes")
	lives, refused, err := r.logout(ctx, -1)
	if err == nil && refused != "" {
		err = fmt.Errorf("a logout without concurrent writes fails: %s", refused)
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
		return l, errors.New("no logout among the writes was successful, so there is no result")
	}
	return l, nil
}

// logout creates a session and ends it, at the given time after the start of a round of
// writes, or without writes if after is negative. It returns whether the session is still
// usable, or how the logout was refused.
func (r *runner) logout(ctx context.Context, after time.Duration) (lives bool, refused string, err error) {
	v, err := r.begin(ctx)
	if err != nil {
		return false, "", err
	}
	old := tab{sent: v.cookies(&r.Read)}
	if err := v.checkRead(ctx, old); err != nil {
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
			refused = fmt.Sprintf("%s got the response %s", r.Logout, a)
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

// checkRead checks that the read distinguishes the session from no session.
func (v *visit) checkRead(ctx context.Context, old tab) error {
	if yes, err := v.shows(ctx, old); err != nil || !yes {
		return orError(err, "%s does not show the session when sent with the cookies from before the logout", &v.Read)
	}
	if yes, err := v.shows(ctx, tab{}); err != nil || yes {
		return orError(err, "%s shows the same without a cookie, so it cannot show whether a logout ends the session", &v.Read)
	}
	return nil
}

func orError(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fmt.Errorf(format, args...)
}

// shows reports whether the cookies still give access to the session: the read shows that a
// user is signed in, or what was written before the logout. Concurrent writes do not count,
// because an application may start an empty session under the old ID.
func (v *visit) shows(ctx context.Context, cookies http.CookieJar) (bool, error) {
	a, err := v.page(ctx, &v.Read, v.mark(0), cookies)
	switch {
	case err != nil:
		return false, err
	case a.status >= 500: // this says nothing about the session
		return false, fmt.Errorf("%s got the response %s", &v.Read, a)
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
