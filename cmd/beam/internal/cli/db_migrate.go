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
		return errors.Join(a.advise(err, d.dir, d.Table()), a.othersTable(ctx, d, nil))
	}
	reported := a.ranReport(cmd, "applied", "nothing to migrate", results)
	if versions := d.Mixed(); len(versions) > 0 {
		a.warn("%s now records the migrations of this folder; another program uses goose_db_version, where the versions %d "+
			"may confuse it: delete these rows there", d.Table(), versions)
	}
	if err == nil {
		err = a.checkTable(ctx, d)
	} else {
		err = errors.Join(err, a.othersTable(ctx, d, nil))
	}
	return errors.Join(reported, err)
}
