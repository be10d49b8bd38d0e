package storecheck

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/expanse-go/session"
)

// A probe is one run of one clause. It has the store and the IDs that the clause used.
type probe struct {
	ctx   context.Context
	env   Env
	store session.Store
	now   time.Time // a whole second

	mu  sync.Mutex
	ids []session.ID // to be deleted at the end
}

func newProbe(ctx context.Context, env Env) *probe {
	return &probe{ctx: ctx, env: env, store: env.Store, now: time.Now().UTC().Truncate(time.Second)}
}

// id returns a random ID. A record with that ID is deleted after the clause.
func (p *probe) id() (id session.ID) {
	rand.Read(id[:])
	return p.own(id)
}

func (p *probe) own(id session.ID) session.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(p.ids, id)
	return id
}

// cleanUp deletes the remaining records of the clause, even after its context has
// ended.
func (p *probe) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), Timeout/6)
	defer cancel()
	p.mu.Lock()
	ids := slices.Clone(p.ids)
	p.mu.Unlock()
	var errs []error
	for _, id := range ids {
		if err := p.store.Delete(ctx, id); err != nil && !errors.Is(err, session.ErrNotFound) {
			errs = append(errs, fmt.Errorf("record %s is %w: %w", id, errLeft, err))
		}
	}
	return errors.Join(errs...)
}

// record returns a plain record that is not stored yet: anonymous, with times in whole
// seconds, and valid for an hour. Its data contains its ID, so no two records are
// alike.
func (p *probe) record() session.Record {
	id := p.id()
	return session.Record{
		ID:           id,
		Client:       session.Client{Address: "192.0.2.1", UserAgent: "check/1"},
		CreatedAt:    p.now.Add(-10 * time.Minute),
		LastActivity: p.now,
		ExpiresAt:    p.now.Add(time.Hour),
		Data:         fmt.Appendf(nil, `{"id":%q}`, id),
	}
}

// create stores the record and returns it as Load does.
func (p *probe) create(r session.Record) (session.Record, error) {
	if err := p.store.Create(p.ctx, clone(r)); err != nil {
		return session.Record{}, fmt.Errorf("Create of a new record: %w", err)
	}
	return p.load(r.ID)
}

// fresh creates a plain record.
func (p *probe) fresh() (session.Record, error) { return p.create(p.record()) }

// several creates n plain records after f has changed them.
func (p *probe) several(n int, f func(i int, r *session.Record)) ([]session.Record, error) {
	rs := make([]session.Record, n)
	err := cmp.Or(parallel(min(n, 8), func(worker int) error {
		for i := worker; i < n; i += 8 {
			r := p.record()
			f(i, &r)
			var err error
			if rs[i], err = p.create(r); err != nil {
				return err
			}
		}
		return nil
	})...)
	return rs, err
}

func (p *probe) load(id session.ID) (session.Record, error) {
	r, err := p.store.Load(p.ctx, id)
	if err != nil {
		return r, fmt.Errorf("Load of a stored record: %w", err)
	}
	return r, nil
}

// update stores the record, which must have the current version, and returns it as
// Load does.
func (p *probe) update(r session.Record) (session.Record, error) {
	if err := p.store.Update(p.ctx, clone(r)); err != nil {
		return session.Record{}, fmt.Errorf("Update of the current version: %w", err)
	}
	return p.load(r.ID)
}

// stays returns an error if the stored record differs from want.
func (p *probe) stays(want session.Record) error {
	got, err := p.load(want.ID)
	if err != nil {
		return err
	}
	return diff(got, want)
}

// gone returns an error if the record exists. Only Load/absent checks which error Load
// returns.
func (p *probe) gone(id session.ID) error {
	if r, err := p.store.Load(p.ctx, id); err == nil {
		return fmt.Errorf("the record exists, at version %d; want none", r.Version)
	}
	return nil
}

// clone returns a record that shares no memory with r. So a store that retains or
// changes the caller's slice fails only the clauses that check for it.
func clone(r session.Record) session.Record {
	r.Data = bytes.Clone(r.Data)
	return r
}

// parallel calls f in n goroutines at once, and returns the errors in the order of i.
func parallel(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// race calls a and b at once. In odd rounds it starts b first.
func race(round int, a, b func() error) (errA, errB error) {
	calls := []func() error{a, b}
	first := round % 2
	errs := parallel(2, func(i int) error { return calls[(i+first)%2]() })
	return errs[first], errs[1-first]
}
