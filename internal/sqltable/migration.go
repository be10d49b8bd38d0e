package sqltable

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var placeholder = regexp.MustCompile(`\{\{\w+(:\w+)?\}\}`)

// Migration returns the goose file that creates the table.
func (n Names) Migration() string {
	return placeholder.ReplaceAllStringFunc(n.Dialect.migration, func(p string) string {
		p = strings.Trim(p, "{}")
		index, isIndex := strings.CutPrefix(p, "index:")
		switch {
		case p == "table":
			return n.Full()
		case isIndex && n.Dialect.indexInSchema:
			return n.inSchema(n.Table + "_" + index)
		case isIndex:
			return n.Quoted(n.Table + "_" + index)
		default:
			return n.Quoted(n.Table)
		}
	})
}

// A Column is a column of a table in the database.
type Column struct {
	Type      string
	Key       bool   // it alone is the primary key
	Collation string // "" if it has none
}

var columnLine = regexp.MustCompile(`(?m)^\t([a-z_]+) +([A-Z]+(?:\(\d+\))?) `)

// Problems compares the columns of a table, by name in lower case, with those of the
// migration, and returns the differences, sorted. It reads the migration itself, so
// that there is no second list to keep in step.
func (n Names) Problems(found map[string]Column) []string {
	var problems []string
	for _, m := range columnLine.FindAllStringSubmatch(n.Dialect.migration, -1) {
		name, typ := m[1], strings.ToLower(m[2])
		got, ok := found[name]
		// MariaDB still shows the display width of integers, which has no effect.
		if strings.HasPrefix(got.Type, "bigint(") {
			got.Type = "bigint"
		}
		switch {
		case !ok:
			problems = append(problems, "no column "+name)
		case got.Type != typ:
			problems = append(problems, fmt.Sprintf("%s is %s instead of %s", name, got.Type, typ))
		case name == "id" && !got.Key:
			problems = append(problems, "id is not the primary key")
		case name == "owner" && len(n.Dialect.exact) > 0 && !slices.Contains(n.Dialect.exact, got.Collation):
			problems = append(problems, fmt.Sprintf("owner has the collation %s instead of %s", got.Collation, n.Dialect.exact[0]))
		}
	}
	slices.Sort(problems)
	return problems
}
