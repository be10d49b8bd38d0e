package storecheck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/expanse-go/session"
)

// A listing is either List or ListOwner. ListOwner gets the owner of the clause's
// records.
type listing func(ctx context.Context, p *probe, owner string) iter.Seq2[session.Record, error]

func listAll(ctx context.Context, p *probe, _ string) iter.Seq2[session.Record, error] {
	l, _ := session.Capability[session.Lister](p.store)
	return l.List(ctx)
}

func listOwner(ctx context.Context, p *probe, owner string) iter.Seq2[session.Record, error] {
	l, _ := session.Capability[session.OwnerLister](p.store)
	return l.ListOwner(ctx, owner)
}

// listClauses returns the rules that List and ListOwner have in common.
func listClauses(name string, needs Capabilities, list listing) []Clause {
	clauses := []Clause{
		{Name: "complete", Rule: "List yields every record once, in no particular order", check: list.complete},
		{Name: "expired", Rule: "List yields every record, including expired ones", check: list.expired},
		{Name: "deleted", Rule: "List yields only records that exist", check: list.deleted},
		{Name: "many", Rule: "List yields every record, even if there are many", check: list.many},
		{Name: "while-changing", Rule: "List yields every record that exists from its beginning to its end once, even if other records are created or deleted during the loop", check: list.whileChanging},
		{Name: "no-lock", Rule: "List holds no lock while it yields: the loop may call the store", check: list.noLock},
		{Name: "break", Rule: "the loop may stop early", check: list.breaks},
		{Name: "cancelled", Rule: "an error is yielded with a zero record and ends the sequence", check: list.cancelled},
		{Name: "owned-by-caller", Rule: "the caller owns each record", check: list.owned},
	}
	for i := range clauses {
		clauses[i].Name = name + "/" + clauses[i].Name
		clauses[i].Needs = needs
	}
	return clauses
}

// owner returns an owner that no other record has.
func (p *probe) owner() string { return "owner-" + p.id().String() }

// owned creates n plain records of a new owner.
func (p *probe) owned(n int) (owner string, rs []session.Record, err error) {
	owner = p.owner()
	rs, err = p.several(n, func(_ int, r *session.Record) { r.Owner = owner })
	return owner, rs, err
}

// yields checks that the sequence yields each of the records once, with the stored
// contents, or calls each for every record if each is not nil. It skips other records.
func yields(seq iter.Seq2[session.Record, error], rs []session.Record, each func() error) error {
	seen := map[session.ID]int{}
	want := map[session.ID]session.Record{}
	for _, r := range rs {
		want[r.ID] = r
	}
	for r, err := range seq {
		if err != nil {
			return fmt.Errorf("yielded an error: %w", err)
		}
		w, ok := want[r.ID]
		if !ok {
			continue
		}
		if seen[r.ID]++; seen[r.ID] > 1 {
			return fmt.Errorf("record %s was yielded twice", r.ID)
		}
		if each == nil {
			if err := diff(r, w); err != nil {
				return fmt.Errorf("record %s differs from what Load returns: %w", r.ID, err)
			}
		} else if err := each(); err != nil {
			return err
		}
	}
	if len(seen) != len(rs) {
		return fmt.Errorf("%d of %d records were yielded", len(seen), len(rs))
	}
	return nil
}

func (l listing) complete(p *probe) error {
	owner := p.owner()
	rs, err := p.several(3, func(_ int, r *session.Record) {
		id := r.ID
		*r = p.full()
		r.ID, r.Owner = id, owner
	})
	if err != nil {
		return err
	}
	return yields(l(p.ctx, p, owner), rs, nil)
}

// expired does not load the expired record, because Load/expired checks that.
func (l listing) expired(p *probe) error {
	r := p.record()
	r.Owner = p.owner()
	r.ExpiresAt = p.now.Add(-time.Minute)
	if err := p.store.Create(p.ctx, clone(r)); err != nil {
		return fmt.Errorf("Create of an expired record: %w", err)
	}
	return yields(l(p.ctx, p, r.Owner), []session.Record{r}, func() error { return nil })
}

func (l listing) deleted(p *probe) error {
	owner, rs, err := p.owned(2)
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, rs[0].ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	for r, err := range l(p.ctx, p, owner) {
		if err != nil {
			return fmt.Errorf("yielded an error: %w", err)
		}
		if r.ID == rs[0].ID || r.ID.IsZero() {
			return fmt.Errorf("record %s was yielded after it was deleted", r.ID)
		}
	}
	return nil
}

// many creates more records than fit into a page of 100 or 256, and an odd number.
func (l listing) many(p *probe) error {
	owner, rs, err := p.owned(261)
	if err != nil {
		return err
	}
	return yields(l(p.ctx, p, owner), rs, func() error { return nil })
}

// whileChanging deletes one record and updates another one at each step. A store
// that pages by offset then misses records, and a store that pages by a field which
// Update changes yields records twice.
func (l listing) whileChanging(p *probe) error {
	const n = 24
	owner, stay, err := p.owned(n)
	if err != nil {
		return err
	}
	leave, err := p.several(n, func(_ int, r *session.Record) { r.Owner = owner })
	if err != nil {
		return err
	}
	step := 0
	return yields(l(p.ctx, p, owner), stay, func() error {
		i := step
		step++
		if err := p.store.Delete(p.ctx, leave[i].ID); err != nil {
			return fmt.Errorf("Delete: %w", err)
		}
		stay[i].LastActivity = stay[i].LastActivity.Add(time.Minute)
		stay[i].ExpiresAt = stay[i].ExpiresAt.Add(time.Minute)
		if err := p.store.Update(p.ctx, clone(stay[i])); err != nil {
			return fmt.Errorf("Update of the current version: %w", err)
		}
		return nil
	})
}

func (l listing) noLock(p *probe) error {
	owner, rs, err := p.owned(2)
	if err != nil {
		return err
	}
	return yields(l(p.ctx, p, owner), rs, func() error {
		r, err := p.fresh()
		if err != nil {
			return fmt.Errorf("in the loop: %w", err)
		}
		if r, err = p.update(r); err != nil {
			return fmt.Errorf("in the loop: %w", err)
		}
		if err := p.deletes(r.ID); err != nil {
			return fmt.Errorf("in the loop: %w", err)
		}
		return nil
	})
}

// breaks abandons more loops than a pool has connections, and then uses the store.
func (l listing) breaks(p *probe) error {
	owner, rs, err := p.owned(3)
	if err != nil {
		return err
	}
	for range 64 {
		calls := 0
		l(p.ctx, p, owner)(func(session.Record, error) bool {
			calls++
			return false
		})
		if calls != 1 {
			return fmt.Errorf("the loop body ran %d times although it stopped the loop, want 1", calls)
		}
	}
	if _, err = p.update(rs[0]); err != nil {
		return fmt.Errorf("after the loop stopped early: %w", err)
	}
	return nil
}

func (l listing) cancelled(p *probe) error {
	owner, _, err := p.owned(3)
	if err != nil {
		return err
	}
	for _, after := range []int{0, 1} {
		ctx, cancel := context.WithCancel(p.ctx)
		if after == 0 {
			cancel()
		}
		failed := false
		for r, err := range l(ctx, p, owner) {
			cancel()
			switch {
			case failed:
				return errors.New("the sequence continued after an error")
			case err != nil && (diff(r, session.Record{}) != nil):
				return fmt.Errorf("error %w came with record %s, want a zero record", err, r.ID)
			}
			failed = err != nil
		}
		cancel()
	}
	return nil
}

func (l listing) owned(p *probe) error {
	owner, rs, err := p.owned(2)
	if err != nil {
		return err
	}
	for r, err := range l(p.ctx, p, owner) {
		if err != nil {
			return fmt.Errorf("yielded an error: %w", err)
		}
		clear(r.Data)
	}
	for _, r := range rs {
		if err := p.stays(r); err != nil {
			return fmt.Errorf("after the caller changed the yielded records: %w", err)
		}
	}
	return nil
}
