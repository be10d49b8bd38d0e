package sessiontest_test

import (
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// This is the complete test of a store. With Reopen and Share in the harness it also
// covers restarts and second processes. To run a part of it, use
// "go test -run TestContract/Update".
func ExampleTestStore() {
	// In the package of the store: func TestContract(t *testing.T)
	_ = func(t *testing.T) {
		sessiontest.TestStore(t, sessiontest.Harness{
			Open: func(tb testing.TB) session.Store {
				s := memstore.New(memstore.Config{}) // use your store here
				tb.Cleanup(func() { /* s.Close() */ })
				return s
			},
		})
	}
}
