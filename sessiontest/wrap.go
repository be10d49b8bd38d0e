package sessiontest

import (
	"context"
	"iter"
	"time"

	"github.com/expanse-go/session"
)

// A Call is one call of a store's method, as [Wrap] passes it to the function.
type Call struct {
	// Op is "load", "create", "update", "delete", "touch", "prune", "list", "list-owner",
	// "delete-owned", "import", "stat", "broadcast" or "listen".
	Op string

	// ID is the ID of the record. It is zero for calls that are not about a single record.
	ID session.ID

	// Record is the record that "create", "update" and "import" are about to write. For "load" it
	// is the loaded record, once next has returned. It is nil for all others. The
	// function may change it, for example to simulate damaged data.
	Record *session.Record
}

// Wrap returns a store that calls around instead of each method of s. The function next
// calls the method. The error that around returns is the result of the call:
//
//	return next()                             // as if not wrapped
//	n.Add(1); return next()                   // count calls
//	return errors.New("store is down")        // fail without any effect
//	_ = next(); return errors.New("timeout")  // lose the result of a write
//	<-gate; return next()                     // delay the call
//	err := next(); <-gate; return err         // delay the result
//	err := next(); clear(c.Record.Data); …    // return damaged data
//
// A single function, instead of a type for each kind of fault, can combine faults, and
// lets the test decide what happens when.
//
// Around may call next at most once. It runs on the goroutine of the caller, so
// concurrent calls of the store call it concurrently. For "list" and "list-owner", next
// runs the whole loop and returns the error that the store yields. The loop then yields
// the error that around returns. For "listen", next returns when the store stops listening.
//
// The result has the same capabilities as s, except [session.Viewer], and wraps them in
// the same way. It implements Unwrap.
func Wrap(s session.Store, around func(ctx context.Context, c Call, next func() error) error) session.Store {
	w := wrapped{s, around}
	if i, ok := session.Capability[session.Importer](s); ok {
		s = importer{s, w, i}
	}
	if b, ok := session.Capability[session.Broadcaster](s); ok {
		s = broadcaster{s, w, b}
	}
	if st, ok := session.Capability[session.Stater](s); ok {
		s = stater{s, w, st}
	}
	if d, ok := session.Capability[session.OwnerDeleter](s); ok {
		s = ownerDeleter{s, w, d}
	}
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

// wrapped wraps the four methods of [session.Store].
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

// The chain that begins with outermost.Unwrap has one link for each capability of the
// store, so that the wrapper has exactly the capabilities of the store.
// [session.Capability] finds the link before it reaches the store itself.
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
	ownerDeleter struct {
		session.Store
		w wrapped
		d session.OwnerDeleter
	}
	importer struct {
		session.Store
		w wrapped
		i session.Importer
	}
	stater struct {
		session.Store
		w wrapped
		s session.Stater
	}
	broadcaster struct {
		session.Store
		w wrapped
		b session.Broadcaster
	}
)

func (o outermost) Unwrap() session.Store    { return o.next }
func (t toucher) Unwrap() session.Store      { return t.Store }
func (p pruner) Unwrap() session.Store       { return p.Store }
func (l lister) Unwrap() session.Store       { return l.Store }
func (l ownerLister) Unwrap() session.Store  { return l.Store }
func (d ownerDeleter) Unwrap() session.Store { return d.Store }
func (i importer) Unwrap() session.Store     { return i.Store }

func (i importer) Import(ctx context.Context, r session.Record) error {
	return i.w.around(ctx, Call{"import", r.ID, &r}, func() error { return i.i.Import(ctx, r) })
}

func (s stater) Unwrap() session.Store      { return s.Store }
func (b broadcaster) Unwrap() session.Store { return b.Store }

func (s stater) Stat(ctx context.Context, ids []session.ID) (all []session.Status, err error) {
	err = s.w.around(ctx, Call{Op: "stat"}, func() (err error) {
		all, err = s.s.Stat(ctx, ids)
		return err
	})
	if err != nil {
		all = nil
	}
	return all, err
}

func (b broadcaster) Broadcast(ctx context.Context, ids []session.ID) error {
	return b.w.around(ctx, Call{Op: "broadcast"}, func() error { return b.b.Broadcast(ctx, ids) })
}

func (b broadcaster) Listen(ctx context.Context, heard func(session.ID)) error {
	return b.w.around(ctx, Call{Op: "listen"}, func() error { return b.b.Listen(ctx, heard) })
}

func (d ownerDeleter) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (n int, err error) {
	err = d.w.around(ctx, Call{Op: "delete-owned"}, func() (err error) {
		n, err = d.d.DeleteOwned(ctx, owner, ids)
		return err
	})
	return n, err
}

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
		stopped := false // the loop stopped early
		err := w.around(ctx, Call{Op: op}, func() error {
			for r, err := range seq {
				if err != nil {
					return err
				}
				if !yield(r, nil) {
					stopped = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !stopped {
			yield(session.Record{}, err)
		}
	}
}
