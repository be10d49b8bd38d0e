package cli

import (
	"context"

	"github.com/urfave/cli/v3"
)

// setting is one line of config show in JSON.
type setting struct {
	File     string `json:"file"`
	Key      string `json:"key"`
	Value    string `json:"value"` // as in TOML; "[redacted]" for a secret
	Origin   string `json:"origin"`
	Variable string `json:"variable"` // the variable that sets it
	Default  bool   `json:"default"`
	Secret   bool   `json:"secret"`
}

// configShow shows the settings even if there are mistakes in them, which is
// when one wants to look; the mistakes follow on standard error.
func (a *app) configShow(_ context.Context, cmd *cli.Command) error {
	c, mistakes := a.load(cmd)
	if c == nil {
		return mistakes
	}
	out := []setting{}
	for _, v := range c.Values() {
		out = append(out, setting{
			File: v.File, Key: v.Key, Value: v.Value, Origin: a.shorten(v.Origin.String()),
			Variable: v.Variable, Default: v.Default, Secret: v.Secret,
		})
	}
	if cmd.Bool("json") {
		if err := a.json(out); err != nil {
			return err
		}
		return mistakes
	}
	rows := make([][]string, 0, len(out))
	for _, s := range out {
		rows = append(rows, []string{s.Key, clean(s.Value), clean(s.Origin)})
	}
	a.table([]string{"SETTING", "VALUE", "FROM"}, rows)
	return mistakes
}
