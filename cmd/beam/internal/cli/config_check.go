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
	warnings := c.Warnings()
	if err == nil && !cmd.Bool("offline") {
		p := a.begin("opening the store %s", c.StoreName())
		var more []*sessionconfig.Error
		more, err = c.CheckWarnings(ctx)
		p.end()
		for _, w := range more {
			a.warn("%s", strings.Join(a.lines(w), " "))
		}
		warnings = append(warnings, more...)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		opened = err == nil
	}
	switch {
	case cmd.Bool("json"):
		if written := a.json(a.configReport(c, err, opened, warnings)); written != nil {
			return written
		}
	case err == nil && opened:
		a.printf("no mistakes found; the %s store can be opened\n", c.StoreName())
	case err == nil:
		a.printf("no mistakes found; the store was not opened\n")
	}
	return err
}

func (a *app) configReport(c *sessionconfig.Config, err error, opened bool, warnings []*sessionconfig.Error) configReport {
	r := configReport{Opened: opened, Mistakes: []string{}, Warnings: []string{}}
	if err != nil {
		r.Mistakes = a.lines(err)
	}
	if c != nil {
		r.Store = c.StoreName()
		for _, w := range warnings {
			r.Warnings = append(r.Warnings, strings.Join(a.lines(w), " "))
		}
	}
	return r
}
