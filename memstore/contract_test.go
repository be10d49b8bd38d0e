package memstore_test

import (
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

func TestContract(t *testing.T) {
	sessiontest.TestStore(t, sessiontest.Harness{
		Open: func(testing.TB) session.Store { return memstore.New(memstore.Config{}) },
	})
}
