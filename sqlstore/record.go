package sqlstore

import (
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/expanse-go/session"
)

// recordColumns are the columns of a record but for its ID, in the order in which
// a row reads them; written by recordArgs without the version.
const (
	recordWidth   = 8
	recordColumns = "version, owner, address, user_agent, created_at, last_activity, expires_at, data"
)

// A row is what one statement reads of a record: the destinations of recordColumns.
type row struct {
	id                                []byte // only if asked for
	version, created, active, expires number
	owner, address, agent             string
	data                              []byte
}

// dest are the pointers for Scan.
func (r *row) dest() [recordWidth]any {
	return [...]any{&r.version, &r.owner, &r.address, &r.agent, &r.created, &r.active, &r.expires, &r.data}
}

// destWithID is dest for statements that select the ID before recordColumns.
func (r *row) destWithID() []any {
	d := r.dest()
	return append([]any{&r.id}, d[:]...)
}

func (r *row) record(id session.ID) session.Record {
	return session.Record{
		ID: id, Version: uint64(r.version), Owner: r.owner,
		Client:    session.Client{Address: r.address, UserAgent: r.agent},
		CreatedAt: instant(int64(r.created)), LastActivity: instant(int64(r.active)), ExpiresAt: instant(int64(r.expires)),
		Data: r.data,
	}
}

// A number takes an integer as drivers give it. Into an int64, database/sql would
// write it out in decimal and parse that.
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

func recordArgs(r *session.Record, last ...any) []any {
	data := r.Data
	if data == nil {
		data = []byte{} // nil is NULL
	}
	return append([]any{r.Owner, r.Client.Address, r.Client.UserAgent,
		nanos(r.CreatedAt), nanos(r.LastActivity), nanos(r.ExpiresAt), data}, last...)
}

// nanos is the instant as it is stored: nanoseconds since 1970. What does not fit,
// before 1678 and after 2261, becomes the least and the greatest number, so that a
// session that is meant to live forever does not expire in the past; the least is
// also the zero time.
func nanos(t time.Time) int64 {
	switch sec := t.Unix(); {
	case sec <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case sec >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == math.MinInt64 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// hour is what the column expires_hour holds for an expiry of n, where the database
// computes it and where it is postponed; all round towards zero.
func hour(n int64) int64 { return n / int64(time.Hour) }
