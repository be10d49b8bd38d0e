package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"
)

func (a *app) dbRollback(ctx context.Context, cmd *cli.Command) error {
	steps := cmd.Int("steps")
	if steps < 1 {
		return wrong(cmd, "--steps must be at least 1, got %d", steps)
	}
	r, done, err := a.runner(ctx, cmd)
	if err != nil {
		return err
	}
	defer done()
	p := a.begin("rolling back")
	results, err := r.Down(ctx, steps)
	p.end()
	if err != nil && len(results) == 0 {
		return err
	}
	return errors.Join(a.ranReport(cmd, "rolled back", "nothing to roll back", results), err)
}
