package pgxstore

import (
	"context"
	"errors"
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
	const secret = "hunter2"
	if s, err := Open(t.Context(), "postgres://app:"+secret+"@localhost:port/app", "", ""); s != nil || err == nil ||
		!strings.HasPrefix(err.Error(), "session: cannot parse ") || strings.Contains(err.Error(), secret) {
		t.Errorf("DSN: got %v, %v", s, err)
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
