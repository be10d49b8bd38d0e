package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/expanse-go/session/internal/storecheck"
)

const storeHelp = `Tests every clause of the store contract against the configured store. The tests create records
under random IDs, use no other records, and remove theirs afterwards, so that you can run them
while the application is running. The exit code is 1 if the store breaks a clause.`

// storeCheck tests the live store. It does not reopen the store, and prunes nothing that it
// did not create.
func (a *app) storeCheck(ctx context.Context, cmd *cli.Command) error {
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	if c.StoreName() == "null" {
		return errors.New("the null store keeps nothing, so there is nothing to check")
	}
	if err := a.mayWrite(c); err != nil {
		return err
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
	Result string `json:"result"` // kept, broken, or skipped: the store lacks the capability
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
		a.printf("%s %s\n", a.stdout.paint(faint, "-"), a.stdout.paint(faint, c.Name+" (not supported)"))
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
		a.printf("%s: %s kept, %d broken, %d not supported\n", r.Store, plural(r.Kept, "clause"), r.Broken, r.Skipped)
	}
	if r.Broken > 0 {
		return fmt.Errorf("the %s store breaks %s of the contract", r.Store, plural(r.Broken, "clause"))
	}
	return nil
}

// plural returns text such as "1 clause" or "3 clauses".
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
