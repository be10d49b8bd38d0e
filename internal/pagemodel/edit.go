package pagemodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

// confirm is what a request does whose user has entered the password again. It keeps the owner, and
// needs one.
func confirm(r *request, _ string, now time.Time) {
	r.s.Confirm()
	switch {
	case r.failed:
	case r.view.owner == "":
		r.failed = true
	default:
		r.rotate, r.active = true, true
		r.do(func(c *content, _ int) error {
			c.start = now
			return nil
		})
	}
}

// edit makes a job change a session. It takes effect on what is stored at one instant, and does
// not extend the session.
func (o *overlaps) edit(manager int) *happening {
	t := o.tokens[o.rnd.IntN(len(o.tokens))]
	v, ends := fmt.Sprintf("v%d", o.nextCommit()), o.rnd.IntN(8) == 0
	name := fmt.Sprintf("edit the session of token %d", o.tokenNumber(t.text))
	if ends {
		name += ", which ends it"
	}
	var before time.Time
	found := false // when it begins
	if rec := o.world[t.id]; rec != nil {
		before, found = rec.from, rec.alive(o.now)
	}
	var err error
	return &happening{
		name: name, manager: manager,
		run: func() {
			err = o.managers[manager].Edit(context.Background(), t.id, func(s *session.Session) error {
				if ends {
					s.Invalidate()
				} else {
					s.Append("edits", s.Owner()+v)
				}
				return nil
			})
		},
		judge: func(w world) error {
			rec := w[t.id]
			switch {
			case errors.Is(err, session.ErrNotFound):
				if rec != nil && !rec.ended && o.now.Before(rec.from) {
					return fmt.Errorf("%s finds no session: %w", name, err)
				}
				return nil
			case err != nil:
				return fmt.Errorf("%s: %w", name, err)
			case ends && found: // also if another request has ended it first
				rec.ended = true
				return nil
			case rec == nil || !rec.alive(o.now):
				return fmt.Errorf("%s succeeds, but there is no session", name)
			}
			if before.Before(rec.from) {
				rec.from = before // a touch during the commit may be lost; see DESIGN.md
			}
			list, _ := get(rec.data, "edits")
			old, _ := list.([]any)
			put(rec.data, "edits", append(old[:len(old):len(old)], rec.owner+v))
			return nil
		},
		after: func() { o.note("%s: error %v", name, err) },
	}
}
