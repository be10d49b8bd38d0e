package sqlstore

import (
	"math"
	"time"

	"github.com/expanse-go/session"
)

// recordColumns are the columns of a record but for its ID, in the order in which
// scanRecord reads them; written by recordArgs without the version.
const recordColumns = "version, owner, address, user_agent, created_at, last_activity, expires_at, data"

// scanRecord reads recordColumns by the Scan of a row, after what goes into first.
func scanRecord(scan func(...any) error, r *session.Record, first ...any) error {
	var row struct{ version, created, active, expires int64 }
	err := scan(append(first, &row.version, &r.Owner, &r.Client.Address, &r.Client.UserAgent,
		&row.created, &row.active, &row.expires, &r.Data)...)
	if err != nil {
		return err
	}
	r.Version = uint64(row.version)
	r.CreatedAt, r.LastActivity, r.ExpiresAt = instant(row.created), instant(row.active), instant(row.expires)
	return nil
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

// hour is what the generated column expires_hour holds for an expiry of n; both
// round towards zero.
func hour(n int64) int64 { return n / int64(time.Hour) }
