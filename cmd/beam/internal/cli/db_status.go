package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v3"
)

// migrationStatus is the JSON form of one migration.
type migrationStatus struct {
	File      string     `json:"file"`
	AppliedAt *time.Time `json:"applied_at"` // null while pending
}

func (a *app) dbStatus(ctx context.Context, cmd *cli.Command) error {
	d, done, err := a.runner(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	p := a.begin("reading the status")
	all, err := d.Status(ctx)
	p.end()
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
