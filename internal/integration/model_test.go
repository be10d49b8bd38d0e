package integration

import (
	"math/rand/v2"
	"testing"

	"github.com/expanse-go/session/internal/pagemodel"
)

// TestModel compares the sessions of every driver with a plain model: all operations
// in random order, over several requests with idle time between them.
func TestModel(t *testing.T) {
	each(t, eachDriver, func(t *testing.T, d database) {
		s := d.store(t)
		for range 5 {
			if err := pagemodel.Walk(s, rand.Uint64(), 40); err != nil {
				t.Fatal(err)
			}
		}
	})
}
