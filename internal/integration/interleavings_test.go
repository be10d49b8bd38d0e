package integration

import (
	"testing"

	"github.com/expanse-go/session/internal/interleavings"
)

// The tables of docs/interleavings.md, with one process and with two processes on one
// database.
func TestInterleavings(t *testing.T) {
	each(t, eachDriver, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		one, other := open(t, db, d.dialect, cfg), open(t, p.connect(t), d.dialect, cfg)
		cases := append(interleavings.Pairs(true), interleavings.Others()...)
		for _, c := range cases {
			t.Run(c.Name(), func(t *testing.T) {
				c.Check(t, one)
				c.Check(t, one, other)
			})
		}
		watches := interleavings.Watches()
		for _, c := range watches {
			t.Run("watch "+c.Name(), func(t *testing.T) {
				c.Check(t, one)
				c.Check(t, one, other)
			})
		}
		t.Logf("%d interleavings", 2*(len(cases)+len(watches)))
	})
}
