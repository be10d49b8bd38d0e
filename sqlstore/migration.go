package sqlstore

import (
	"regexp"
	"strings"
)

// A Migration is one step of the table's history, in the form of a goose file.
type Migration struct {
	Name string // such as "create_sessions_table", for the file's name
	SQL  string // the file, with its "-- +goose Up" and "-- +goose Down" sections
}

const (
	upMark   = "-- +goose Up\n"
	downMark = "-- +goose Down\n"
)

// Up returns the statements that make the step, for tools other than goose.
func (m Migration) Up() string {
	_, after, _ := strings.Cut(m.SQL, upMark)
	up, _, _ := strings.Cut(after, downMark)
	return strings.TrimSpace(up) + "\n"
}

// Down returns the statements that undo the step.
func (m Migration) Down() string {
	_, down, _ := strings.Cut(m.SQL, downMark)
	return strings.TrimSpace(down) + "\n"
}

// Migrations returns the steps that make the table for a store of the same dialect
// and configuration, oldest first. The command "beam make session-table" writes them
// to files; [Store.Check] wants exactly the table that they make. It fails where
// [New] does: for an unknown dialect or a name that is no identifier.
func Migrations(d Dialect, cfg Config) ([]Migration, error) {
	n, err := newNames(d, cfg)
	if err != nil {
		return nil, err
	}
	return []Migration{{Name: "create_" + n.table + "_table", SQL: n.createTable()}}, nil
}

var placeholder = regexp.MustCompile(`\{\{\w+(:\w+)?\}\}`)

func (n names) createTable() string {
	return placeholder.ReplaceAllStringFunc(n.dialect.migration, func(p string) string {
		p = strings.Trim(p, "{}")
		index, isIndex := strings.CutPrefix(p, "index:")
		switch {
		case p == "table":
			return n.full()
		case isIndex && n.dialect.indexInSchema:
			return n.inSchema(n.table + "_" + index)
		case isIndex:
			return n.quoted(n.table + "_" + index)
		default:
			return n.quoted(n.table)
		}
	})
}

// A column is one of the table's, with its type as the migration writes it, in lower
// case.
type column struct{ name, typ string }

var columnLine = regexp.MustCompile(`(?m)^\t([a-z_]+) +([A-Z]+(?:\(\d+\))?) `)

// columns reads the columns from the migration, so that there is no second list that
// could differ from it.
func (n names) columns() []column {
	var cs []column
	for _, m := range columnLine.FindAllStringSubmatch(n.dialect.migration, -1) {
		cs = append(cs, column{m[1], strings.ToLower(m[2])})
	}
	return cs
}
