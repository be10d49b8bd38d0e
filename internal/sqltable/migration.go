package sqltable

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

var placeholder = regexp.MustCompile(`\{\{\w+(:\w+)?\}\}`)

// Migration is the goose file that makes the table.
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
	Type string
	Key  bool // it alone is the primary key
}

var columnLine = regexp.MustCompile(`(?m)^\t([a-z_]+) +([A-Z]+(?:\(\d+\))?) `)

// Problems compares the columns of a table with those of the migration, by their names
// in lower case, and returns what differs, sorted. It reads the migration, so that no
// second list can differ from it.
func (n Names) Problems(found map[string]Column) []string {
	var problems []string
	for _, m := range columnLine.FindAllStringSubmatch(n.Dialect.migration, -1) {
		name, typ := m[1], strings.ToLower(m[2])
		got, ok := found[name]
		// MariaDB still shows the width of numbers, which means nothing.
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
		}
	}
	slices.Sort(problems)
	return problems
}
