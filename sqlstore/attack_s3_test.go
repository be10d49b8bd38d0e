package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// connector is the connector of a driver that keeps its password.
type connector struct{ dsn string }

func (connector) Connect(context.Context) (driver.Conn, error) { return nil, errors.ErrUnsupported }
func (connector) Driver() driver.Driver                        { return nil }

// TestAttackS3StorePrintsNoPassword prints a store with every verb; some of them follow
// pointers.
func TestAttackS3StorePrintsNoPassword(t *testing.T) {
	db := sql.OpenDB(connector{"u:hunter2@h"})
	defer db.Close()
	s, err := New(db, MySQL, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(verb+verb, s, []any{s}); strings.Contains(got, "hunter2") || !strings.Contains(got, "sqlstore.Store") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
