package stores

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
	ours "github.com/expanse-go/session/memstore"
)

const (
	pruners   = 3   // replicas, including the one that serves the requests
	pruneRate = 200 // requests per second
)

// Prune measures requests for a while without pruning, and then while several replicas prune
// a store, half of whose sessions have expired. It checks that exactly that half is removed.
// In memory, the replicas are sweepers of one process; otherwise, each is a process.
func Prune(dir, driver, postgres string, kinds []string, rows int, before time.Duration, progress func(string)) (all []bench.Prune, err error) {
	for _, kind := range []string{"memory", "file", "sqlite", "postgres"} {
		if len(kinds) > 0 && !slices.Contains(kinds, kind) || kind == "postgres" && postgres == "" {
			continue
		}
		progress(fmt.Sprintf("prune, %s, %d sessions…", kind, rows))
		var p bench.Prune
		if kind == "memory" {
			p, err = pruneMemory(rows, before)
		} else {
			p, err = pruneLocation(kind, dir, driver, postgres, rows, before, progress)
		}
		if err != nil {
			return all, fmt.Errorf("%s: %w", kind, err)
		}
		all = append(all, p)
	}
	return all, nil
}

func pruneMemory(rows int, before time.Duration) (bench.Prune, error) {
	store := ours.New(ours.Config{MaxSessions: -1, MaxBytes: -1})
	if err := newBulk(rows, true).create(store); err != nil {
		return bench.Prune{}, err
	}
	return prune("memory", store, func() error { return nil }, rows, before, nil)
}

func pruneLocation(kind, dir, driver, postgres string, rows int, before time.Duration, progress func(string)) (result bench.Prune, err error) {
	p, err := newLocation(kind, dir, driver, postgres)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	began := time.Now()
	if err := newBulk(rows, true).into(p); err != nil {
		return result, err
	}
	progress(fmt.Sprintf("filled in %v", time.Since(began).Round(time.Second)))
	store, done, err := p.open()
	if err != nil {
		return result, err
	}
	return prune(p.title(), store, done, rows, before, &p)
}

// prune runs the replicas. If p is not nil, all but the first are other processes. It closes
// the store.
func prune(title string, store session.Store, done func() error, rows int, before time.Duration, p *location) (result bench.Prune, err error) {
	server, err := peers.Ours(store, done)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		return result, err
	}
	children := childGroup{}
	if p != nil {
		if children, err = startChildren(pruners-1, "pruner", *p); err != nil {
			return result, err
		}
	}
	result = bench.Prune{Store: title, Rows: rows, Replicas: pruners, Rate: pruneRate}
	result, err = bench.MeasurePrune(result, server, before, func() ([]int, error) {
		removed := make([]int, pruners)
		errs := make([]error, pruners+1)
		over := make(chan int)
		for i := range pruners {
			if i > 0 && p != nil {
				break
			}
			go func() {
				removed[i], errs[i] = m.Prune(context.Background())
				over <- i
			}()
		}
		if p != nil {
			others, err := runChildren[int](children)
			copy(removed[1:], others)
			errs[pruners] = err
		} else {
			<-over
			<-over
		}
		<-over
		return removed, errors.Join(errs...)
	})
	if err != nil {
		return result, err
	}
	return result, leftovers(store, result)
}

// leftovers checks that exactly the expired sessions were removed.
func leftovers(store session.Store, p bench.Prune) error {
	gone := 0
	for _, n := range p.Removed {
		gone += n
	}
	left, now := 0, time.Now()
	for r, err := range session.List(context.Background(), store) {
		if err != nil {
			return err
		}
		if r.ExpiresAt.Before(now) {
			return fmt.Errorf("session %s has expired but still exists", r.ID)
		}
		left++
	}
	if gone != p.Rows/2 || left != p.Rows/2+bench.Sessions {
		return fmt.Errorf("%d sessions were removed and %d are left, want %d and %d", gone, left, p.Rows/2, p.Rows/2+bench.Sessions)
	}
	return nil
}

// prunerChild is the function of a replica process.
func prunerChild(args []byte, ready func() error) (any, error) {
	var p location
	if err := json.Unmarshal(args, &p); err != nil {
		return nil, err
	}
	store, done, err := p.open()
	if err != nil {
		return nil, err
	}
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		return nil, err
	}
	if err := ready(); err != nil {
		return nil, err
	}
	n, err := m.Prune(context.Background())
	return n, errors.Join(err, m.Close(context.Background()), done())
}
