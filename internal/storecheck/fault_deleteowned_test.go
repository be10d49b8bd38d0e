package storecheck

import (
	"strings"

	"github.com/expanse-go/session"
)

var deleteOwnedFaults = []fault{
	{"DeleteOwned/removes", "DeleteOwned deletes the first batch only", func(f *faulty) {
		f.owned = func(owner string, ids []session.ID) int {
			return f.deleteIf(ids[:min(len(ids), 64)], func(r session.Record) bool { return r.Owner == owner })
		}
	}},
	{"DeleteOwned/removes", "DeleteOwned counts the IDs", func(f *faulty) {
		f.owned = func(owner string, ids []session.ID) int {
			f.deleteIf(ids, func(r session.Record) bool { return r.Owner == owner })
			return len(ids)
		}
	}},
	{"DeleteOwned/exact", "DeleteOwned ignores spaces at the end", func(f *faulty) {
		f.owned = func(owner string, ids []session.ID) int {
			return f.deleteIf(ids, func(r session.Record) bool { return strings.TrimRight(r.Owner, " ") == strings.TrimRight(owner, " ") })
		}
	}},
	{"DeleteOwned/listed", "DeleteOwned deletes all records of the owner", func(f *faulty) {
		f.owned = func(owner string, _ []session.ID) int {
			return f.deleteIf(f.ids(), func(r session.Record) bool { return r.Owner == owner })
		}
	}},
	{"DeleteOwned/moved", "DeleteOwned goes by an index that Update leaves alone", func(f *faulty) {
		f.owned = func(owner string, ids []session.ID) int {
			return f.deleteIf(ids, func(r session.Record) bool { return f.ever[r.ID].Owner == owner })
		}
	}},
}
