package stores

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
	"github.com/expanse-go/session/sqlstore"
)

// A bulk fills stores with many sessions, two per owner, half of which may have expired.
type bulk struct {
	rows    int
	expired bool // every second one, two to ten hours ago; the others in 4 to 20 hours
	now     time.Time
	data    []byte
}

const bulkBytes = 500

func newBulk(rows int, expired bool) bulk {
	data := make([]byte, bulkBytes)
	rand.Read(data)
	return bulk{rows, expired, time.Now(), data}
}

// id spreads the IDs evenly over the whole range, in ascending order except for one break in
// the middle. Filling a table in the order of its key is many times faster, and the result
// is the same as after filling it in another order and vacuuming.
func (b bulk) id(i int) (id session.ID) {
	binary.BigEndian.PutUint64(id[:], uint64(i)*b.step()+1<<63)
	binary.BigEndian.PutUint64(id[8:], uint64(i))
	return id
}

func (b bulk) step() uint64 { return ^uint64(0) / uint64(b.rows) }

// owner spreads the sessions of an owner to distant parts of the table.
func (b bulk) owner(i int) string { return fmt.Sprintf("user%08d", i%(b.rows/2)) }

func (b bulk) expires(i int) time.Time {
	minutes := time.Duration(i/2*7919%480) * time.Minute
	if b.expired && i%2 == 0 {
		return b.now.Add(-2*time.Hour - minutes)
	}
	return b.now.Add(4*time.Hour + 2*minutes)
}

// into fills the empty store at a location.
func (b bulk) into(loc location) error {
	if loc.Kind == "file" {
		return b.files(loc.Name)
	}
	db, err := loc.connect()
	if err != nil {
		return err
	}
	defer db.Close()
	table, indexes, err := schema(loc.dialect())
	if err != nil {
		return err
	}
	fill := b.postgres
	if loc.Kind == "sqlite" {
		// Fast settings, for a connection that is not used again. With a journal, SQLite
		// would write each page twice.
		db.SetMaxOpenConns(1)
		table = append([]string{"PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -262144"}, table...)
		fill = b.sqlite
	}
	for _, statement := range table {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := fill(db); err != nil {
		return err
	}
	if loc.Kind == "postgres" {
		indexes = append(indexes, "VACUUM (ANALYZE) sessions", "CHECKPOINT")
	}
	for _, statement := range indexes {
		if _, err := db.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// schema separates the statements of the migration that create indexes, because building an
// index is faster after filling the table.
func schema(d sqlstore.Dialect) (table, indexes []string, err error) {
	migrations, err := sqlstore.Migrations(d, sqlstore.Config{})
	if err != nil {
		return nil, nil, err
	}
	for _, m := range migrations {
		for _, statement := range m.Statements() {
			if strings.Contains(statement, "CREATE INDEX") {
				indexes = append(indexes, statement)
			} else {
				table = append(table, statement)
			}
		}
	}
	return table, indexes, nil
}

const bulkColumns = "INSERT INTO sessions (id, version, owner, address, user_agent, created_at, last_activity, expires_at, data) "

func (b bulk) sqlite(db *sql.DB) error {
	const batch = 500
	row := ", (?, 1, ?, '192.0.2.1', 'Mozilla/5.0', ?, ?, ?, ?)"
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after Commit
	stmt, err := tx.Prepare(bulkColumns + "VALUES " + strings.Repeat(row, batch)[2:])
	if err != nil {
		return err
	}
	defer stmt.Close()
	now := b.now.UnixNano()
	args := make([]any, 0, 6*batch)
	for from := 0; from < b.rows; from += batch {
		args = args[:0]
		for i := from; i < from+batch; i++ {
			id := b.id(i)
			args = append(args, id[:], b.owner(i), now, now, b.expires(i).UnixNano(), b.data)
		}
		if _, err := stmt.Exec(args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// postgres generates the rows on the server. It computes the IDs as numeric, because
// PostgreSQL's integers are signed and their multiplication fails on overflow.
func (b bulk) postgres(db *sql.DB) error {
	_, err := db.Exec(bulkColumns+`
		SELECT int8send((i::numeric * $1::numeric - 9223372036854775808)::bigint) || int8send(i), 1,
			'user' || lpad((i % $2)::text, 8, '0'), '192.0.2.1', 'Mozilla/5.0', $3, $3,
			CASE WHEN $4 AND i % 2 = 0 THEN $3::bigint - 7200000000000 - i / 2 * 7919 % 480 * 60000000000
				ELSE $3::bigint + 14400000000000 + i / 2 * 7919 % 480 * 120000000000 END, $5
		FROM generate_series(0::bigint, $6::bigint - 1) i`,
		fmt.Sprint(b.step()), b.rows/2, b.now.UnixNano(), b.expired, b.data, b.rows)
	return err
}

// files uses the store itself, without fsync. The sessions have no owner, because each owner
// mark would be another file.
func (b bulk) files(folder string) error {
	s, err := filestore.Open(folder, filestore.Config{DangerouslyNoSync: true})
	if err != nil {
		return err
	}
	defer s.Close()
	return b.create(s)
}

// create creates the sessions through the store, concurrently in four ranges.
func (b bulk) create(s session.Store) error {
	const parts = 4
	errs := make([]error, parts)
	var wg sync.WaitGroup
	for part := range parts {
		wg.Go(func() {
			for i := part * b.rows / parts; i < (part+1)*b.rows/parts && errs[part] == nil; i++ {
				errs[part] = s.Create(context.Background(), session.Record{
					ID: b.id(i), Client: session.Client{Address: "192.0.2.1", UserAgent: "Mozilla/5.0"},
					CreatedAt: b.now, LastActivity: b.now, ExpiresAt: b.expires(i), Data: bytes.Clone(b.data),
				})
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
