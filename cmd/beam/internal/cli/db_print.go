package cli

import (
	"bytes"
	"context"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/cmd/beam/internal/migrate"
)

// dbPrint buffers its output, so that a failure never leaves an incomplete list of
// statements.
func (a *app) dbPrint(ctx context.Context, cmd *cli.Command) error {
	_, conn, dir, err := a.toMigrate(cmd)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := migrate.Print(ctx, &b, dialects[conn.Dialect], dir); err != nil {
		return a.advise(err, dir, "")
	}
	a.printf("%s", b.String())
	return nil
}
