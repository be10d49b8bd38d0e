package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
)

// migrationStatus is the JSON form of one migration.
type migrationStatus struct {
	File      string     `json:"file"`
	AppliedAt *time.Time `json:"applied_at"` // null while pending
}

// migrationStates does not create a SQLite database that does not exist yet.
func (a *app) migrationStates(ctx context.Context, cmd *cli.Command) ([]migrate.Status, error) {
	c, conn, dir, err := a.toMigrate(cmd)
	if err != nil {
		return nil, err
	}
	if conn.File != "" && !exists(conn.File) {
		return migrate.Pending(dialects[conn.Dialect], dir)
	}
	d, done, err := a.open(ctx, c, conn, dir)
	if err != nil {
		return nil, err
	}
	defer done()
	p := a.begin("reading the status")
	defer p.end()
	return d.Status(ctx)
}

func (a *app) dbStatus(ctx context.Context, cmd *cli.Command) error {
	all, err := a.migrationStates(ctx, cmd)
	if err != nil {
		return err
	}
	out := make([]migrationStatus, 0, len(all))
	rows := make([][]string, 0, len(all))
	for _, s := range all {
		one, state := migrationStatus{File: s.File}, "pending"
		if !s.Applied.IsZero() {
			one.AppliedAt, state = &s.Applied, "applied "+stamp(s.Applied)
		}
		out = append(out, one)
		rows = append(rows, []string{clean(s.File), state})
	}
	if cmd.Bool("json") {
		return a.json(out)
	}
	a.table([]string{"MIGRATION", "STATE"}, rows)
	return nil
}
