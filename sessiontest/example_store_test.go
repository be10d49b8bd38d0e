package sessiontest_test

import (
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// The test of a store, whole. With Reopen and Share in the harness it also covers
// restarts and second processes; "go test -run TestContract/Update" runs a part.
func ExampleTestStore() {
	// In the package of the store: func TestContract(t *testing.T)
	_ = func(t *testing.T) {
		sessiontest.TestStore(t, sessiontest.Harness{
			Open: func(tb testing.TB) session.Store {
				s := memstore.New(memstore.Config{}) // in place of yours
				tb.Cleanup(func() { /* s.Close() */ })
				return s
			},
		})
	}
}
