package integration

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// Two pruners on two pools delete each expired record once, and keep all others.
func TestPrunersShareTheWork(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		a := open(t, db, d.dialect, cfg)
		if p.dsn != ":memory:" {
			db = p.connect(t)
		}
		b := open(t, db, d.dialect, cfg)
		now := time.Now()
		const expired, alive = 450, 50
		for i := range expired + alive {
			at := now.Add(-time.Duration(1 + rand.N(int64(10*time.Hour))))
			if i >= expired {
				at = now.Add(time.Duration(rand.N(int64(10 * time.Hour)))) // may be exactly now
			}
			mustCreate(t, a, session.Record{ID: session.ID{1, byte(i), byte(i >> 8)}, ExpiresAt: at})
		}
		var wg sync.WaitGroup
		var pruned [2]int
		for i, s := range []session.Pruner{a, b} {
			wg.Go(func() {
				n, err := s.Prune(t.Context(), now, 10*expired)
				if err != nil {
					t.Error(err)
				}
				pruned[i] = n
			})
		}
		wg.Wait()
		if got := pruned[0] + pruned[1]; got != expired {
			t.Errorf("pruned %d and %d, want %d in all", pruned[0], pruned[1], expired)
		}
		n := 0
		for r, err := range a.List(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if r.ExpiresAt.Before(now) {
				t.Errorf("%s expired at %v and is still there", r.ID, r.ExpiresAt)
			}
			n++
		}
		if n != alive {
			t.Errorf("%d records are left, want %d", n, alive)
		}
	})
}

func TestPruneIsBounded(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		now := time.Now()
		for i := range 250 {
			mustCreate(t, s, session.Record{ID: session.ID{1, byte(i)}, ExpiresAt: now.Add(-time.Minute)})
		}
		for _, c := range []struct{ limit, want int }{{-1, 0}, {0, 0}, {1, 1}, {120, 120}, {129, 129}, {10, 0}} {
			if got, err := s.Prune(t.Context(), now, c.limit); err != nil || got != c.want {
				t.Errorf("limit %d: got %d, %v, want %d", c.limit, got, err, c.want)
			}
		}
	})
}

// Prune does not wait for a record that another transaction has locked.
func TestPruneSkipsLockedRecords(t *testing.T) {
	servers := func(d database) bool { return !isSQLite(d) }
	each(t, servers, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		now := time.Now()
		for i := range 10 {
			mustCreate(t, s, session.Record{ID: session.ID{byte(i + 1)}, ExpiresAt: now.Add(-time.Minute)})
		}
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		parameter := "?"
		if isPostgres(d) {
			parameter = "$1"
		}
		id := session.ID{3}
		if _, err := tx.Exec("UPDATE "+quoted(d.dialect, cfg)+" SET version = 7 WHERE id = "+parameter, id[:]); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		if n, err := s.Prune(ctx, now, 100); err != nil || n != 9 {
			t.Errorf("got %d, %v, want 9: one is locked", n, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Prune(ctx, now, 100); err != nil || n != 1 {
			t.Errorf("got %d, %v, want the one that was locked", n, err)
		}
	})
}

func TestClosedStore(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		mustCreate(t, s, session.Record{ID: session.ID{1}})
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
		if _, err := s.Load(t.Context(), session.ID{1}); !errors.Is(err, sqlstore.ErrClosed) {
			t.Errorf("got %v, want that the store is closed", err)
		}
	})
}

// The hour in SQLite's index may be too early, but never too late. A record that lives
// longer than its hour is not pruned, does not delay the pruning of others, and gets
// its hour corrected by one prune. A record that now expires earlier is found.
func TestPruneFollowsTheExpiry(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		now := time.Now()
		const many = 250 // more than two batches
		for i := range many {
			r := session.Record{ID: session.ID{1, byte(i)}, Owner: "ada", ExpiresAt: now.Add(-5 * time.Hour), LastActivity: now.Add(-6 * time.Hour)}
			mustCreate(t, s, r)
			var err error
			if i%2 == 0 {
				err = s.Touch(t.Context(), r.ID, now, now.Add(time.Hour))
			} else {
				r.Version, r.ExpiresAt = 1, now.Add(time.Hour)
				err = s.Update(t.Context(), r)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range 30 {
			r := session.Record{ID: session.ID{2, byte(i)}, Owner: "ada", ExpiresAt: now.Add(5 * time.Hour)}
			mustCreate(t, s, r)
			r.Version, r.ExpiresAt = 1, now.Add(-time.Minute)
			if err := s.Update(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int{20, 10, 0} {
			if got, err := s.Prune(t.Context(), now, 20); err != nil || got != want {
				t.Errorf("pruned %d, %v, want %d", got, err, want)
			}
		}
		var early int
		row := db.QueryRow("SELECT count(*) FROM " + quoted(d.dialect, cfg) + " WHERE expires_hour <> expires_at / 3600000000000")
		if d.dialect != sqlstore.MySQL { // in MySQL, / is not integer division
			if err := row.Scan(&early); err != nil || early != 0 {
				t.Errorf("%d records are examined again by the next prune (%v)", early, err)
			}
		}
		if got, err := s.Prune(t.Context(), now.Add(2*time.Hour), 1000); err != nil || got != many {
			t.Errorf("afterwards pruned %d, %v, want %d", got, err, many)
		}
	})
}
