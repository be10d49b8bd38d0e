package cli

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/urfave/cli/v3"
)

// setting is one setting in the JSON output of config show.
type setting struct {
	File     string `json:"file"`
	Key      string `json:"key"`
	Value    any    `json:"value"` // null for none; "[redacted]" for a secret
	Origin   string `json:"origin"`
	Variable string `json:"variable"` // the variable that sets it
	Default  bool   `json:"default"`
	Secret   bool   `json:"secret"`
}

// configShow shows the settings even if they contain mistakes, because that is when they
// are needed most. The mistakes follow on standard error.
func (a *app) configShow(_ context.Context, cmd *cli.Command) error {
	c, mistakes := a.load(cmd)
	if c == nil {
		return mistakes
	}
	out := []setting{}
	rows := [][]string{}
	for _, v := range c.Values() {
		rows = append(rows, []string{v.Key, clean(v.Value), clean(a.shorten(v.Origin.String()))})
		out = append(out, setting{
			File: v.File, Key: v.Key, Value: typed(v.Value), Origin: a.shorten(v.Origin.String()),
			Variable: v.Variable, Default: v.Default, Secret: v.Secret,
		})
	}
	if cmd.Bool("json") {
		if err := a.json(out); err != nil {
			return err
		}
		return mistakes
	}
	a.table([]string{"SETTING", "VALUE", "FROM"}, rows)
	return mistakes
}

// typed converts a TOML value to a JSON value. If literal is neither, such as a refused
// value, it becomes a string.
func typed(literal string) any {
	if literal == "" {
		return nil
	}
	if text, err := strconv.Unquote(literal); err == nil {
		return text
	}
	if json.Valid([]byte(literal)) {
		return json.RawMessage(literal)
	}
	return literal
}
