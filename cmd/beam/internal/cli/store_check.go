package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/internal/storecheck"
)

const storeHelp = `Runs every clause of the contract of stores against the store that is in use. The clauses work on
records of their own under random IDs, look at no others, and remove theirs afterwards, so it
may run while the application does. Exits with 1 if the store breaks a clause.`

// storeCheck judges the live store. Nothing is reopened and nothing is pruned
// that could belong to somebody.
func (a *app) storeCheck(ctx context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	if c.StoreName() == "null" {
		return errors.New("the store null keeps nothing, so there is nothing to check")
	}
	store, done, err := a.store(ctx, c)
	if err != nil {
		return err
	}
	defer done()

	report := checkReport{Store: c.StoreName(), Clauses: []clauseReport{}}
	progress := a.begin("checking")
	defer progress.end()
	for clause, err := range storecheck.Run(ctx, storecheck.Env{Store: store, Occupied: true}) {
		progress.end()
		one := clauseReport{Name: clause.Name, Rule: clause.Rule, Result: "kept"}
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			one.Result = "skipped"
			report.Skipped++
		case err != nil:
			one.Result, one.Error = "broken", err.Error()
			report.Broken++
		default:
			report.Kept++
		}
		report.Clauses = append(report.Clauses, one)
		if !cmd.Bool("json") {
			a.tick(one)
		}
		progress = a.begin("checking")
	}
	progress.end()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return a.finishCheck(cmd, report)
}

type checkReport struct {
	Store   string         `json:"store"`
	Kept    int            `json:"kept"`
	Broken  int            `json:"broken"`
	Skipped int            `json:"skipped"`
	Clauses []clauseReport `json:"clauses"`
}

type clauseReport struct {
	Name   string `json:"name"`
	Rule   string `json:"rule"`
	Result string `json:"result"` // kept, broken, or skipped: the store does not claim the power
	Error  string `json:"error,omitempty"`
}

func (a *app) tick(c clauseReport) {
	switch c.Result {
	case "broken":
		a.printf("%s %s\n", a.stdout.paint(red, "✗"), c.Name)
		for _, line := range a.lines(errors.New(c.Error)) {
			a.printf("    %s\n", line)
		}
	case "skipped":
		a.printf("%s %s\n", a.stdout.paint(faint, "-"), a.stdout.paint(faint, c.Name+" (not claimed)"))
	default:
		a.printf("%s %s\n", a.stdout.paint(green, "✓"), c.Name)
	}
}

func (a *app) finishCheck(cmd *cli.Command, r checkReport) error {
	if cmd.Bool("json") {
		if err := a.json(r); err != nil {
			return err
		}
	} else {
		a.printf("%s: %s kept, %d broken, %d not claimed\n", r.Store, plural(r.Kept, "clause"), r.Broken, r.Skipped)
	}
	if r.Broken > 0 {
		return fmt.Errorf("the store %s breaks %s of its contract", r.Store, plural(r.Broken, "clause"))
	}
	return nil
}

// plural is "1 clause" or "3 clauses".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
