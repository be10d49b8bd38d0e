package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// A context is watched unless the driver gives up before it ends.
func TestUnwatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			dialect        Dialect
			driver, within time.Duration
			want           bool
		}{
			{MySQL, 0, time.Hour, false},
			{MySQL, 0, 0, false},
			{MySQL, time.Second, time.Second, true},
			{MySQL, time.Second, time.Second - 1, false},
			{MySQL, time.Second, 0, true},
			{PostgreSQL, time.Second, time.Minute, true},
			{PostgreSQL, 0, time.Minute, false},
			{SQLite, 0, time.Second, true},
			{SQLite, 0, 0, true},
		} {
			s, err := New(new(sql.DB), c.dialect, Config{DriverTimeout: c.driver})
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			if c.within > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, c.within)
				defer cancel()
			}
			if got := s.unwatched(ctx); got != c.want {
				t.Errorf("%s whose driver gives up after %v, a context of %v: got %t, want %t", c.dialect, c.driver, c.within, got, c.want)
			}
		}
	})
	var ce *session.ConfigError
	if _, err := New(new(sql.DB), MySQL, Config{DriverTimeout: -1}); !errors.As(err, &ce) || ce.Field != "DriverTimeout" {
		t.Errorf("a negative time: got %v", err)
	}
}
