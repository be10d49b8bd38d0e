package sessionform

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/expanse-go/session"
)

// MaxTokens is the number of tokens per form that a session holds for pages that were not
// submitted yet, and the number for pages that were. If there are more, the oldest token no longer
// works, and its user gets [ErrUnknownToken]. No form is ever acted upon twice because of that.
const MaxTokens = 16

// wait is how long a repeated submission waits for the first one.
const wait = 2 * time.Second

// ErrUnknownToken is returned by [Once] for a token that the session does not have: it is made up,
// belongs to another form or session, or is too old. Show the form again, with what was entered
// and a new token.
var ErrUnknownToken = errors.New("sessionform: the form has expired; show it again")

// ErrUnfinished is returned by [Once] for a form that was submitted before, if the outcome of that
// request is unknown: it is still running, or it did not end well. Answer with a 409, and tell the
// user to check whether it was done. The form must not be acted upon again.
var ErrUnfinished = errors.New("sessionform: the form was submitted before, and the outcome is not known yet")

// A submission is what a session remembers of a token that was used.
type submission struct {
	Seq    uint64  `json:"seq"`
	Result *string `json:"result"` // nil: not known
}

func tokens(form string, more ...string) string {
	return session.Join(append([]string{root, form, "open"}, more...)...)
}

func submissions(form string, more ...string) string {
	return session.Join(append([]string{root, form, "used"}, more...)...)
}

// NewToken returns a token for a page that shows a form; put it into a hidden field. Each page
// needs a token of its own, so call it each time, before the response begins. It stores something
// in the session, so a visitor without a session gets one: give tokens to forms whose action must
// not be repeated, such as a payment, and not to every search box.
//
// A token is no protection against cross-site requests. The manager checks their origin anyway.
func NewToken(s *session.Session, form string) string {
	open := session.Get(s, tokens(form), map[string]uint64{})
	last, oldest := uint64(0), ""
	for token, seq := range open {
		last = max(last, seq)
		if oldest == "" || seq < open[oldest] {
			oldest = token
		}
	}
	if len(open) >= MaxTokens {
		s.Remove(tokens(form, oldest))
	}
	token := rand.Text()
	s.Set(tokens(form, token), last+1)
	return token
}

// An Outcome is the result of [Once].
type Outcome struct {
	Result   string // what the act returned, in this request or in the first one
	Repeated bool   // the act was not called: the form was submitted before
}

// Once calls act if no other request has submitted the form with this token, and returns its
// result, such as the page to redirect to. Of several submissions, whether simultaneous or later,
// in this process or others, exactly one calls act. The others get its result: they wait up to two
// seconds for it, and then fail with [ErrUnfinished].
//
//	o, err := sessionform.Once(r.Context(), manager, s, "order", r.PostFormValue("once"), func() (string, error) {
//		id, err := shop.Order(r.Context(), cart)
//		return "/orders/" + id, err
//	})
//
// The token is spent, in a commit of its own, before act begins; it belongs to the stored session
// of the request. So if the process ends during act, act is not called again: whether it has taken
// effect is not known, and later submissions get ErrUnfinished. The same holds if act panics.
// The result is stored by the commit of the request, so nobody gets it if the request fails.
//
// If act returns an error, it must have had no effect: Once gives the token back, so that the
// form can be submitted again, and returns the error. Check the input before Once.
//
// The other errors are [ErrUnknownToken], that of ctx during the wait, and those of
// [session.Manager.Edit]. After an error of Edit, act was not called, but the token may be spent.
func Once(ctx context.Context, m *session.Manager, s *session.Session, form, token string, act func() (result string, err error)) (Outcome, error) {
	if !wellFormed(token) || s.IsNew() {
		return Outcome{}, ErrUnknownToken
	}
	used, first, err := take(ctx, m, s.ID(), form, token)
	if err != nil {
		return Outcome{}, err
	}
	if !first {
		return repeated(ctx, m, s.ID(), form, token, used)
	}
	result, err := act()
	if err != nil {
		return Outcome{}, errors.Join(err, giveBack(context.WithoutCancel(ctx), m, s.ID(), form, token, used))
	}
	used.Result = &result
	s.Set(submissions(form, token), used)
	return Outcome{Result: result}, nil
}

// wellFormed refuses what NewToken can't have returned, so that it never becomes part of a path.
func wellFormed(token string) bool {
	for _, c := range []byte(token) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(token) >= 26 && len(token) <= 64 // as rand.Text returns it, today with 26
}

// errRead ends an edit that stores nothing.
var errRead = errors.New("sessionform: only read")

// take spends a token. If it is spent already, it returns the submission that has spent it.
func take(ctx context.Context, m *session.Manager, id session.ID, form, token string) (used submission, first bool, err error) {
	for range 2 {
		err = m.Edit(ctx, id, func(e *session.Session) error {
			seq, open := session.Lookup[uint64](e, tokens(form, token))
			if !open {
				var known bool
				if used, known = session.Lookup[submission](e, submissions(form, token)); !known {
					return ErrUnknownToken
				}
				return errRead
			}
			session.PopOnce(e, tokens(form, token), uint64(0))
			used = submission{Seq: seq}
			forget(e, form)
			e.Set(submissions(form, token), used)
			return nil
		})
		if !errors.Is(err, session.ErrConflict) {
			break
		} // another request was faster; the second run sees what it has stored
	}
	switch {
	case errors.Is(err, errRead):
		return used, false, nil
	case errors.Is(err, session.ErrNotFound):
		err = ErrUnknownToken
	}
	return used, err == nil, err
}

// forget removes the oldest submission if there are too many.
func forget(e *session.Session, form string) {
	all := session.Get(e, submissions(form), map[string]submission{})
	oldest := ""
	for token, u := range all {
		if oldest == "" || u.Seq < all[oldest].Seq {
			oldest = token
		}
	}
	if len(all) >= MaxTokens {
		e.Remove(submissions(form, oldest))
	}
}

// repeated waits for the result of the first submission.
func repeated(ctx context.Context, m *session.Manager, id session.ID, form, token string, used submission) (Outcome, error) {
	limit := time.NewTimer(wait)
	defer limit.Stop()
	for used.Result == nil {
		select {
		case <-ctx.Done():
			return Outcome{}, ctx.Err()
		case <-limit.C:
			return Outcome{}, ErrUnfinished
		case <-time.After(wait / 40):
		}
		again, first, err := look(ctx, m, id, form, token)
		if err != nil || first { // given back: the first submission has had no effect
			return Outcome{}, errors.Join(err, ErrUnfinished)
		}
		used = again
	}
	return Outcome{Result: *used.Result, Repeated: true}, nil
}

// look reads what a session remembers of a token; open means that it was not spent.
func look(ctx context.Context, m *session.Manager, id session.ID, form, token string) (used submission, open bool, err error) {
	err = m.Edit(ctx, id, func(e *session.Session) error {
		used = session.Get(e, submissions(form, token), submission{})
		open = e.Has(tokens(form, token))
		return errRead
	})
	if errors.Is(err, errRead) {
		err = nil
	}
	return used, open, err
}

// giveBack makes a token valid again.
func giveBack(ctx context.Context, m *session.Manager, id session.ID, form, token string, used submission) error {
	return m.Edit(ctx, id, func(e *session.Session) error {
		e.Remove(submissions(form, token))
		e.Set(tokens(form, token), used.Seq)
		return nil
	})
}
