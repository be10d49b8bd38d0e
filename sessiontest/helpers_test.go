package sessiontest_test

import (
	"context"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessiontest"
)

func newStore() session.Store { return memstore.New(memstore.Config{}) }

func passThrough(_ context.Context, _ sessiontest.Call, next func() error) error { return next() }
