package storecheck

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/expanse-go/session"
)

var ownerClauses = []Clause{
	{Name: "ListOwner/exact", Rule: "ListOwner is restricted to the records whose Owner is the given one, byte for byte", Needs: ListsOwner, check: ownerExact},
	{Name: "ListOwner/moves", Rule: "Update replaces the record: it is listed for its new owner, and not for the old one", Needs: ListsOwner, check: ownerMoves},
	{Name: "ListOwner/pruned", Rule: "a pruned record is not listed for its owner", Needs: ListsOwner | Prunes, check: ownerPruned},
}

// similarOwners returns owners that a careless comparison treats as equal.
// All begin with the tag.
func similarOwners(tag string) []string {
	long := tag + strings.Repeat("x", session.MaxOwner-len(tag)-1)
	return []string{
		tag + "ana", tag + "Ana", strings.ToUpper(tag + "ana"), // case
		tag + "ana ", tag + "ana\t", tag + " ana", // padding
		tag, tag + "an", tag + "ana2", // prefixes
		tag + "%", tag + "an_", tag + "*", tag + "an?", tag + `\ana`, tag + "a.a", // patterns
		tag + "\u00e1na", tag + "a\u0301na", // one letter in two spellings
		tag + "ﬁ", tag + "fi", tag + "ß", tag + "ss", // collations
		tag + "1", tag + "01", tag + "1.0", // numbers
		long + "1", long + "2",
	}
}

func ownerExact(p *probe) error {
	id := p.id()
	owners := append(similarOwners("o-"+id.String()[:16]+"-"), "")
	rs, err := p.several(len(owners), func(i int, r *session.Record) { r.Owner = owners[i] })
	if err != nil {
		return err
	}
	for i, owner := range append(owners, p.owner()) {
		seen := false
		for r, err := range listOwner(p.ctx, p, owner) {
			if err != nil {
				return fmt.Errorf("ListOwner of %q: %w", owner, err)
			}
			if r.Owner != owner {
				return fmt.Errorf("ListOwner of %q yields a record of %q", owner, r.Owner)
			}
			seen = seen || i < len(rs) && r.ID == rs[i].ID
		}
		if !seen && i < len(rs) {
			return fmt.Errorf("ListOwner of %q does not yield its record", owner)
		}
	}
	return nil
}

// lists reports whether ListOwner yields the record.
func (p *probe) lists(owner string, id session.ID) (found bool, err error) {
	for r, err := range listOwner(p.ctx, p, owner) {
		if err != nil {
			return false, fmt.Errorf("ListOwner yielded an error: %w", err)
		}
		found = found || r.ID == id
	}
	return found, nil
}

func ownerMoves(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	// Login, another login, logout. ListOwner/exact checks the records of the owner "".
	for _, owner := range []string{p.owner(), p.owner(), ""} {
		old := r.Owner
		r.Owner = owner
		if r, err = p.update(r); err != nil {
			return err
		}
		if found, err := p.lists(owner, r.ID); err != nil || owner != "" && !found {
			return cmp.Or(err, fmt.Errorf("an Update changed the owner to %q, but the record is not listed for that owner", owner))
		}
		if found, err := p.lists(old, r.ID); err != nil || old != "" && found {
			return cmp.Or(err, fmt.Errorf("an Update changed the owner from %q to %q, but the record is still listed for the former", old, owner))
		}
	}
	return nil
}

func ownerPruned(p *probe) error {
	owner := p.owner()
	rs, ok, err := p.outdated(1, func(_ int, r *session.Record) { r.Owner = owner })
	if err != nil || !ok {
		return err
	}
	if _, err := p.prune(1000); err != nil {
		return err
	}
	found, err := p.lists(owner, rs[0].ID)
	if err == nil && found {
		err = fmt.Errorf("record %s was yielded after it was pruned", rs[0].ID)
	}
	return err
}
