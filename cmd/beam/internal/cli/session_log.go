package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session"
)

// sessionLog shows the last commits of a session. They are in its record, so they are those of
// all processes, in the order in which the store has them.
func (a *app) sessionLog(ctx context.Context, cmd *cli.Command) error {
	info, err := a.oneSession(ctx, cmd)
	if err != nil {
		return err
	}
	history := info.History()
	if cmd.Bool("json") {
		if history == nil {
			history = []session.HistoryEntry{}
		}
		return a.json(history)
	}
	if len(history) == 0 {
		a.printf("no commits are recorded; with history = 20 in session.toml, the application records those from then on\n")
		return nil
	}
	var rows [][]string
	for _, e := range history {
		rows = append(rows, []string{fmt.Sprint(e.Version), stamp(e.Time), orDash(e.Request), clean(strings.Join(e.Changes, ", "))})
	}
	a.table([]string{"VERSION", "TIME", "REQUEST", "CHANGES"}, rows)
	return nil
}
