package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
)

// dbRollback asks for confirmation before it removes sessions, like session clear --all.
func (a *app) dbRollback(ctx context.Context, cmd *cli.Command) error {
	steps, only := cmd.Int("steps"), cmd.String("only")
	switch {
	case steps < 1:
		return wrong(cmd, "--steps must be at least 1, got %d", steps)
	case only != "" && cmd.IsSet("steps"):
		return wrong(cmd, "give --steps or --only, not both")
	}
	d, done, err := a.runner(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	files := []string{only}
	if only == "" {
		if files, err = d.Last(ctx, steps); err != nil {
			return a.advise(err, d.dir, d.Table())
		}
	}
	if err := a.mayRemove(ctx, cmd, d, files); err != nil {
		return err
	}
	p := a.begin("rolling back")
	var results []migrate.Result
	if only != "" {
		results, err = d.DownOnly(ctx, only)
	} else {
		results, err = d.Down(ctx, steps)
	}
	p.end()
	if err != nil && len(results) == 0 {
		return a.advise(err, d.dir, d.Table())
	}
	return errors.Join(a.ranReport(cmd, "rolled back", "nothing to roll back", results), err)
}

// mayRemove returns an error if rolling back files would remove sessions and the user does
// not confirm it.
func (a *app) mayRemove(ctx context.Context, cmd *cli.Command, d *database, files []string) error {
	if err := a.othersTable(ctx, d, files); err != nil {
		return err
	}
	if cmd.Bool("yes") {
		return nil
	}
	n, err := a.sessions(ctx, d, files)
	if err != nil || n == 0 {
		return err
	}
	return a.confirm(cmd, n, "nothing was rolled back, because the table contains "+plural(n, "session")+
		"; to remove them and sign their users out, add --yes", errNotRolledBack)
}

var errNotRolledBack = errors.New("nothing was rolled back")
