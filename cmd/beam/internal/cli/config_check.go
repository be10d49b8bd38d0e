package cli

import (
	"context"

	"github.com/urfave/cli/v3"
)

// configCheck says all that is wrong: first what the files and variables alone
// tell, then what the world says, such as whether the database answers and has
// the table.
func (a *app) configCheck(ctx context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	if cmd.Bool("offline") {
		a.printf("no mistakes; the store was not opened\n")
		return nil
	}
	p := a.begin("opening the store %s", c.StoreName())
	err = c.Check(ctx)
	p.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	a.printf("no mistakes; the store %s answers\n", c.StoreName())
	return nil
}
