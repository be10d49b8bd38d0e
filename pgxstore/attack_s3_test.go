package pgxstore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// TestAttackS3StorePrintsNoPassword prints a store with every verb; some of them follow
// pointers.
func TestAttackS3StorePrintsNoPassword(t *testing.T) {
	pool, err := pgxpool.New(t.Context(), "postgres://u:hunter2@127.0.0.1:1/app")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	s, err := New(pool, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(verb+verb, s, []any{s}); strings.Contains(got, "hunter2") || !strings.Contains(got, "pgxstore.Store") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}
