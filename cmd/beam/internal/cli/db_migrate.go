package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"
)

func (a *app) dbMigrate(ctx context.Context, cmd *cli.Command) error {
	r, done, err := a.runner(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	p := a.begin("migrating")
	results, err := r.Up(ctx)
	p.end()
	if err != nil && len(results) == 0 {
		return err
	}
	return errors.Join(a.ranReport(cmd, "applied", "nothing to migrate", results), err)
}
