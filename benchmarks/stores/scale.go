package stores

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/sqlstore"
)

// Scale measures the calls of sqlstore on tables of growing length: SQLite (FULL)
// and, if there is a server, PostgreSQL.
func Scale(dir, driver, postgres string, rows []int, progress func(string)) (all []bench.Scale, err error) {
	for _, n := range rows {
		progress(fmt.Sprintf("SQLite, %d rows…", n))
		db, _, err := openSQLite(dir, driver, "FULL")
		if err != nil {
			return all, err
		}
		s, err := scale(db, sqlstore.SQLite, "SQLite FULL", n)
		if err != nil {
			return all, err
		}
		all = append(all, s)
		if postgres == "" {
			continue
		}
		progress(fmt.Sprintf("PostgreSQL, %d rows…", n))
		dsn, err := postgresSchema(postgres, "scale")
		if err != nil {
			return all, err
		}
		if db, err = sql.Open("pgx", dsn); err != nil {
			return all, err
		}
		pool(db)
		if s, err = scale(db, sqlstore.PostgreSQL, "PostgreSQL", n); err != nil {
			return all, err
		}
		all = append(all, s)
	}
	return all, nil
}

func scale(db *sql.DB, d sqlstore.Dialect, name string, rows int) (bench.Scale, error) {
	s := bench.Scale{Store: name, Rows: rows}
	defer db.Close()
	if err := migrate(db, d, sqlstore.Config{}); err != nil {
		return s, err
	}
	if err := insertMany(db, d, rows); err != nil {
		return s, err
	}
	if d == sqlstore.PostgreSQL {
		if _, err := db.Exec("ANALYZE sessions"); err != nil {
			return s, err
		}
	}
	store, err := sqlstore.New(db, d, sqlstore.Config{})
	if err != nil {
		return s, err
	}
	defer store.Close()
	err = measureScale(store, &s)
	return s, err
}

func measureScale(store *sqlstore.Store, s *bench.Scale) error {
	ctx, now := context.Background(), time.Now()
	for _, m := range []struct {
		into  *time.Duration
		calls int
		f     func(i int) error
	}{
		{&s.Load, 2000, func(i int) error {
			_, err := store.Load(ctx, scaleID(i*7919%s.Rows))
			return err
		}},
		{&s.Commit, 500, func(i int) error {
			r, err := store.Load(ctx, scaleID(i*104729%s.Rows))
			if err != nil {
				return err
			}
			r.LastActivity = now
			return store.Update(ctx, r)
		}},
		{&s.ListOwner, 200, func(i int) error {
			found := 0
			for _, err := range session.ListOwner(ctx, store, fmt.Sprint("user", i*31%(s.Rows/2))) {
				if err != nil {
					return err
				}
				found++
			}
			if found != 2 {
				return fmt.Errorf("found %d sessions of an owner, want 2", found)
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

// each returns the mean time of n calls, the first few not counted.
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

// scaleID spreads the IDs over the table, as random ones are.
func scaleID(i int) (id session.ID) {
	x := uint64(i+1) * 0x9e3779b97f4a7c15
	for j := range id {
		id[j] = byte(x >> (8 * (j % 8)))
		if j == 7 {
			x *= 0xbf58476d1ce4e5b9
		}
	}
	return id
}

func insertMany(db *sql.DB, d sqlstore.Dialect, rows int) error {
	const batch = 500
	row, text := "(?, 1, ?, '192.0.2.1', 'Mozilla/5.0', ?, ?, ?, ?)", new(strings.Builder)
	text.WriteString("INSERT INTO sessions (id, version, owner, address, user_agent, created_at, last_activity, expires_at, data) VALUES ")
	n := 0
	for i := range batch {
		if i > 0 {
			text.WriteString(", ")
		}
		for part := range strings.SplitAfterSeq(row, "?") {
			if d == sqlstore.PostgreSQL && strings.HasSuffix(part, "?") {
				n++
				part = part[:len(part)-1] + fmt.Sprint("$", n)
			}
			text.WriteString(part)
		}
	}
	data := make([]byte, 640)
	rand.Read(data)
	now := time.Now().UnixNano()
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	stmt, err := tx.Prepare(text.String())
	if err != nil {
		return err
	}
	defer stmt.Close()
	for from := 0; from < rows; from += batch {
		args := make([]any, 0, 6*batch)
		for i := from; i < from+batch; i++ {
			id := scaleID(i)
			expires := now + int64(time.Hour) + int64(i%1440)*int64(time.Minute)
			args = append(args, id[:], fmt.Sprint("user", i/2), now, now, expires, data)
		}
		if _, err := stmt.Exec(args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
