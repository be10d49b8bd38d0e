package cli

import (
	"context"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/sessionconfig"
)

// configReport is the JSON output of config check. Its mistakes and warnings are the lines
// that are also written to standard error.
type configReport struct {
	Store    string   `json:"store"` // "" if there is no configuration
	Opened   bool     `json:"opened"`
	Mistakes []string `json:"mistakes"`
	Warnings []string `json:"warnings"`
}

// configCheck reports all mistakes: first in the files and variables, then by opening the
// store, which shows whether the database answers and has the table.
func (a *app) configCheck(ctx context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd)
	opened := false
	if err == nil && !cmd.Bool("offline") {
		p := a.begin("opening the store %s", c.StoreName())
		err = c.Check(ctx)
		p.end()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		opened = err == nil
	}
	switch {
	case cmd.Bool("json"):
		if written := a.json(a.configReport(c, err, opened)); written != nil {
			return written
		}
	case err == nil && opened:
		a.printf("no mistakes found; the %s store can be opened\n", c.StoreName())
	case err == nil:
		a.printf("no mistakes found; the store was not opened\n")
	}
	return err
}

func (a *app) configReport(c *sessionconfig.Config, err error, opened bool) configReport {
	r := configReport{Opened: opened, Mistakes: []string{}, Warnings: []string{}}
	if err != nil {
		r.Mistakes = a.lines(err)
	}
	if c != nil {
		r.Store = c.StoreName()
		for _, w := range c.Warnings() {
			r.Warnings = append(r.Warnings, strings.Join(a.lines(w), " "))
		}
	}
	return r
}
