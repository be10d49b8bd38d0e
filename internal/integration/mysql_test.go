package integration

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

func isMySQL(d database) bool { return d.dialect == sqlstore.MySQL }

// MySQL counts changed or matched rows, depending on the connection. With both counts,
// the store reports the right result for a touch that changes nothing, an update that
// changes only the version, and an update of a missing record.
func TestMySQLRowCounts(t *testing.T) {
	each(t, isMySQL, func(t *testing.T, d database) {
		s := d.store(t)
		ctx := t.Context()
		now := time.Now()
		r := session.Record{ID: session.ID{1}, Owner: "ada", LastActivity: now, ExpiresAt: now.Add(time.Hour), Data: []byte("same")}
		mustCreate(t, s, r)
		for range 2 {
			if err := s.Touch(ctx, r.ID, now, now.Add(time.Hour)); err != nil {
				t.Errorf("touch that moves nothing: %v", err)
			}
		}
		for r.Version = 1; r.Version < 4; r.Version++ {
			if err := s.Update(ctx, r); err != nil {
				t.Errorf("update without a change, version %d: %v", r.Version, err)
			}
		}
		r.Version = 1
		if err := s.Update(ctx, r); err != session.ErrConflict {
			t.Errorf("stale update: got %v, want a conflict", err)
		}
		if err := s.Create(ctx, r); err != session.ErrConflict {
			t.Errorf("second create: got %v, want a conflict", err)
		}
		if err := s.Delete(ctx, r.ID); err != nil {
			t.Error(err)
		}
		if err := s.Update(ctx, r); err != session.ErrNotFound {
			t.Errorf("update after delete: got %v, want not found", err)
		}
	})
}

// MySQL's collations ignore trailing spaces, and most ignore case. Owners are compared
// exactly.
func TestMySQLOwnersAreExact(t *testing.T) {
	each(t, isMySQL, func(t *testing.T, d database) {
		s := d.store(t)
		owners := []string{"ada", "Ada", "ada ", "adä", "ada\t", ""}
		for i, owner := range owners {
			mustCreate(t, s, session.Record{ID: session.ID{byte(i + 1)}, Owner: owner})
		}
		for i, owner := range owners {
			var got []session.ID
			for r, err := range s.ListOwner(t.Context(), owner) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, r.ID)
			}
			if len(got) != 1 || got[0] != (session.ID{byte(i + 1)}) {
				t.Errorf("sessions of %q: got %v, want the one of number %d", owner, got, i+1)
			}
		}
	})
}

// If the server picks the store as the victim of a deadlock, the store retries. The
// other transaction has written more, so the server picks the store.
func TestMySQLDeadlockIsTriedAgain(t *testing.T) {
	each(t, isMySQL, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		table := quoted(d.dialect, cfg)
		mustExec(t, db, "CREATE TABLE other (n INT PRIMARY KEY, v INT NOT NULL)")
		mustExec(t, db, "INSERT INTO other VALUES (1, 0)")
		// The trigger makes the store's own update take a second lock.
		mustExec(t, db, "CREATE TRIGGER both_locks AFTER UPDATE ON "+table+" FOR EACH ROW UPDATE other SET v = v + 1 WHERE n = 1")
		id := session.ID{1}
		mustCreate(t, s, session.Record{ID: id})

		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback()
		mustExecTx(t, tx, "INSERT INTO other SELECT seq + 10, 0 FROM seq_1_to_200")
		mustExecTx(t, tx, "UPDATE other SET v = v + 1 WHERE n = 1")
		updated := make(chan error, 1)
		go func() { updated <- s.Update(t.Context(), session.Record{ID: id, Version: 1, Owner: "ada"}) }()
		waitForLock(t, db) // the store has locked its row and waits for ours
		mustExecTx(t, tx, "SELECT version FROM "+table+" WHERE id = ? FOR UPDATE", id[:])
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-updated; err != nil {
			t.Errorf("got %v, want success at the second try", err)
		}
		if r, err := s.Load(t.Context(), id); err != nil || r.Version != 2 || r.Owner != "ada" {
			t.Errorf("got version %d of %q, %v, want 2 of ada", r.Version, r.Owner, err)
		}
	})
}

// waitForLock returns when a transaction waits for a lock. (It does not use the tables
// of locks, which are not refreshed while they are read continuously.)
func waitForLock(t *testing.T, db *sql.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	for {
		var n int
		if err := db.QueryRowContext(ctx, "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_row_lock_current_waits'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
}

func mustExecTx(t *testing.T, tx *sql.Tx, statement string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// The store sees committed data even if the program sets another default isolation
// level.
func TestIsolationLevels(t *testing.T) {
	for _, d := range databases {
		if isSQLite(d) {
			continue
		}
		for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
			t.Run(d.name+"/"+level, func(t *testing.T) {
				p := d.place(t)
				db := p.connect(t)
				db.SetMaxOpenConns(8)
				cfg := p.table(t, db, d.dialect)
				setIsolation(t, db, d, 8, level)
				s := open(t, db, d.dialect, cfg)
				countTo(t, s, session.ID{1}, 8, 10)
			})
		}
	}
}

// setIsolation sets the level of every connection of the pool.
func setIsolation(t *testing.T, db *sql.DB, d database, conns int, level string) {
	t.Helper()
	statement := "SET SESSION TRANSACTION ISOLATION LEVEL " + level
	if isPostgres(d) {
		statement = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL " + level
	}
	for range conns {
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() // at the end, so that each Conn is another connection
		if _, err := c.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// countTo runs writers that each increment the version of one record so many times by
// compare-and-swap, and checks that no increment is lost.
func countTo(t *testing.T, s session.Store, id session.ID, writers, each int) {
	t.Helper()
	mustCreate(t, s, session.Record{ID: id})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			if err := raise(t.Context(), s, id, each); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r, err := s.Load(t.Context(), id)
	if want := uint64(writers*each + 1); err != nil || r.Version != want || len(r.Data) != writers*each {
		t.Errorf("got version %d with %d marks, %v, want version %d", r.Version, len(r.Data), err, want)
	}
}

// raise adds n marks to a record, by compare-and-swap.
func raise(ctx context.Context, s session.Store, id session.ID, n int) error {
	for n > 0 {
		r, err := s.Load(ctx, id)
		if err != nil {
			return err
		}
		r.Data = append(r.Data, 'x')
		switch err := s.Update(ctx, r); err {
		case nil:
			n--
		case session.ErrConflict:
		default:
			return err
		}
	}
	return nil
}
