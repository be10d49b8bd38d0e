package pagemodel

import (
	"bytes"
	"context"
	"iter"
	"time"

	"github.com/expanse-go/session"
)

// A hooked store calls a function once, before one of the calls.
type hooked struct {
	session.Store

	calls        int // until then
	before       func()
	wrote, first bool // a call wrote something; one did before the function
	leaves       bool // a Create is no such write: the former session ends only after it
}

// Unwrap gives access to the optional interfaces that are not here.
func (h *hooked) Unwrap() session.Store { return h.Store }

func (h *hooked) call() {
	if h.before == nil {
		return
	}
	if h.calls--; h.calls < 0 {
		f := h.before
		h.before, h.first = nil, h.wrote
		f()
	}
}

// done notes a write that has succeeded.
func (h *hooked) done(err error) error {
	h.wrote = h.wrote || err == nil
	return err
}

func (h *hooked) Load(ctx context.Context, id session.ID) (session.Record, error) {
	h.call()
	return h.Store.Load(ctx, id)
}

func (h *hooked) Create(ctx context.Context, r session.Record) error {
	h.call()
	err := h.Store.Create(ctx, r)
	if h.leaves {
		return err
	}
	return h.done(err)
}

func (h *hooked) Update(ctx context.Context, r session.Record) error {
	h.call()
	return h.done(h.Store.Update(ctx, r))
}

func (h *hooked) Delete(ctx context.Context, id session.ID) error {
	h.call()
	return h.done(h.Store.Delete(ctx, id))
}

func (h *hooked) Touch(ctx context.Context, id session.ID, last, expires time.Time) error {
	h.call()
	return h.done(session.Touch(ctx, h.Store, id, last, expires))
}

// ListOwner lists before it yields, and then calls the function.
func (h *hooked) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		type item struct {
			r   session.Record
			err error
		}
		var all []item
		for r, err := range session.ListOwner(ctx, h.Store, owner) {
			r.Data = bytes.Clone(r.Data)
			all = append(all, item{r, err})
		}
		h.call()
		for _, i := range all {
			if !yield(i.r, i.err) {
				return
			}
		}
	}
}
