package sessionmigrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// A Table describes a table of old sessions. The packages of the sources define theirs.
type Table struct {
	Name string // with a schema if needed: "web.sessions"
	Key  string // the column with the key, which is unique
	Data string // the column with the data

	// Left is an SQL expression for the seconds until the session ends, or NULL if it never
	// does. "" means NULL.
	Left string
}

// identifier is a name that needs no quotes, with an optional schema.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// CheckTable returns an error for a table's name that would need quotes in SQL.
func CheckTable(name string) error {
	if !identifier.MatchString(name) {
		return fmt.Errorf("session: the table name %q is invalid; use letters, digits and underscores, and at most one dot, after a schema", name)
	}
	return nil
}

// SQL returns the records of a table. It only reads. It needs no transaction, and keeps no
// connection while List yields.
func SQL(db *sql.DB, dialect sqlstore.Dialect, t Table) (Records, error) {
	if db == nil {
		return nil, errors.New("session: sessionmigrate.SQL needs a database")
	}
	if err := CheckTable(t.Name); err != nil {
		return nil, err
	}
	one, two := "?", "?"
	switch dialect {
	case sqlstore.PostgreSQL:
		one, two = "$1", "$2"
	case sqlstore.SQLite, sqlstore.MySQL:
	default:
		return nil, fmt.Errorf("session: unknown dialect %q; use sqlstore.SQLite, PostgreSQL or MySQL", dialect)
	}
	if t.Left == "" {
		t.Left = "NULL"
	}
	columns := fmt.Sprintf("SELECT %s, %s, %s FROM %s ", t.Key, t.Data, t.Left, t.Name)
	return &sqlRecords{
		db:   db,
		one:  columns + "WHERE " + t.Key + " = " + one,
		page: columns + "WHERE " + t.Key + " > " + one + " ORDER BY " + t.Key + " LIMIT " + two,
	}, nil
}

type sqlRecords struct {
	db        *sql.DB
	one, page string
}

const pageSize = 500

func (s *sqlRecords) Load(ctx context.Context, key string) (Record, error) {
	r, err := scan(s.db.QueryRowContext(ctx, s.one, key))
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.Key != key { // a collation may ignore case
		return Record{}, session.ErrNotFound
	}
	return r, err
}

func (s *sqlRecords) List(ctx context.Context) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for after := ""; ; {
			rows, err := s.read(ctx, after)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) < pageSize {
				return
			}
			after = rows[len(rows)-1].Key
		}
	}
}

// read returns the next page.
func (s *sqlRecords) read(ctx context.Context, after string) (page []Record, err error) {
	rows, err := s.db.QueryContext(ctx, s.page, after, pageSize)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		page = append(page, r)
	}
	return page, rows.Err()
}

func scan(row interface{ Scan(...any) error }) (r Record, err error) {
	var left sql.NullFloat64
	if err = row.Scan(&r.Key, &r.Data, &left); err == nil && left.Valid {
		r.ExpiresAt = time.Now().Add(time.Duration(min(left.Float64, maxLeft) * float64(time.Second)))
	}
	return r, err
}

// maxLeft is ten years, because a time.Duration holds no more than 290.
const maxLeft = 10 * 365 * 24 * 3600
