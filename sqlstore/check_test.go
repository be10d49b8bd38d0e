package sqlstore

import (
	"regexp"
	"strings"
	"testing"

	"github.com/expanse-go/session/internal/sqltable"
)

// TestField23ForeignTable compares tables of that name in other programs with an older version
// of ours: nobody is told to remove or recreate what another program made.
func TestField23ForeignTable(t *testing.T) {
	n, err := newNames(PostgreSQL, Config{})
	if err != nil {
		t.Fatal(err)
	}
	const ours = "id version owner address user_agent created_at last_activity expires_at expires_hour data "
	for name, c := range map[string]struct {
		columns string
		foreign bool
	}{
		"Laravel":      {"id user_id ip_address user_agent payload last_activity", true},
		"scs":          {"token data expiry", true},
		"Rails":        {"id session_id data created_at updated_at", true},
		"hand-written": {"id user_id created_at expires_at", true},
		"ours":         {strings.Replace(ours, "data ", "", 1), false},
		"ours, older":  {strings.Replace(ours, "expires_hour data ", "", 1), false},
	} {
		found := map[string]sqltable.Column{}
		for column := range strings.FieldsSeq(c.columns) {
			found[column] = sqltable.Column{Type: "bigint"}
		}
		e := &SchemaError{Table: "sessions", Problems: n.Problems(found)}
		if got := e.Foreign(); got != c.foreign {
			t.Errorf("%s: Foreign = %t, want %t", name, got, c.foreign)
		}
		if advice := regexp.MustCompile("drop|recreate|rollback").FindString(e.Error()); c.foreign && advice != "" {
			t.Errorf("%s: the error advises to %s: %v", name, advice, e)
		}
	}
}
