package sqlstore

import (
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
		if got := strings.Join(m.Statements(), ";\n\n") + ";\n"; got != m.Up() {
			t.Errorf("%s: got statements\n%s\nwant\n%s", d, got, m.Up())
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
