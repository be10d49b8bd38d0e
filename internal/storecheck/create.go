package storecheck

import (
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

var loadClauses = []Clause{
	{Name: "Load/absent", Rule: "Load returns ErrNotFound if there is no record", check: loadAbsent},
	{Name: "Load/expired", Rule: "Load returns the record, expired or not", check: loadExpired},
	{Name: "Load/owned-by-caller", Rule: "the caller owns the result, Data included, and may change it", check: loadOwned},
}

func loadAbsent(p *probe) error {
	_, err := p.store.Load(p.ctx, p.id())
	if err := wants("Load of an ID that was never created", err, session.ErrNotFound); err != nil {
		return err
	}
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	_, err = p.store.Load(p.ctx, r.ID)
	return wants("Load after Delete", err, session.ErrNotFound)
}

func loadExpired(p *probe) error {
	for _, ago := range []time.Duration{time.Second, session.PruneSlack / 2} {
		r := p.record()
		r.ExpiresAt = p.now.Add(-ago)
		if _, err := p.create(r); err != nil {
			return fmt.Errorf("expired %v ago: %w", ago, err)
		}
	}
	return nil
}

func loadOwned(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	want := clone(r)
	clear(r.Data)
	return p.stays(want)
}

var createClauses = []Clause{
	{Name: "Create/all-fields", Rule: "Create stores a new record", check: createFields},
	{Name: "Create/version", Rule: "Create stores a new record under Version 1, whatever r.Version says", check: createVersion},
	{Name: "Create/taken", Rule: "Create returns ErrConflict, and changes nothing, if the ID is there", check: createTaken},
	{Name: "Create/taken-expired", Rule: "Create returns ErrConflict if the ID is there, expired or not", check: createTakenExpired},
	{Name: "Create/after-delete", Rule: "Create stores a new record: a deleted one does not count", check: createAfterDelete},
	{Name: "Create/not-retained", Rule: "Create does not retain r.Data", check: createNotRetained},
	{Name: "Create/similar-ids", Rule: "ID is the key: every bit of it counts", check: createSimilar},
}

// full returns a record that differs from a plain one in every field.
func (p *probe) full() session.Record {
	r := p.record()
	r.Owner = "user-42"
	r.Client = session.Client{Address: "2001:db8::7", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)"}
	r.CreatedAt = p.now.Add(-48 * time.Hour)
	r.LastActivity = p.now.Add(-3 * time.Minute)
	r.ExpiresAt = p.now.Add(90 * time.Minute)
	r.Data = []byte(`{"user":{"name":"Ana"},"cart":[1,2,3]}`)
	return r
}

func createFields(p *probe) error {
	want := p.full()
	got, err := p.create(want)
	if err != nil {
		return err
	}
	want.Version = got.Version // Create/version checks it
	return diff(got, want)
}

func createVersion(p *probe) error {
	for _, v := range []uint64{0, 1, 7, 1 << 62} {
		r := p.record()
		r.Version = v
		got, err := p.create(r)
		if err != nil {
			return err
		}
		if got.Version != 1 {
			return fmt.Errorf("r.Version %d: stored under version %d, want 1", v, got.Version)
		}
	}
	return nil
}

func createTaken(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	other := p.full()
	other.ID = r.ID
	if err := wants("Create of a taken ID", p.store.Create(p.ctx, other), session.ErrConflict); err != nil {
		return err
	}
	return p.stays(r)
}

// createTakenExpired does not load the expired record, because Load/expired checks
// that.
func createTakenExpired(p *probe) error {
	r := p.record()
	r.ExpiresAt = p.now.Add(-time.Minute)
	if err := p.store.Create(p.ctx, clone(r)); err != nil {
		return fmt.Errorf("Create of an expired record: %w", err)
	}
	r.ExpiresAt = p.now.Add(time.Hour)
	return wants("Create of an ID whose record has expired", p.store.Create(p.ctx, r), session.ErrConflict)
}

func createAfterDelete(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if r, err = p.update(r); err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	r.Version = 0
	again, err := p.create(r)
	if err != nil {
		return err
	}
	if again.Version != 1 {
		return fmt.Errorf("the new record has version %d, want 1", again.Version)
	}
	return nil
}

func createNotRetained(p *probe) error {
	r := p.record()
	want := clone(r)
	want.Version = 1
	if err := p.store.Create(p.ctx, r); err != nil {
		return fmt.Errorf("Create of a new record: %w", err)
	}
	clear(r.Data)
	return p.stays(want)
}

func createSimilar(p *probe) error {
	base := p.id()
	ids := []session.ID{base}
	for _, change := range []func(*session.ID){
		func(id *session.ID) { id[15] ^= 1 },
		func(id *session.ID) { id[15] ^= 0x80 },
		func(id *session.ID) { id[0] ^= 0x80 },
		func(id *session.ID) { id[0] ^= 0x20 }, // the case of a letter
		func(id *session.ID) { clear(id[8:]) },
		func(id *session.ID) { clear(id[8:]); id[15] = 1 },
		func(id *session.ID) { clear(id[:8]) },
		func(id *session.ID) { copy(id[8:], "\xff\xff\xff\xff\xff\xff\xff\xff") },
		func(id *session.ID) { copy(id[8:], "'\"\\%_/.\n") },
		func(id *session.ID) { copy(id[8:], "        ") },
	} {
		id := base
		change(&id)
		ids = append(ids, p.own(id))
	}
	stored := make([]session.Record, len(ids))
	for i, id := range ids {
		r := p.record()
		r.ID = id
		var err error
		if stored[i], err = p.create(r); err != nil {
			return fmt.Errorf("ID %s, similar to %s: %w", id, base, err)
		}
	}
	for _, r := range stored {
		if err := p.stays(r); err != nil {
			return fmt.Errorf("ID %s among similar ones: %w", r.ID, err)
		}
	}
	return nil
}
