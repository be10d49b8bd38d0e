package storecheck

import (
	"context"

	"github.com/expanse-go/session"
)

var importFaults = []fault{
	{"Import/version", "Import keeps the low 8 bits of the version", func(f *faulty) {
		f.imports = func(r session.Record) error { r.Version &= 0xff; return f.mem.Import(context.Background(), r) }
	}},
	{"Import/taken", "Import overwrites", func(f *faulty) {
		f.imports = func(r session.Record) error { f.put(clone(r)); return nil }
	}},
}
