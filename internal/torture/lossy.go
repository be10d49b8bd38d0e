package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// A lossy store loses answers: of some calls, what they did is done, and the caller
// gets an error; of others, nothing is done. The caller cannot tell these apart.
type lossy struct {
	session.Store

	conflicts *atomic.Int64 // of updates; nil: not counted
}

// lossRate is the key of the rate in a context, which goes from a commit to the store.
type lossRate struct{}

func rateOf(ctx context.Context) float64 {
	rate, _ := ctx.Value(lossRate{}).(float64)
	return rate
}

var errLost = errors.New("the answer was lost")

// Unwrap gives the other powers of the store, which do not fail.
func (l lossy) Unwrap() session.Store { return l.Store }

func (l lossy) Load(ctx context.Context, id session.ID) (session.Record, error) {
	if rand.Float64() < rateOf(ctx)/4 {
		return session.Record{}, errLost
	}
	return l.Store.Load(ctx, id)
}

func (l lossy) Create(ctx context.Context, r session.Record) error {
	return l.lose(ctx, func() error { return l.Store.Create(ctx, r) })
}

func (l lossy) Update(ctx context.Context, r session.Record) error {
	return l.lose(ctx, func() error {
		err := l.Store.Update(ctx, r)
		if l.conflicts != nil && errors.Is(err, session.ErrConflict) {
			l.conflicts.Add(1)
		}
		return err
	})
}

func (l lossy) Delete(ctx context.Context, id session.ID) error {
	return l.lose(ctx, func() error { return l.Store.Delete(ctx, id) })
}

func (l lossy) lose(ctx context.Context, call func() error) error {
	rate, chance := rateOf(ctx), rand.Float64()
	if chance < rate/4 {
		return errLost
	}
	err := call()
	if chance < rate {
		wait(ctx, rand.N(2*time.Millisecond)) // others go on meanwhile
		return errLost
	}
	return err
}
