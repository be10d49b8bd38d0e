package sqlstore

import "strings"

// A Migration is one step of the table's history, as a goose file.
type Migration struct {
	Name string // for the name of the file, such as "create_sessions_table"
	SQL  string // the file, with its "-- +goose Up" and "-- +goose Down" sections
}

const (
	upMark   = "-- +goose Up\n"
	downMark = "-- +goose Down\n"
)

// Up returns the statements that apply the step, for tools other than goose.
func (m Migration) Up() string {
	_, after, _ := strings.Cut(m.SQL, upMark)
	up, _, _ := strings.Cut(after, downMark)
	return strings.TrimSpace(up) + "\n"
}

// Statements returns the statements of Up one by one, without their semicolons, for
// drivers that accept only one at a time.
func (m Migration) Statements() []string {
	var all []string
	for s := range strings.SplitSeq(m.Up(), ";\n") {
		if s = strings.TrimSuffix(strings.TrimSpace(s), ";"); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// Down returns the statements that undo the step.
func (m Migration) Down() string {
	_, down, _ := strings.Cut(m.SQL, downMark)
	return strings.TrimSpace(down) + "\n"
}

// Migrations returns the steps that create the table for a store of the same dialect
// and configuration, oldest first. The command "beam make session-table" writes them to
// files; [Store.Check] expects exactly the table that they create. Migrations fails for
// an unknown dialect or an invalid name, as [New] does.
func Migrations(d Dialect, cfg Config) ([]Migration, error) {
	n, err := newNames(d, cfg)
	if err != nil {
		return nil, err
	}
	return []Migration{{Name: "create_" + n.Table + "_table", SQL: n.Migration()}}, nil
}
