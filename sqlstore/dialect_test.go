package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/expanse-go/session"
)

func TestNamesAreRefused(t *testing.T) {
	for _, name := range []string{
		`sessions"; DROP TABLE users; --`, "a`b", "a.b", "a b", "1a", "é", "a\x00", "a\n", "'", "$1",
		strings.Repeat("a", 64),
	} {
		for d := range dialects {
			_, err := New(new(sql.DB), d, Config{Schema: name, Table: name})
			for _, field := range []string{"Schema", "Table"} {
				if !hasConfigError(err, field, name) {
					t.Errorf("%s: %s %q: got %v, want a *session.ConfigError", d, field, name, err)
				}
			}
		}
	}
	for name, want := range map[string]bool{"Sqlite_x": false, "sqlite_": false, "sqlite": true, strings.Repeat("a", 48): true, strings.Repeat("a", 49): false} {
		if _, err := New(new(sql.DB), SQLite, Config{Table: name}); (err == nil) != want {
			t.Errorf("SQLite table %q: got %v, want allowed: %t", name, err, want)
		}
	}
}

func hasConfigError(err error, field, value string) bool {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return false
	}
	for _, err := range joined.Unwrap() {
		var ce *session.ConfigError
		if errors.As(err, &ce) && ce.Field == field && ce.Value == value {
			return true
		}
	}
	return false
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(nil, SQLite, Config{}); err == nil {
		t.Error("a nil database was accepted")
	}
	if _, err := New(new(sql.DB), "oracle", Config{}); err == nil || !strings.Contains(err.Error(), `"oracle"`) {
		t.Errorf("got %v, want an error that names the dialect", err)
	}
	if _, err := Migrations("oracle", Config{}); err == nil {
		t.Error("a migration for an unknown dialect")
	}
	if _, err := Migrations(SQLite, Config{Table: "a;b"}); err == nil {
		t.Error("a migration for a hostile name")
	}
}

type codeError int

func (e codeError) Error() string { return "some text" }
func (e codeError) Code() int     { return int(e) }

type stateError string

func (e stateError) Error() string    { return "some text" }
func (e stateError) SQLState() string { return string(e) }

func TestErrorsAreClassified(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("driver: %w", err) }
	for _, c := range []struct {
		dialect              Dialect
		err                  error
		transient, duplicate bool
	}{
		{SQLite, wrap(codeError(5)), true, false},
		{SQLite, codeError(5 | 2<<8), true, false}, // SQLITE_BUSY_SNAPSHOT
		{SQLite, codeError(6), true, false},
		{SQLite, codeError(19), false, false},
		{SQLite, wrap(errors.New("database is locked")), true, false},
		{SQLite, errors.New("database table is locked: sessions"), true, false},
		{SQLite, errors.New("no such table: sessions"), false, false},
		{PostgreSQL, wrap(stateError("40001")), true, false},
		{PostgreSQL, stateError("40P01"), true, false},
		{PostgreSQL, stateError("23505"), false, false},
		{PostgreSQL, errors.New("40001"), false, false},
		{MySQL, errors.New("Error 1213 (40001): Deadlock found"), true, false},
		{MySQL, wrap(errors.New("Error 1205: Lock wait timeout exceeded")), true, false},
		{MySQL, errors.New("Error 1020 (HY000): Record has changed since last read"), true, false},
		{MySQL, errors.New("Error 1062 (23000): Duplicate entry"), false, true},
		{MySQL, wrap(errors.New("Error 1062 (23000): Duplicate entry")), false, true},
		{MySQL, errors.New("Error 10620: other"), false, false},
		{MySQL, errors.New("Error in 1213"), false, false},
		{MySQL, errors.New("Error 1213"), false, false},
		{MySQL, errors.New("invalid connection"), false, false},
	} {
		d := dialects[c.dialect]
		if got := d.Transient(c.err); got != c.transient {
			t.Errorf("%s: %#v: got transient %t, want %t", c.dialect, c.err, got, c.transient)
		}
		if got := d.Duplicate != nil && d.Duplicate(c.err); got != c.duplicate {
			t.Errorf("%s: %#v: got duplicate %t, want %t", c.dialect, c.err, got, c.duplicate)
		}
	}
}

func TestRefusedByServer(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		err     error
		want    bool
	}{
		{PostgreSQL, stateError("23514"), true},
		{PostgreSQL, fmt.Errorf("x: %w", stateError("40P01")), true},
		{PostgreSQL, stateError("08006"), false}, // connection failure
		{PostgreSQL, stateError("57P01"), false}, // admin shutdown
		{PostgreSQL, errors.New("unexpected EOF"), false},
		{MySQL, errors.New("Error 1213 (40001): Deadlock found"), true},
		{MySQL, fmt.Errorf("x: %w", errors.New("Error 1064 (42000): You have an error")), true},
		{MySQL, errors.New("Error 1053 (08S01): Server shutdown in progress"), false},
		{MySQL, errors.New("Error 1927 (70100): Connection was killed"), false},
		{MySQL, errors.New("Error 1180: Got error during COMMIT"), false},
		{MySQL, errors.New("Error 2013 (HY000): Lost connection to server"), false}, // as proxies say
		{MySQL, errors.New("Error 9001: Max connect timeout reached"), false},       // ProxySQL
		{MySQL, errors.New("Error 4025 (23000): CONSTRAINT failed"), true},
		{MySQL, errors.New("invalid connection"), false},
	} {
		if got := dialects[c.dialect].Refused(c.err); got != c.want {
			t.Errorf("%s: %v: got %t, want %t", c.dialect, c.err, got, c.want)
		}
	}
}
