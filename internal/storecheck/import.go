package storecheck

import (
	"fmt"

	"github.com/expanse-go/session"
)

var importClauses = []Clause{
	{Name: "Import/version", Rule: "Import is like Create, except that the new record keeps r.Version", Needs: Imports, check: importVersion},
	{Name: "Import/taken", Rule: "Import returns ErrConflict, and changes nothing, if the ID is there", Needs: Imports, check: importTaken},
}

func (p *probe) imports(r session.Record) error {
	i, _ := session.Capability[session.Importer](p.store)
	return i.Import(p.ctx, clone(r))
}

// importVersion leaves it to other clauses that a version is not lost later.
func importVersion(p *probe) error {
	for _, v := range []uint64{1, 2, 300, 1<<62 - 1} {
		r := p.full()
		r.Version = v
		if err := p.imports(r); err != nil {
			return fmt.Errorf("Import of version %d: %w", v, err)
		}
		if err := p.stays(r); err != nil {
			return fmt.Errorf("version %d: %w", v, err)
		}
	}
	return nil
}

func importTaken(p *probe) error {
	r, err := p.fresh()
	if err != nil {
		return err
	}
	other := p.full()
	other.ID, other.Version = r.ID, 9
	if err := wants("Import of a taken ID", p.imports(other), session.ErrConflict); err != nil {
		return err
	}
	return p.stays(r)
}
