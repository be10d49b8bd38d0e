package migrate

import (
	"context"
	"path"
	"time"
)

// A Status describes one migration of the folder. Applied is zero if it is pending.
type Status struct {
	File    string
	Applied time.Time
}

// Status returns all migrations of the folder, ordered by version. It changes nothing.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	applied, err := r.history.applied(ctx, r.db)
	if err != nil {
		return nil, err
	}
	at := map[int64]time.Time{} // :: version → when it was applied
	for _, row := range applied {
		at[row.version] = row.applied
	}
	sources := r.provider.ListSources()
	out := make([]Status, 0, len(sources))
	for _, s := range sources {
		out = append(out, Status{File: path.Base(s.Path), Applied: at[s.Version]})
	}
	return out, nil
}
