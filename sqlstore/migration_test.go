package sqlstore

import (
	"database/sql"
	"slices"
	"strings"
	"testing"
)

func TestMigration(t *testing.T) {
	for d, want := range map[Dialect]struct{ table, index string }{
		SQLite:     {`CREATE TABLE "Web"."order" (`, `CREATE INDEX "Web"."order_owner" ON "order" (`},
		PostgreSQL: {`CREATE TABLE "Web"."order" (`, `CREATE INDEX "order_owner" ON "Web"."order" (`},
		MySQL:      {"CREATE TABLE `Web`.`order` (", "KEY `order_owner` ("},
	} {
		steps, err := Migrations(d, Config{Schema: "Web", Table: "order"})
		if err != nil || len(steps) != 1 {
			t.Fatalf("%s: got %d steps, %v", d, len(steps), err)
		}
		m := steps[0]
		if m.Name != "create_order_table" {
			t.Errorf("%s: got name %q", d, m.Name)
		}
		for _, text := range []string{want.table, want.index} {
			if !strings.Contains(m.Up(), text) {
				t.Errorf("%s: %q is not in\n%s", d, text, m.Up())
			}
		}
		if strings.Contains(m.SQL, "{{") {
			t.Errorf("%s: a placeholder is left in\n%s", d, m.SQL)
		}
		if strings.Contains(m.Up(), "DROP") || !strings.Contains(m.Down(), "DROP TABLE") || strings.Contains(m.Down(), "CREATE") {
			t.Errorf("%s: up and down are not apart: %q, %q", d, m.Up(), m.Down())
		}
		for _, mark := range []string{upMark, downMark} {
			if strings.Count(m.SQL, mark) != 1 {
				t.Errorf("%s: %q is not there once", d, mark)
			}
		}
	}
}

// What Check asks for, and what the statements name, is what the migration makes.
func TestColumns(t *testing.T) {
	want := append([]string{"id"}, strings.Split(recordColumns, ", ")...)
	want = slices.Insert(want, len(want)-1, "expires_hour")
	for d := range dialects {
		n, err := newNames(d, Config{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range n.columns() {
			got = append(got, c.name)
			if c.typ == "" || c.typ != strings.ToLower(c.typ) {
				t.Errorf("%s: %s has type %q", d, c.name, c.typ)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got columns %q, want %q", d, got, want)
		}
	}
}

func TestParametersAreNumbered(t *testing.T) {
	s, err := New(new(sql.DB), PostgreSQL, Config{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `UPDATE "sessions" SET last_activity = greatest(last_activity, $1), expires_at = greatest(expires_at, $2) ` +
		`WHERE id = $3 AND (last_activity < $4 OR expires_at < $5)`
	if s.text.touch != want {
		t.Errorf("got  %s\nwant %s", s.text.touch, want)
	}
	if text := postgresUpdateMany(s.names, 3); !strings.Contains(text, "$27)") || strings.ContainsAny(text, "?{}") {
		t.Errorf("three rows of nine parameters: %s", text)
	}
}
