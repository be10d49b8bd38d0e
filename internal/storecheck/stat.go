package storecheck

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

var statClauses = []Clause{
	{Name: "Stat/same", Rule: "Stat returns the Version, LastActivity and ExpiresAt that Load returns", Needs: Stats, check: statSame},
	{Name: "Stat/current", Rule: "Stat returns what is stored at that moment", Needs: Stats, check: statCurrent},
	{Name: "Stat/absent", Rule: "Stat leaves out IDs without a record", Needs: Stats, check: statAbsent},
	{Name: "Stat/expired", Rule: "only the manager judges expiry: Stat returns an expired record like any other", Needs: Stats, check: statExpired},
	{Name: "Stat/listed", Rule: "Stat returns only records with the given IDs", Needs: Stats, check: statListed},
	{Name: "Stat/many", Rule: "Stat returns each of the records, however many IDs there are", Needs: Stats, check: statMany},
}

// stat returns the status of records.
func (p *probe) stat(ids ...session.ID) ([]session.Status, error) {
	st, _ := session.Capability[session.Stater](p.store)
	found, err := st.Stat(p.ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("Stat: %w", err)
	}
	return found, nil
}

// statOf checks that Stat returns the status of one stored record.
func (p *probe) statOf(r session.Record) error {
	found, err := p.stat(r.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(st session.Status) bool { return st.ID == r.ID })
	if i < 0 {
		return fmt.Errorf("Stat of a stored record returned %d records, and not this one", len(found))
	}
	got := found[i]
	if got.Version != r.Version || !got.LastActivity.Equal(r.LastActivity) || !got.ExpiresAt.Equal(r.ExpiresAt) {
		return fmt.Errorf("Stat returned version %d, active %v, expires %v; want %d, %v, %v",
			got.Version, got.LastActivity, got.ExpiresAt, r.Version, r.LastActivity, r.ExpiresAt)
	}
	return nil
}

func statSame(p *probe) error {
	r := p.full()
	r.LastActivity, r.ExpiresAt = p.now.Add(123_456_789), p.now.Add(time.Hour+999_999_999)
	r, err := p.create(r)
	if err != nil {
		return err
	}
	return p.statOf(r)
}

// statCurrent asks before and after an update.
func statCurrent(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.statOf(r); err != nil {
		return err
	}
	r.LastActivity, r.ExpiresAt = r.LastActivity.Add(time.Minute), r.ExpiresAt.Add(time.Minute)
	if r, err = p.update(r); err != nil {
		return err
	}
	return p.statOf(r)
}

func statAbsent(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	if err := p.store.Delete(p.ctx, r.ID); err != nil {
		return fmt.Errorf("Delete: %w", err)
	}
	if found, err := p.stat(r.ID); err != nil || len(found) > 0 {
		return fmt.Errorf("Stat of a deleted record returned %d records, %w", len(found), err)
	}
	if found, err := p.stat(); err != nil || len(found) > 0 {
		return fmt.Errorf("Stat of no IDs returned %d records, %w", len(found), err)
	}
	return nil
}

func statExpired(p *probe) error {
	r := p.record()
	r.ExpiresAt = p.now.Add(-time.Minute)
	if err := p.store.Create(p.ctx, clone(r)); err != nil {
		return fmt.Errorf("Create of an expired record: %w", err)
	}
	r.Version = 1
	return p.statOf(r)
}

func statListed(p *probe) error {
	rs, err := p.several(3, func(int, *session.Record) {})
	if err != nil {
		return err
	}
	found, err := p.stat(rs[1].ID)
	if err != nil {
		return err
	}
	for _, st := range found {
		if st.ID != rs[1].ID {
			return fmt.Errorf("Stat returned a record whose ID was not given")
		}
	}
	return nil
}

// manyIDs is more than any store takes in one step: SQLite has at most 32,766 parameters.
const manyIDs = 40_000

// statMany spreads records over many IDs that have none.
func statMany(p *probe) error {
	rs, err := p.several(140, func(int, *session.Record) {})
	if err != nil {
		return err
	}
	ids := make([]session.ID, manyIDs)
	for i := range ids {
		binary.BigEndian.PutUint64(ids[i][:], rand.Uint64())
		binary.BigEndian.PutUint64(ids[i][8:], rand.Uint64())
	}
	for i, r := range rs {
		ids[i*(manyIDs/len(rs))] = r.ID
	}
	found, err := p.stat(ids...)
	if err != nil {
		return err
	}
	seen := map[session.ID]int{}
	for _, st := range found {
		seen[st.ID]++
	}
	for _, r := range rs {
		if n := seen[r.ID]; n != 1 {
			return fmt.Errorf("Stat of %d IDs returned a stored record %d times, want once", len(ids), n)
		}
	}
	return nil
}
