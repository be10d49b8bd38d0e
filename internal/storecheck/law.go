package storecheck

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// Law does random operations on the store and on a map, and compares. The seed
// decides everything but the hour; an error names it and the step. The store must
// belong to the caller alone.
//
// The operations meet on few IDs, so that most of them concern a record that is
// there, was deleted, or moved on.
func Law(ctx context.Context, env Env, seed uint64, steps int) error {
	l := &law{
		probe: newProbe(ctx, env),
		rand:  rand.New(rand.NewPCG(seed, 0)),
		model: map[session.ID]session.Record{},
	}
	for range 6 {
		id := session.ID{}
		binary.BigEndian.PutUint64(id[:], l.rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], l.rand.Uint64())
		l.known = append(l.known, l.own(id))
	}
	return errors.Join(l.run(seed, steps), l.cleanUp())
}

type law struct {
	*probe

	rand  *rand.Rand
	known []session.ID
	model map[session.ID]session.Record
}

func (l *law) run(seed uint64, steps int) error {
	for step := range steps {
		name, err := l.step()
		if err == nil && step%16 == 15 {
			err = l.compare()
		}
		if err != nil {
			return fmt.Errorf("session: the store differs from a map (seed %d, step %d, %s): %w", seed, step, name, err)
		}
	}
	return nil
}

// step does one operation on the store and the model.
func (l *law) step() (string, error) {
	id := l.known[l.rand.IntN(len(l.known))]
	powers := l.env.Powers()
	switch n := l.rand.IntN(100); {
	case n < 20:
		return "Create", l.create(id)
	case n < 50:
		return "Update", l.update(id)
	case n < 60:
		return "Delete", l.remove(id)
	case n < 75 && powers&Touches != 0:
		return "Touch", l.touch(id)
	case n < 80 && powers&Prunes != 0:
		return "Prune", l.prune()
	case n < 85 && powers&Lists != 0:
		return "List", l.list(listAll(l.ctx, l.probe, ""), func(session.Record) bool { return true })
	case n < 90 && powers&ListsOwner != 0:
		owner := l.pick("", "ana", "Ana", "ben")
		return "ListOwner", l.list(listOwner(l.ctx, l.probe, owner), func(r session.Record) bool { return r.Owner == owner })
	case n < 91 && powers&Reopens != 0:
		return "Reopen", l.reopen()
	default:
		return "Load", l.check(id)
	}
}

func (l *law) pick(of ...string) string { return of[l.rand.IntN(len(of))] }

// instant is at most half an hour ago, so that no store may forget the record.
func (l *law) instant() time.Time {
	return l.now.Add(time.Duration(l.rand.Int64N(int64(2 * time.Hour)))).Add(-session.PruneSlack / 2)
}

func (l *law) random(id session.ID) session.Record {
	data := make([]byte, l.rand.IntN(300))
	for i := range data {
		data[i] = byte(l.rand.Uint32())
	}
	return session.Record{
		ID:           id,
		Version:      l.rand.Uint64N(4),
		Owner:        l.pick("", "ana", "Ana", "ben"),
		Client:       session.Client{Address: l.pick("", "192.0.2.1"), UserAgent: l.pick("", "Mozilla/5.0 名")},
		CreatedAt:    l.instant(),
		LastActivity: l.instant(),
		ExpiresAt:    l.instant(),
		Data:         data,
	}
}

func (l *law) create(id session.ID) error {
	r := l.random(id)
	err := l.store.Create(l.ctx, clone(r))
	if _, ok := l.model[id]; ok {
		return wants("Create of a taken ID", err, session.ErrConflict)
	}
	r.Version = 1
	l.model[id] = r
	return err
}

func (l *law) update(id session.ID) error {
	r := l.random(id)
	old, ok := l.model[id]
	if l.rand.IntN(4) > 0 {
		r.Version = old.Version
	}
	err := l.store.Update(l.ctx, clone(r))
	switch {
	case !ok:
		return wants("Update of an absent record", err, session.ErrNotFound)
	case old.Version != r.Version:
		return wants("Update of another version", err, session.ErrConflict)
	}
	r.Version++
	l.model[id] = r
	return err
}

func (l *law) remove(id session.ID) error {
	delete(l.model, id)
	return l.store.Delete(l.ctx, id)
}

func (l *law) touch(id session.ID) error {
	last, expires := l.instant(), l.instant()
	if r, ok := l.model[id]; ok {
		if last.After(r.LastActivity) {
			r.LastActivity = last
		}
		if expires.After(r.ExpiresAt) {
			r.ExpiresAt = expires
		}
		l.model[id] = r
	}
	return l.probe.touch(id, last, expires)
}

// prune lets the store choose which of the outdated records it deletes first.
func (l *law) prune() error {
	before, limit := l.instant(), l.rand.IntN(5)-1
	pruner, _ := session.Capability[session.Pruner](l.store)
	deleted, err := pruner.Prune(l.ctx, before, limit)
	if err != nil {
		return err
	}
	outdated, missing := 0, 0
	for id, r := range l.model {
		if !r.ExpiresAt.Before(before) {
			continue
		}
		outdated++
		if l.gone(id) == nil {
			missing++
			delete(l.model, id)
		}
	}
	if want := max(0, min(limit, outdated)); deleted != want || missing != want {
		return fmt.Errorf("of %d outdated records %d are gone, and it returned %d; want %d", outdated, missing, deleted, want)
	}
	return nil
}

func (l *law) list(seq iter.Seq2[session.Record, error], member func(session.Record) bool) error {
	var want []session.Record
	for _, r := range l.model {
		if member(r) {
			want = append(want, r)
		}
	}
	for r, err := range seq {
		if err == nil && slices.Contains(l.known, r.ID) && !slices.ContainsFunc(want, func(w session.Record) bool { return w.ID == r.ID }) {
			return fmt.Errorf("record %s of %q was yielded and should not be", r.ID, r.Owner)
		}
	}
	return yields(seq, want, nil)
}

// check compares one record.
func (l *law) check(id session.ID) error {
	want, ok := l.model[id]
	got, err := l.store.Load(l.ctx, id)
	if !ok {
		return wants("Load of an absent record", err, session.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return diff(got, want)
}

// compare compares all records.
func (l *law) compare() error {
	var errs []error
	for _, id := range l.known {
		errs = append(errs, l.check(id))
	}
	return errors.Join(errs...)
}
