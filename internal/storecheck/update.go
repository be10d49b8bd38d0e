package storecheck

import (
	"fmt"
	"time"

	"github.com/expanse-go/session"
)

var updateClauses = []Clause{
	{Name: "Update/all-fields", Rule: "Update replaces the record by r", check: updateFields},
	{Name: "Update/version", Rule: "Update stores the record under r.Version+1", check: updateVersion},
	{Name: "Update/stale-version", Rule: "Update returns ErrConflict if the stored version is a different one; then nothing changes", check: updateStale},
	{Name: "Update/version-ahead", Rule: "Update returns ErrConflict if r.Version is later than the stored version; then nothing changes", check: updateAhead},
	{Name: "Update/absent", Rule: "Update returns ErrNotFound if there is no record of that ID; then nothing changes", check: updateAbsent},
	{Name: "Update/deleted", Rule: "a late Update of a deleted record must fail", check: updateDeleted},
	{Name: "Update/expired", Rule: "only the manager judges expiry: Update of an expired record works like any other", check: updateExpired},
	{Name: "Update/others", Rule: "Update replaces the record whose ID and Version are those of r, and no other", check: updateOthers},
	{Name: "Update/not-retained", Rule: "Update does not retain r.Data", check: updateNotRetained},
}

func updateFields(p *probe) error {
	r, err := p.create(p.full())
	if err != nil {
		return err
	}
	for _, want := range []session.Record{
		{ // all fields change, and times move forward
			ID: r.ID, Owner: "user-43", Client: session.Client{Address: "198.51.100.9", UserAgent: "curl/8"},
			CreatedAt: r.CreatedAt.Add(time.Second), LastActivity: r.LastActivity.Add(time.Minute),
			ExpiresAt: r.ExpiresAt.Add(time.Hour), Data: []byte(`{"a longer document than before":[1,2,3,4,5,6,7,8,9]}`),
		},
		{ // all fields get shorter, and times move back, as only an Update may do
			ID: r.ID, Owner: "", Client: session.Client{},
			CreatedAt: r.CreatedAt.Add(-time.Hour), LastActivity: r.LastActivity.Add(-time.Hour),
			ExpiresAt: r.ExpiresAt.Add(-time.Hour), Data: []byte(`{}`),
		},
	} {
		want.Version = r.Version
		if r, err = p.update(want); err != nil {
			return err
		}
		want.Version = r.Version // Update/version checks it
		if err := diff(r, want); err != nil {
			return err
		}
	}
	return nil
}

func updateVersion(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	for range 3 {
		want := r.Version + 1
		if r, err = p.update(r); err != nil {
			return err
		}
		if r.Version != want {
			return fmt.Errorf("version %d after an Update of version %d", r.Version, want-1)
		}
	}
	return nil
}

func updateStale(p *probe) error {
	old, err := p.fresh()
	if err != nil {
		return err
	}
	current, err := p.update(old)
	if err != nil {
		return err
	}
	for _, v := range []uint64{old.Version, 0} {
		r := p.full()
		r.ID, r.Version = old.ID, v
		if err := wants(fmt.Sprintf("Update of version %d", v), p.store.Update(p.ctx, r), session.ErrConflict); err != nil {
			return err
		}
		if err := p.stays(current); err != nil {
			return err
		}
	}
	return nil
}

func updateAhead(p *probe) error {
	current, err := p.fresh()
	if err != nil {
		return err
	}
	for _, ahead := range []uint64{1, 1000} {
		r := p.full()
		r.ID, r.Version = current.ID, current.Version+ahead
		if err := wants(fmt.Sprintf("Update of version %d, where %d is stored", r.Version, current.Version),
			p.store.Update(p.ctx, r), session.ErrConflict); err != nil {
			return err
		}
		if err := p.stays(current); err != nil {
			return err
		}
	}
	return nil
}

func updateAbsent(p *probe) error {
	for _, v := range []uint64{0, 1, 2} {
		r := p.record()
		r.Version = v
		if err := wants(fmt.Sprintf("Update of version %d of an ID that was never created", v), p.store.Update(p.ctx, r), session.ErrNotFound); err != nil {
			return err
		}
		if err := p.gone(r.ID); err != nil {
			return err
		}
	}
	return nil
}

// updateDeleted checks for CVE-2025-46336.
func updateDeleted(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if err := wants("Update after Delete", p.store.Update(p.ctx, clone(r)), session.ErrNotFound); err != nil {
		return err
	}
	return p.gone(r.ID)
}

func updateExpired(p *probe) error {
	r := p.record()
	r.ExpiresAt = p.now.Add(-time.Minute)
	r.Version = 1
	if err := p.store.Create(p.ctx, clone(r)); err != nil {
		return fmt.Errorf("Create of an expired record: %w", err)
	}
	r.ExpiresAt = p.now.Add(time.Hour)
	_, err := p.update(r)
	return err
}

func updateOthers(p *probe) error {
	_, rs, err := p.owned(3)
	if err != nil {
		return err
	}
	changed := p.full()
	changed.ID, changed.Version = rs[1].ID, rs[1].Version
	if _, err := p.update(changed); err != nil {
		return err
	}
	for _, r := range []session.Record{rs[0], rs[2]} {
		if err := p.stays(r); err != nil {
			return fmt.Errorf("another record: %w", err)
		}
	}
	return nil
}

func updateNotRetained(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	r.Data = []byte(`{"written":"by Update"}`)
	want := clone(r)
	if err := p.store.Update(p.ctx, r); err != nil {
		return fmt.Errorf("Update of the current version: %w", err)
	}
	clear(r.Data)
	got, err := p.load(want.ID)
	if err != nil {
		return err
	}
	want.Version = got.Version
	return diff(got, want)
}
