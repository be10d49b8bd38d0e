package sqlstore

import (
	"database/sql"
	"errors"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// A row holds the destinations of [sqltable.RecordColumns].
type row struct {
	id                                []byte // only from destWithID
	version, created, active, expires number
	owner, address, agent             string
	data                              []byte
}

// dest returns the pointers for Scan.
func (r *row) dest() [sqltable.Width]any {
	return [...]any{&r.version, &r.owner, &r.address, &r.agent, &r.created, &r.active, &r.expires, &r.data}
}

// destWithID is dest for statements that select the ID first.
func (r *row) destWithID() []any {
	d := r.dest()
	return append([]any{&r.id}, d[:]...)
}

func (r *row) record(id session.ID) session.Record {
	t := sqltable.Row{
		Version: int64(r.version), Owner: r.owner, Address: r.address, UserAgent: r.agent,
		Created: int64(r.created), Activity: int64(r.active), Expires: int64(r.expires), Data: r.data,
	}
	return t.Record(id)
}

// A number scans an integer as the driver returns it. For an int64, database/sql would
// format the value in decimal and parse the text.
type number int64

// Scan implements [sql.Scanner].
func (n *number) Scan(value any) error {
	if v, ok := value.(int64); ok {
		*n = number(v)
		return nil
	}
	var other sql.Null[int64]
	err := other.Scan(value)
	if err == nil && !other.Valid {
		err = errors.New("session: NULL in a column of numbers")
	}
	*n = number(other.V)
	return err
}
