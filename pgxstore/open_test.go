package pgxstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

func TestOpenRefuses(t *testing.T) {
	const dsn = "postgres://app@localhost/app"
	for _, tc := range []struct {
		schema, table, field string
	}{
		{"a b", "", "Schema"},
		{"", "a b", "Table"},
	} {
		var ce *session.ConfigError
		if s, err := Open(t.Context(), dsn, tc.schema, tc.table); s != nil || !errors.As(err, &ce) || ce.Field != tc.field {
			t.Errorf("%s: got %v, %v", tc.field, s, err)
		}
	}
}

// A server that accepts connections and then says nothing holds Open up no longer than its
// context.
func TestOpenOfAHungServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	s, err := Open(ctx, "postgres://app@"+l.Addr().String()+"/app?sslmode=disable", "", "")
	if s != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want the end of the context", s, err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}

// TestAttackS3OpenQuotesNoDSN gives Open addresses that do not parse. Its error says why, and
// shows no part of them.
func TestAttackS3OpenQuotesNoDSN(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres://u:hunter2@h:x/app":                    "invalid port",
		"postgres://u:hun ter2@h/app":                     "failed to parse as URL (unexpected spaces found in password, use percent-encoded spaces (%20) instead)",
		"postgres://h/app?password=hunter2&sslmode=bogus": "failed to configure TLS (sslmode is invalid)",
		"host=h password = hunter2 sslmode=bogus":         "failed to configure TLS (sslmode is invalid)",
		`host=h password='it\'s hunter2' sslmode=bogus`:   "failed to configure TLS (sslmode is invalid)",
		"host=h password=hunter2 pool_max_conns=hunter2":  "cannot parse pool_max_conns",
		"hunter2": "failed to parse as keyword/value (invalid keyword/value)",
		"postgres://u:hun`:%20ter2@h/app?pool_max_conns=0": "pool_max_conns too small",
		"postgres://u:hunter2@h/app?connect_timeout=soon'": "invalid connect_timeout",
	} {
		_, err := Open(t.Context(), dsn, "", "")
		if err == nil || err.Error() != "session: the DSN is not valid: "+want {
			t.Errorf("%s: got %v, want %s", dsn, err, want)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "hun") || strings.Contains(text, "ter2") {
			t.Errorf("%s: got %s", dsn, text)
		}
	}
}
