package sessiontest

import (
	"context"
	"iter"
	"time"

	"github.com/expanse-go/session"
)

// A Call is one call of a store's method, as the function of [Wrap] sees it.
type Call struct {
	// Op is "load", "create", "update", "delete", "touch", "prune", "list" or
	// "list-owner".
	Op string

	// ID is the record's. It is zero for "prune", "list" and "list-owner".
	ID session.ID

	// Record is what "create" and "update" are about to write, and what "load" has
	// returned once next has; nil for all others. The function may change it: a
	// store that damages data is one that changes it.
	Record *session.Record
}

// Wrap returns a store that calls around instead of each method of s. The
// method itself is next; what around returns is the error of the call:
//
//	return next()                             // as if not wrapped
//	n.Add(1); return next()                   // count
//	return errors.New("store is down")        // fail without effect
//	_ = next(); return errors.New("timeout")  // lose the answer of a write
//	<-gate; return next()                     // hold a call back
//	err := next(); <-gate; return err         // hold its answer back
//	err := next(); clear(c.Record.Data); …    // return damaged data
//
// One function in place of a type for every fault: faults combine, and a test
// tells at once what happens and when.
//
// Around may call next once or never; it runs on the goroutine of the caller, at
// the same time for calls that are made at the same time. For "list" and
// "list-owner" next is the whole loop, and returns the error that the store yields;
// the loop gets what around returns.
//
// The result has those capabilities that s has, and each is wrapped like the four
// methods. It implements Unwrap.
func Wrap(s session.Store, around func(ctx context.Context, c Call, next func() error) error) session.Store {
	w := wrapped{s, around}
	if l, ok := session.Capability[session.OwnerLister](s); ok {
		s = ownerLister{s, w, l}
	}
	if l, ok := session.Capability[session.Lister](s); ok {
		s = lister{s, w, l}
	}
	if p, ok := session.Capability[session.Pruner](s); ok {
		s = pruner{s, w, p}
	}
	if t, ok := session.Capability[session.Toucher](s); ok {
		s = toucher{s, w, t}
	}
	return outermost{w, s}
}

// wrapped has the four methods that every store has.
type wrapped struct {
	store  session.Store
	around func(context.Context, Call, func() error) error
}

func (w wrapped) Load(ctx context.Context, id session.ID) (session.Record, error) {
	var r session.Record
	err := w.around(ctx, Call{"load", id, &r}, func() (err error) {
		r, err = w.store.Load(ctx, id)
		return err
	})
	if err != nil {
		r = session.Record{}
	}
	return r, err
}

func (w wrapped) Create(ctx context.Context, r session.Record) error {
	return w.around(ctx, Call{"create", r.ID, &r}, func() error { return w.store.Create(ctx, r) })
}

func (w wrapped) Update(ctx context.Context, r session.Record) error {
	return w.around(ctx, Call{"update", r.ID, &r}, func() error { return w.store.Update(ctx, r) })
}

func (w wrapped) Delete(ctx context.Context, id session.ID) error {
	return w.around(ctx, Call{Op: "delete", ID: id}, func() error { return w.store.Delete(ctx, id) })
}

// The chain that outermost.Unwrap begins has one link for each capability of the
// store, so that the wrapper claims what the store can do and nothing else.
// [session.Capability] finds the link before it comes to the store itself.
type (
	outermost struct {
		wrapped
		next session.Store
	}
	toucher struct {
		session.Store
		w wrapped
		t session.Toucher
	}
	pruner struct {
		session.Store
		w wrapped
		p session.Pruner
	}
	lister struct {
		session.Store
		w wrapped
		l session.Lister
	}
	ownerLister struct {
		session.Store
		w wrapped
		l session.OwnerLister
	}
)

func (o outermost) Unwrap() session.Store   { return o.next }
func (t toucher) Unwrap() session.Store     { return t.Store }
func (p pruner) Unwrap() session.Store      { return p.Store }
func (l lister) Unwrap() session.Store      { return l.Store }
func (l ownerLister) Unwrap() session.Store { return l.Store }

func (t toucher) Touch(ctx context.Context, id session.ID, lastActivity, expires time.Time) error {
	return t.w.around(ctx, Call{Op: "touch", ID: id}, func() error { return t.t.Touch(ctx, id, lastActivity, expires) })
}

func (p pruner) Prune(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = p.w.around(ctx, Call{Op: "prune"}, func() (err error) {
		n, err = p.p.Prune(ctx, before, limit)
		return err
	})
	return n, err
}

func (l lister) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return l.w.sequence(ctx, "list", l.l.List(ctx))
}

func (l ownerLister) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	return l.w.sequence(ctx, "list-owner", l.l.ListOwner(ctx, owner))
}

func (w wrapped) sequence(ctx context.Context, op string, seq iter.Seq2[session.Record, error]) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		over := false // the loop was left early
		err := w.around(ctx, Call{Op: op}, func() error {
			for r, err := range seq {
				if err != nil {
					return err
				}
				if !yield(r, nil) {
					over = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !over {
			yield(session.Record{}, err)
		}
	}
}
