package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// A lossy store makes some calls fail: some before they take effect, others afterwards, as
// if the response was lost. The caller can't tell these apart.
type lossy struct {
	session.Store

	conflicts *atomic.Int64 // of updates; may be nil
}

// lossRate is the context key of the loss rate.
type lossRate struct{}

func rateOf(ctx context.Context) float64 {
	rate, _ := ctx.Value(lossRate{}).(float64)
	return rate
}

var errLost = errors.New("the response was lost")

// Unwrap gives access to the optional interfaces of the store. Their calls do not fail.
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
		wait(ctx, rand.N(2*time.Millisecond)) // so that other requests run in between
		return errLost
	}
	return err
}
