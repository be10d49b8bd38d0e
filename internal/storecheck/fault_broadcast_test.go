package storecheck

import (
	"context"
	"errors"

	"github.com/expanse-go/session"
)

var broadcastFaults = []fault{
	{"Broadcast/unheard", "Broadcast fails if nobody listens", func(f *faulty) {
		f.broadcast = func(ids []session.ID) error {
			if len(f.all()) == 0 {
				return errors.New("nobody listens")
			}
			return f.mem.Broadcast(context.Background(), ids)
		}
	}},
	{"Broadcast/heard", "Broadcast cuts a long message", func(f *faulty) {
		f.broadcast = func(ids []session.ID) error {
			return f.mem.Broadcast(context.Background(), ids[:min(len(ids), 200)])
		}
	}},
	{"Broadcast/everybody", "Broadcast reaches only the first who listens", func(f *faulty) {
		var first *earshot
		f.broadcast = func(ids []session.ID) error {
			f.past.mu.Lock()
			defer f.past.mu.Unlock()
			all := f.all()
			if first == nil && len(all) > 0 {
				first = all[0]
			}
			if first != nil {
				first.hear(ids)
			}
			return nil
		}
	}},
	{"Broadcast/shared", "Broadcast stays in the process", func(f *faulty) {
		f.share = func() session.Store {
			other := newFaulty()
			other.mem, other.listen = f.mem, newMem().Listen
			return other
		}
	}},
	{"Listen/begins", "Listen does not say when it begins to hear", func(f *faulty) {
		f.listen = func(ctx context.Context, heard func(session.ID)) error {
			return f.mem.Listen(ctx, func(id session.ID) {
				if !id.IsZero() {
					heard(id)
				}
			})
		}
	}},
	{"Listen/begins", "Listen begins to hear after it has said so", func(f *faulty) {
		f.listen = func(ctx context.Context, heard func(session.ID)) error {
			heard(session.ID{})
			gap()
			return f.mem.Listen(ctx, heard)
		}
	}},
	{"Listen/ends", "Listen returns nil", func(f *faulty) {
		f.listen = func(ctx context.Context, heard func(session.ID)) error {
			_ = f.mem.Listen(ctx, heard)
			return nil
		}
	}},
}
