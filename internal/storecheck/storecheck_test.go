package storecheck

import (
	"testing"
	"testing/synctest"
)

func TestCorrectStore(t *testing.T) {
	for _, c := range Clauses() {
		m := newMem()
		synctest.Test(t, func(t *testing.T) {
			if err := c.Check(t.Context(), Env{Store: m, Reopen: m.again, Share: m.again}); err != nil {
				t.Error(err)
			}
		})
	}
	for seed := range uint64(10) {
		m := newMem()
		if err := Law(t.Context(), Env{Store: m, Reopen: m.again}, seed, 1000); err != nil {
			t.Error(err)
		}
	}
}
