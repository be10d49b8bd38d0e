package storecheck

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expanse-go/session"
)

// rounds is how often a clause repeats concurrent calls, and callers is the number of
// goroutines. If the steps of a method can interleave, they do so within a few rounds
// when this many goroutines start at once.
const (
	rounds  = 8
	callers = 16
)

var parallelClauses = []Clause{
	{Name: "Create/parallel", Rule: "each method is atomic: of several concurrent Creates of one ID, exactly one succeeds", check: createParallel},
	{Name: "Update/parallel", Rule: "each method is atomic: of several concurrent Updates of one version, exactly one succeeds, and the others return ErrConflict", check: updateParallel},
	{Name: "Update/counter", Rule: "each method is atomic: a counter that many goroutines increment by Load and Update is exact", check: updateCounter},
	{Name: "Load/parallel-update", Rule: "each method is atomic: a Load returns a record as a single Update wrote it", check: loadParallelUpdate},
	{Name: "Delete/parallel-update", Rule: "a late Update of a deleted record must fail, even if it runs at the same time as the Delete", check: deleteParallelUpdate},
	{Name: "Store/parallel", Rule: "all methods may be called by many goroutines at once", check: storeParallel},
}

func createParallel(p *probe) error {
	for range rounds {
		id := p.id()
		errs := parallel(callers, func(int) error {
			r := p.record()
			r.ID = id
			return p.store.Create(p.ctx, r)
		})
		if err := exactlyOne("Create", errs); err != nil {
			return err
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, session.ErrConflict) {
				return wants("the later of parallel Creates", err, session.ErrConflict)
			}
		}
	}
	return nil
}

func updateParallel(p *probe) error {
	for range rounds {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		errs := parallel(callers, func(int) error { return p.store.Update(p.ctx, clone(r)) })
		if err := exactlyOne("Update", errs); err != nil {
			return err
		}
		for _, err := range errs {
			if err != nil && !errors.Is(err, session.ErrConflict) {
				return wants("the later of parallel Updates", err, session.ErrConflict)
			}
		}
	}
	return nil
}

func updateCounter(p *probe) error {
	return p.counts(4, func(int) session.Store { return p.store })
}

// counts lets n goroutines, each with its own store, increment one counter. All of
// them load it before the first one updates it.
func (p *probe) counts(n int, store func(i int) session.Store) error {
	const each = 8
	r := p.record()
	r.Data = []byte("0")
	if err := p.store.Create(p.ctx, r); err != nil {
		return fmt.Errorf("Create of a new record: %w", err)
	}
	var loaded sync.WaitGroup
	loaded.Add(n)
	err := cmp.Or(parallel(n, func(i int) error {
		first, err := store(i).Load(p.ctx, r.ID)
		loaded.Done()
		if err != nil {
			return fmt.Errorf("Load of a stored record: %w", err)
		}
		loaded.Wait()
		for range each {
			if err := p.increase(store(i), first); err != nil {
				return err
			}
			first = session.Record{ID: r.ID}
		}
		return nil
	})...)
	if err != nil {
		return err
	}
	if r, err = p.load(r.ID); err != nil {
		return err
	}
	if want := fmt.Sprint(n * each); string(r.Data) != want {
		return fmt.Errorf("%d goroutines incremented a counter %s times, but its value is %s", n, want, quote(string(r.Data)))
	}
	return nil
}

// increase adds one to the counter. It starts with r if r has a version, and loads the
// record otherwise.
func (p *probe) increase(s session.Store, r session.Record) error {
	for {
		if r.Version == 0 {
			var err error
			if r, err = s.Load(p.ctx, r.ID); err != nil {
				return fmt.Errorf("Load of a stored record: %w", err)
			}
		}
		n, err := strconv.Atoi(string(r.Data))
		if err != nil {
			return fmt.Errorf("counter: %w", err)
		}
		r.Data = strconv.AppendInt(nil, int64(n)+1, 10)
		switch err := s.Update(p.ctx, r); {
		case err == nil:
			return nil
		case !errors.Is(err, session.ErrConflict):
			return fmt.Errorf("Update: %w", err)
		case p.ctx.Err() != nil:
			return fmt.Errorf("Update did not succeed before the timeout: %w", err)
		}
		r.Version = 0
	}
}

// loadParallelUpdate writes the same number into several fields again and again, while
// other goroutines check that all fields of a loaded record have the same number.
func loadParallelUpdate(p *probe) error {
	const updates, loads = 24, 500
	number := func(r session.Record, n int) session.Record {
		r.Owner = strconv.Itoa(n)
		r.Client.UserAgent = strconv.Itoa(n)
		r.Data = bytes.Repeat([]byte{byte('a' + n)}, 1+100*n)
		r.ExpiresAt = p.now.Add(time.Hour + time.Duration(n)*time.Second)
		return r
	}
	first, err := p.create(number(p.record(), 0))
	if err != nil {
		return err
	}
	var written atomic.Bool
	return cmp.Or(parallel(4, func(i int) error {
		if i == 0 {
			defer written.Store(true)
			r, err := first, error(nil)
			for n := 1; n <= updates && err == nil; n++ {
				r, err = p.update(number(r, n))
			}
			return err
		}
		for range loads {
			if written.Load() {
				return nil
			}
			r, err := p.load(first.ID)
			if err != nil {
				return fmt.Errorf("while another goroutine updates the record: %w", err)
			}
			n, err := strconv.Atoi(r.Owner)
			if err != nil || n < 0 || n > updates {
				return fmt.Errorf("while another goroutine updates the record: Owner %q was never written", r.Owner)
			}
			if err := diff(r, number(r, n)); err != nil {
				return fmt.Errorf("while another goroutine updates the record, compared with the version that Owner names: %w", err)
			}
		}
		return nil
	})...)
}

func deleteParallelUpdate(p *probe) error {
	for n := range rounds {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		// The Update may return any error, because it may have run first.
		deleted, _ := race(n,
			func() error { return p.store.Delete(p.ctx, r.ID) },
			func() error { return p.store.Update(p.ctx, clone(r)) })
		if deleted != nil {
			return fmt.Errorf("Delete: %w", deleted)
		}
		if err := p.gone(r.ID); err != nil {
			return fmt.Errorf("after Delete and Update at the same time: %w", err)
		}
	}
	return nil
}

// storeParallel uses many records at once, each in one goroutine.
func storeParallel(p *probe) error {
	return cmp.Or(parallel(callers, func(int) error {
		r, err := p.fresh()
		if err != nil {
			return err
		}
		for n := range 4 {
			r.Data = fmt.Appendf(nil, "%s/%d", r.ID, n)
			want := r
			if r, err = p.update(r); err != nil {
				return err
			}
			want.Version = r.Version
			if err := diff(r, want); err != nil {
				return fmt.Errorf("while others write other records: %w", err)
			}
		}
		return p.deletes(r.ID)
	})...)
}
