package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"
)

func (a *app) dbMigrate(ctx context.Context, cmd *cli.Command) error {
	d, done, err := a.runner(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	p := a.begin("migrating")
	results, err := d.Up(ctx)
	p.end()
	if err != nil && len(results) == 0 {
		return a.advise(err, d.dir)
	}
	reported := a.ranReport(cmd, "applied", "nothing to migrate", results)
	if err == nil {
		err = a.checkTable(ctx, d)
	}
	return errors.Join(reported, err)
}
