package cli

import (
	"context"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/sessionconfig"
)

// configReport is the result of config check in JSON. The mistakes and warnings
// are the lines that standard error has.
type configReport struct {
	Store    string   `json:"store"` // "" if there is no configuration at all
	Opened   bool     `json:"opened"`
	Mistakes []string `json:"mistakes"`
	Warnings []string `json:"warnings"`
}

// configCheck says all that is wrong: first what the files and variables alone
// tell, then what the world says, such as whether the database answers and has
// the table.
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
		a.printf("no mistakes; the store %s answers\n", c.StoreName())
	case err == nil:
		a.printf("no mistakes; the store was not opened\n")
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
