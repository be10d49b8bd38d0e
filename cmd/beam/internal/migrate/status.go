package migrate

import (
	"context"
	"path"
	"time"

	"github.com/pressly/goose/v3"
)

// A Status describes one migration of the folder. Applied is zero if it is pending.
type Status struct {
	File    string
	Applied time.Time
}

// applied reads goose's own table. goose's Status would scan the time into a time.Time, which
// go-sql-driver/mysql supports only with the option parseTime. Also, the time is in the time
// zone of the database session, which only the database can convert.
var applied = map[Dialect]string{
	SQLite:   "SELECT version_id, CAST(strftime('%s', tstamp) AS INTEGER) FROM " + goose.DefaultTablename,
	Postgres: "SELECT version_id, CAST(extract(epoch FROM CAST(tstamp AS timestamptz)) AS bigint) FROM " + goose.DefaultTablename,
	MySQL:    "SELECT version_id, CAST(UNIX_TIMESTAMP(tstamp) AS SIGNED) FROM " + goose.DefaultTablename,
}

// Status returns all migrations of the folder, ordered by version.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	// This creates goose's table, if it is missing, under the lock.
	if _, err := r.provider.GetDBVersion(ctx); err != nil {
		return nil, err
	}
	rows, err := r.db.QueryContext(ctx, applied[r.dialect])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	at := map[int64]time.Time{} // :: version → when it was applied
	for rows.Next() {
		var version, seconds int64
		if err := rows.Scan(&version, &seconds); err != nil {
			return nil, err
		}
		at[version] = time.Unix(seconds, 0).UTC()
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	sources := r.provider.ListSources()
	out := make([]Status, 0, len(sources))
	for _, s := range sources {
		out = append(out, Status{File: path.Base(s.Path), Applied: at[s.Version]})
	}
	return out, nil
}
