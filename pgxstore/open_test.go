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

// Fields that are set override the DSN, and the DSN overrides the defaults of pgxpool.
func TestOpenConfig(t *testing.T) {
	const dsn, full = "postgres://app@localhost/app", "postgres://app@localhost/app?pool_max_conns=7&pool_max_conn_lifetime=2m&pool_max_conn_idle_time=3m"
	for _, tc := range []struct {
		name           string
		cfg            OpenConfig
		conns          int32 // 0: any
		lifetime, idle time.Duration
	}{
		{"default", OpenConfig{DSN: dsn}, 0, time.Hour, 30 * time.Minute},
		{"dsn", OpenConfig{DSN: full}, 7, 2 * time.Minute, 3 * time.Minute},
		{"fields", OpenConfig{DSN: full, MaxConns: 5, MaxConnLifetime: time.Second, MaxConnIdleTime: time.Minute}, 5, time.Second, time.Minute},
		{"never", OpenConfig{DSN: full, MaxConnLifetime: -1, MaxConnIdleTime: -1}, 7, never, never},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pool, err := tc.cfg.pool(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			got := pool.Config()
			if tc.conns != 0 && got.MaxConns != tc.conns || got.MaxConnLifetime != tc.lifetime || got.MaxConnIdleTime != tc.idle {
				t.Errorf("got %d connections, %v, idle %v", got.MaxConns, got.MaxConnLifetime, got.MaxConnIdleTime)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	const dsn = "postgres://app@localhost/app"
	for _, tc := range []struct {
		cfg   OpenConfig
		field string
	}{
		{OpenConfig{DSN: dsn, MaxConns: -1}, "MaxConns"},
		{OpenConfig{DSN: dsn, Schema: "a b"}, "Schema"},
		{OpenConfig{DSN: dsn, Table: "a b"}, "Table"},
	} {
		var ce *session.ConfigError
		if s, err := Open(t.Context(), tc.cfg); s != nil || !errors.As(err, &ce) || ce.Field != tc.field {
			t.Errorf("%s: got %v, %v", tc.field, s, err)
		}
	}
	const secret = "hunter2"
	if s, err := Open(t.Context(), OpenConfig{DSN: "postgres://app:" + secret + "@localhost:port/app"}); s != nil || err == nil ||
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
	s, err := Open(ctx, OpenConfig{DSN: "postgres://app@" + l.Addr().String() + "/app?sslmode=disable"})
	if s != nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v, want the end of the context", s, err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}
