package stores

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/sqlstore"
)

// Scale measures the calls of sqlstore on tables with these numbers of rows: on SQLite (FULL)
// and, if there is a server, on PostgreSQL. Only one table exists at a time.
func Scale(dir, driver, postgres string, rows []int, progress func(string)) (all []bench.Scale, err error) {
	for _, n := range rows {
		for _, kind := range []string{"sqlite", "postgres"} {
			if kind == "postgres" && postgres == "" {
				continue
			}
			progress(fmt.Sprintf("%s, %d rows…", kind, n))
			s, err := scale(kind, dir, driver, postgres, n)
			if err != nil {
				return all, err
			}
			all = append(all, s)
		}
	}
	return all, nil
}

func scale(kind, dir, driver, postgres string, rows int) (s bench.Scale, err error) {
	loc, err := newLocation(kind, dir, driver, postgres)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	s = bench.Scale{Store: loc.title(), Rows: rows}
	b, began := newBulk(rows, false), time.Now()
	if err := b.into(loc); err != nil {
		return s, err
	}
	s.Fill = time.Since(began)
	store, done, err := loc.open()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, store.(*sqlstore.Store).Close(), done()) }()
	err = measureScale(store.(*sqlstore.Store), b, &s)
	return s, err
}

func measureScale(store *sqlstore.Store, b bulk, s *bench.Scale) error {
	ctx, now := context.Background(), time.Now()
	for _, m := range []struct {
		into  *time.Duration
		calls int
		f     func(i int) error
	}{
		{&s.Load, 2000, func(i int) error {
			_, err := store.Load(ctx, b.id(i*7919%s.Rows))
			return err
		}},
		{&s.Commit, 500, func(i int) error {
			r, err := store.Load(ctx, b.id(i*104729%s.Rows))
			if err != nil {
				return err
			}
			r.LastActivity = now
			return store.Update(ctx, r)
		}},
		{&s.ListOwner, 200, func(i int) error {
			found := 0
			for _, err := range session.ListOwner(ctx, store, b.owner(i*31*7919%s.Rows)) {
				if err != nil {
					return err
				}
				found++
			}
			if found != 2 {
				return fmt.Errorf("listed %d sessions of an owner, want 2", found)
			}
			return nil
		}},
		{&s.PruneNone, 50, func(int) error {
			_, err := store.Prune(ctx, now, 1000)
			return err
		}},
	} {
		var err error
		if *m.into, err = each(m.calls, m.f); err != nil {
			return err
		}
	}
	began := time.Now()
	n, err := store.Prune(ctx, now.Add(100*365*24*time.Hour), 1000)
	if err == nil && n != 1000 {
		err = fmt.Errorf("pruned %d, want 1000", n)
	}
	s.PruneEach = time.Since(began) / 1000
	return err
}

// each returns the mean time of n calls, after n/10 calls to warm up.
func each(n int, f func(i int) error) (time.Duration, error) {
	var began time.Time
	for i := range n + n/10 {
		if i == n/10 {
			began = time.Now()
		}
		if err := f(i); err != nil {
			return 0, err
		}
	}
	return time.Since(began) / time.Duration(n), nil
}
