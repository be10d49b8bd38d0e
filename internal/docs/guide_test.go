package docs

import (
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

// mystore stands for the package of a store.
var mystore = struct{ New func() session.Store }{func() session.Store { return memstore.New(memstore.Config{}) }}

func TestContract(t *testing.T) {
	sessiontest.TestStore(t, sessiontest.Harness{
		Open: func(tb testing.TB) session.Store { return mystore.New() },
	})
}
