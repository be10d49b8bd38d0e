package integration

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// Sixteen writers write at once, in rounds. Most succeed; some are stale, some update a
// missing record, and some create. However they share transactions or statements, each
// gets its own result, and exactly that is stored.
func TestEachWriterGetsItsOwnResult(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		ctx := t.Context()
		const writers, rounds = 16, 20
		id := func(round, writer int) session.ID { return session.ID{1, byte(round), byte(writer)} }
		for w := range writers {
			mustCreate(t, s, session.Record{ID: id(0, w)})
		}
		for round := 1; round <= rounds; round++ {
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					data := fmt.Append(nil, round, w)
					r := session.Record{ID: id(0, w), Version: uint64(round), Data: data}
					err, want := error(nil), error(nil)
					switch (round + w) % 8 {
					default:
						err = s.Update(ctx, r)
					case 5:
						r.Version += 7
						err, want = s.Update(ctx, r), session.ErrConflict
					case 6:
						r.ID = session.ID{2, byte(w)}
						err, want = s.Update(ctx, r), session.ErrNotFound
					case 7:
						err = s.Create(ctx, session.Record{ID: id(round, w), Data: data})
					}
					if err != want {
						t.Errorf("round %d, writer %d: got %v, want %v", round, w, err, want)
					}
					if (round+w)%8 >= 5 { // its own record is one version behind
						if err := s.Update(ctx, session.Record{ID: id(0, w), Version: uint64(round), Data: data}); err != nil {
							t.Errorf("round %d, writer %d: %v", round, w, err)
						}
					}
				})
			}
			wg.Wait()
		}
		for w := range writers {
			r, err := s.Load(ctx, id(0, w))
			if want := fmt.Sprint(rounds, w); err != nil || r.Version != rounds+1 || string(r.Data) != want {
				t.Errorf("writer %d: got version %d with %q (%v), want %d with %q", w, r.Version, r.Data, err, rounds+1, want)
			}
		}
	})
}

// Of many writers of one record, exactly one succeeds for each version.
func TestOneVersionIsTakenOnce(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		mustCreate(t, s, session.Record{ID: session.ID{1}})
		for version := uint64(1); version <= 10; version++ {
			var wg sync.WaitGroup
			results := make([]error, 16)
			for w := range results {
				wg.Go(func() {
					results[w] = s.Update(t.Context(), session.Record{ID: session.ID{1}, Version: version})
				})
			}
			wg.Wait()
			won := 0
			for _, err := range results {
				if err == nil {
					won++
				} else if err != session.ErrConflict {
					t.Errorf("got %v, want a conflict", err)
				}
			}
			if won != 1 {
				t.Errorf("version %d was taken by %d writers", version, won)
			}
		}
	})
}

func isPostgres(d database) bool { return d.dialect == sqlstore.PostgreSQL }

func isServer(d database) bool { return d.dialect != sqlstore.SQLite }

// A row that stays locked delays only its own writer.
func TestLockedRowHoldsUpNobodyElse(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		ids := make([]session.ID, 16)
		for i := range ids {
			ids[i] = session.ID{byte(i + 1)}
			mustCreate(t, s, session.Record{ID: ids[i]})
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
		if _, err := tx.Exec("SELECT 1 FROM "+quoted(d.dialect, cfg)+" WHERE id = "+parameter+" FOR UPDATE", ids[0][:]); err != nil {
			t.Fatal(err)
		}
		stuck, giveUp := context.WithCancel(t.Context())
		defer giveUp()
		locked := make(chan error, 1)
		var others sync.WaitGroup
		for i, id := range ids {
			if i == 0 {
				go func() { locked <- s.Update(stuck, session.Record{ID: id, Version: 1}) }()
				continue
			}
			others.Go(func() {
				for version := range uint64(10) {
					if err := s.Update(t.Context(), session.Record{ID: id, Version: version + 1}); err != nil {
						t.Errorf("%s: %v", id, err)
					}
				}
			})
		}
		others.Wait() // hangs, and so fails, if the locked one stops them
		giveUp()
		if err := <-locked; !errors.Is(err, context.Canceled) {
			t.Errorf("writer of the locked row: got %v, want context.Canceled", err)
		}
	})
}

// If the database refuses a batch because of one record, its records are written one by
// one.
func TestSpoiledBatch(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		const writers = 16
		for w := range writers {
			mustCreate(t, s, session.Record{ID: session.ID{byte(w + 1)}})
		}
		// A batch can violate a unique index, which its members do not know of.
		table := quoted(d.dialect, cfg)
		if isMySQL(d) {
			mustExec(t, db, "ALTER TABLE "+table+" ADD one VARCHAR(64) AS (NULLIF(address, '')) STORED, ADD UNIQUE (one)")
		} else {
			mustExec(t, db, "CREATE UNIQUE INDEX one_address ON "+table+" (address) WHERE address <> ''")
		}
		for round := range uint64(10) {
			var wg sync.WaitGroup
			results := make([]error, writers)
			for w := range writers {
				wg.Go(func() {
					r := session.Record{ID: session.ID{byte(w + 1)}, Version: round + 1}
					if w%8 == 0 { // two of them set the same address
						r.Client.Address = "127.0.0.1"
					}
					results[w] = s.Update(t.Context(), r)
				})
			}
			wg.Wait()
			failed := 0
			for w, err := range results {
				var se *session.StoreError
				if w%8 == 0 && errors.As(err, &se) {
					failed++
					if err := s.Update(t.Context(), session.Record{ID: session.ID{byte(w + 1)}, Version: round + 1}); err != nil {
						t.Fatal(err)
					}
				} else if err != nil {
					t.Errorf("round %d, writer %d: %v", round, w, err)
				}
			}
			if failed != 1 {
				t.Errorf("round %d: %d writers were refused, want 1", round, failed)
			}
		}
	})
}

// A writer that is cancelled does not affect the others, whether it waited, led or
// followed.
func TestWritersHangUp(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		const writers = 16
		for w := range writers {
			mustCreate(t, s, session.Record{ID: session.ID{byte(w + 1)}})
		}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				id := session.ID{byte(w + 1)}
				for version := uint64(1); version <= 20; {
					ctx, cancel := context.WithCancel(t.Context())
					if w%2 == 0 {
						go cancel()
					}
					err := s.Update(ctx, session.Record{ID: id, Version: version})
					cancel()
					switch {
					case err == nil:
						version++
					case w%2 == 1:
						t.Errorf("writer %d, which was not cancelled: %v", w, err)
						return
					default:
						// The record may be stored or not, or be stored later: a server
						// may finish a statement after its client has stopped waiting.
						// So write again.
						if err := raise(t.Context(), s, id, 1); err != nil {
							t.Errorf("writer %d: %v", w, err)
							return
						}
						r, err := s.Load(t.Context(), id)
						if err != nil || r.Version <= version || r.Version > version+2 {
							t.Errorf("writer %d: got version %d, %v, want one or two above %d", w, r.Version, err, version)
							return
						}
						version = r.Version
					}
				}
			})
		}
		wg.Wait()
	})
}

// Readers and writers share a pool of one connection.
func TestPoolOfOne(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		p.conns = 1
		db := p.connect(t)
		s := open(t, db, d.dialect, p.table(t, db, d.dialect))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for w := range 16 {
			id := session.ID{byte(w + 1)}
			mustCreate(t, s, session.Record{ID: id})
			wg.Go(func() {
				for range 10 {
					r, err := s.Load(ctx, id)
					if err == nil {
						err = s.Update(ctx, r)
					}
					if err == nil {
						err = s.Touch(ctx, id, time.Now(), time.Now())
					}
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
						return
					}
				}
			})
		}
		for range 3 {
			n := 0
			for r, err := range s.List(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Load(ctx, r.ID); err != nil { // inside the loop
					t.Fatal(err)
				}
				n++
			}
			if n != 16 {
				t.Errorf("listed %d records, want 16", n)
			}
		}
		wg.Wait()
	})
}

func mustCreate(tb testing.TB, s session.Store, r session.Record) {
	tb.Helper()
	if err := s.Create(context.Background(), r); err != nil {
		tb.Fatal(err)
	}
}
