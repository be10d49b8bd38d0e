package sqltable

import (
	"math"
	"time"

	"github.com/expanse-go/session"
)

// Width is the number of RecordColumns.
const Width = 8

// RecordColumns are the columns of a record without its ID, in the order in which a
// [Row] reads them. recordArgs writes them without the version.
const RecordColumns = "version, owner, address, user_agent, created_at, last_activity, expires_at, data"

// PageSize is how many records List holds in memory at once: at most 64 MiB with the
// manager's default limit of one MiB for a session.
const PageSize = 64

// PruneBatch is how many records are deleted at once, so that others do not wait long
// for a lock.
const PruneBatch = 100

func recordArgs(r *session.Record, last ...any) []any {
	data := r.Data
	if data == nil {
		data = []byte{} // nil is NULL
	}
	return append([]any{r.Owner, r.Client.Address, r.Client.UserAgent,
		nanos(r.CreatedAt), nanos(r.LastActivity), nanos(r.ExpiresAt), data}, last...)
}

// A Row holds the values that a statement reads of a record.
type Row struct {
	Version                    int64
	Owner, Address, UserAgent  string
	Created, Activity, Expires int64
	Data                       []byte
}

// Record returns the record with this ID. It shares Data.
func (r *Row) Record(id session.ID) session.Record {
	return session.Record{
		ID: id, Version: uint64(r.Version), Owner: r.Owner,
		Client:    session.Client{Address: r.Address, UserAgent: r.UserAgent},
		CreatedAt: instant(r.Created), LastActivity: instant(r.Activity), ExpiresAt: instant(r.Expires),
		Data: r.Data,
	}
}

// IDOf returns the ID in b; ok is false if b has another length.
func IDOf(b []byte) (id session.ID, ok bool) {
	if len(b) != len(id) {
		return id, false
	}
	return session.ID(b), true
}

// nanos returns the instant as it is stored: nanoseconds since 1970. Instants before
// 1678 and after 2261 do not fit and become the least and the greatest number, so that
// a session that is meant to live forever does not expire in the past. The least number
// also represents the zero time.
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

// hour returns the value of expires_hour for an expiry of n. It rounds toward zero, as
// the databases do that compute the column.
func hour(n int64) int64 { return n / int64(time.Hour) }
