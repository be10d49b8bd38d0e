package storecheck

import (
	"context"

	"github.com/expanse-go/session"
)

var viewFaults = []fault{
	{"View/same", "View omits the client", func(f *faulty) {
		f.view = func(ctx context.Context, id session.ID) (session.Record, error) {
			r, err := f.mem.Load(ctx, id)
			r.Client = session.Client{}
			return r, err
		}
	}},
	{"View/absent", "View returns a zero record and a nil error", func(f *faulty) {
		f.view = func(_ context.Context, id session.ID) (session.Record, error) {
			r, _ := f.get(id)
			return r, nil
		}
	}},
	{"View/never-changes", "Update overwrites the data that View returned", func(f *faulty) {
		f.view = func(_ context.Context, id session.ID) (session.Record, error) {
			r, ok := f.get(id)
			if !ok {
				return r, session.ErrNotFound
			}
			return r, nil
		}
		f.update = func(ctx context.Context, r session.Record) error {
			old, _ := f.get(r.ID)
			err := f.mem.Update(ctx, r)
			if err == nil && len(old.Data) == len(r.Data) {
				copy(old.Data, r.Data)
				f.change(r.ID, func(r *session.Record) { r.Data = old.Data })
			}
			return err
		}
	}},
}
