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

// CompareWithModel applies random operations to the store and to a map, and compares
// the two. The seed determines everything except the times, which depend on the clock.
// An error names the seed and the step. The store must not have other users.
//
// The operations use few IDs, so that most of them hit a record that exists, was
// deleted, or has a newer version.
func CompareWithModel(ctx context.Context, env Env, seed uint64, steps int) error {
	t := &modelTest{
		probe: newProbe(ctx, env),
		rand:  rand.New(rand.NewPCG(seed, 0)),
		model: map[session.ID]session.Record{},
	}
	for range 6 {
		id := session.ID{}
		binary.BigEndian.PutUint64(id[:], t.rand.Uint64())
		binary.BigEndian.PutUint64(id[8:], t.rand.Uint64())
		t.known = append(t.known, t.own(id))
	}
	return errors.Join(t.run(seed, steps), t.cleanUp())
}

type modelTest struct {
	*probe

	rand  *rand.Rand
	known []session.ID
	model map[session.ID]session.Record
}

func (t *modelTest) run(seed uint64, steps int) error {
	for step := range steps {
		name, err := t.step()
		if err == nil && step%16 == 15 {
			err = t.compare()
		}
		if err != nil {
			return fmt.Errorf("session: the store differs from a map (seed %d, step %d, %s): %w", seed, step, name, err)
		}
	}
	return nil
}

// step applies one operation to the store and to the model.
func (t *modelTest) step() (string, error) {
	id := t.known[t.rand.IntN(len(t.known))]
	can := t.env.Capabilities()
	switch n := t.rand.IntN(100); {
	case n < 20:
		return "Create", t.create(id)
	case n < 50:
		return "Update", t.update(id)
	case n < 60:
		return "Delete", t.remove(id)
	case n < 75 && can&Touches != 0:
		return "Touch", t.touch(id)
	case n < 80 && can&Prunes != 0:
		return "Prune", t.prune()
	case n < 85 && can&Lists != 0:
		return "List", t.list(listAll(t.ctx, t.probe, ""), func(session.Record) bool { return true })
	case n < 90 && can&ListsOwner != 0:
		owner := t.pick("", "ana", "Ana", "ben")
		return "ListOwner", t.list(listOwner(t.ctx, t.probe, owner), func(r session.Record) bool { return r.Owner == owner })
	case n < 91 && can&Reopens != 0:
		return "Reopen", t.reopen()
	default:
		return "Load", t.check(id)
	}
}

func (t *modelTest) pick(of ...string) string { return of[t.rand.IntN(len(of))] }

// instant returns a random time, at most half an hour ago, so that no store may delete
// the record by itself.
func (t *modelTest) instant() time.Time {
	return t.now.Add(time.Duration(t.rand.Int64N(int64(2 * time.Hour)))).Add(-session.PruneSlack / 2)
}

func (t *modelTest) random(id session.ID) session.Record {
	data := make([]byte, t.rand.IntN(300))
	for i := range data {
		data[i] = byte(t.rand.Uint32())
	}
	return session.Record{
		ID:           id,
		Version:      t.rand.Uint64N(4),
		Owner:        t.pick("", "ana", "Ana", "ben"),
		Client:       session.Client{Address: t.pick("", "192.0.2.1"), UserAgent: t.pick("", "Mozilla/5.0 名")},
		CreatedAt:    t.instant(),
		LastActivity: t.instant(),
		ExpiresAt:    t.instant(),
		Data:         data,
	}
}

func (t *modelTest) create(id session.ID) error {
	r := t.random(id)
	err := t.store.Create(t.ctx, clone(r))
	if _, ok := t.model[id]; ok {
		return wants("Create of a taken ID", err, session.ErrConflict)
	}
	r.Version = 1
	t.model[id] = r
	return err
}

func (t *modelTest) update(id session.ID) error {
	r := t.random(id)
	old, ok := t.model[id]
	if t.rand.IntN(4) > 0 {
		r.Version = old.Version
	}
	err := t.store.Update(t.ctx, clone(r))
	switch {
	case !ok:
		return wants("Update of an absent record", err, session.ErrNotFound)
	case old.Version != r.Version:
		return wants("Update of another version", err, session.ErrConflict)
	}
	r.Version++
	t.model[id] = r
	return err
}

func (t *modelTest) remove(id session.ID) error {
	delete(t.model, id)
	return t.store.Delete(t.ctx, id)
}

func (t *modelTest) touch(id session.ID) error {
	last, expires := t.instant(), t.instant()
	if r, ok := t.model[id]; ok {
		if last.After(r.LastActivity) {
			r.LastActivity = last
		}
		if expires.After(r.ExpiresAt) {
			r.ExpiresAt = expires
		}
		t.model[id] = r
	}
	return t.probe.touch(id, last, expires)
}

// prune accepts any choice of the outdated records, because the order is undefined.
func (t *modelTest) prune() error {
	before, limit := t.instant(), t.rand.IntN(5)-1
	pruner, _ := session.Capability[session.Pruner](t.store)
	deleted, err := pruner.Prune(t.ctx, before, limit)
	if err != nil {
		return err
	}
	outdated, missing := 0, 0
	for id, r := range t.model {
		if !r.ExpiresAt.Before(before) {
			continue
		}
		outdated++
		if t.gone(id) == nil {
			missing++
			delete(t.model, id)
		}
	}
	if want := max(0, min(limit, outdated)); deleted != want || missing != want {
		return fmt.Errorf("of %d outdated records, %d are deleted, and Prune returned %d; want %d", outdated, missing, deleted, want)
	}
	return nil
}

func (t *modelTest) list(seq iter.Seq2[session.Record, error], member func(session.Record) bool) error {
	var want []session.Record
	for _, r := range t.model {
		if member(r) {
			want = append(want, r)
		}
	}
	for r, err := range seq {
		if err == nil && slices.Contains(t.known, r.ID) && !slices.ContainsFunc(want, func(w session.Record) bool { return w.ID == r.ID }) {
			return fmt.Errorf("record %s of %q was yielded, but should not be", r.ID, r.Owner)
		}
	}
	return yields(seq, want, nil)
}

// check compares one record.
func (t *modelTest) check(id session.ID) error {
	want, ok := t.model[id]
	got, err := t.store.Load(t.ctx, id)
	if !ok {
		return wants("Load of an absent record", err, session.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return diff(got, want)
}

// compare compares all records.
func (t *modelTest) compare() error {
	var errs []error
	for _, id := range t.known {
		errs = append(errs, t.check(id))
	}
	return errors.Join(errs...)
}
