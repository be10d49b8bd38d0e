package sqltable

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

type codeError int

func (e codeError) Error() string { return "some text" }
func (e codeError) Code() int     { return int(e) }

func retrying(tries int) *Dialect {
	return &Dialect{Transient: SQLite.Transient, Tries: tries}
}

func TestRetry(t *testing.T) {
	busy := codeError(5)
	other := errors.New("disk on fire")
	for _, c := range []struct {
		name  string
		errs  []error // of the calls; the last one repeats
		want  error
		calls int
	}{
		{"at once", []error{nil}, nil, 1},
		{"after two", []error{busy, busy, nil}, nil, 3},
		{"not for others", []error{busy, other}, other, 2},
		{"bounded", []error{busy}, busy, 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := retrying(5).Retry(t.Context(), func() error {
				calls++
				return c.errs[min(calls, len(c.errs))-1]
			})
			if err != c.want || calls != c.calls {
				t.Errorf("%s: got %v after %d calls, want %v after %d", c.name, err, calls, c.want, c.calls)
			}
		})
	}
}

func TestRetryEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := retrying(1000000).Retry(ctx, func() error { return codeError(5) })
		if err != codeError(5) || time.Since(began) != time.Second {
			t.Errorf("got %v after %v, want the database's error after 1s", err, time.Since(began))
		}
	})
}

// Without a deadline, a store waits about ten seconds for SQLite's lock.
func TestRetryOfSQLite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := SQLite.Retry(t.Context(), func() error { return codeError(5) })
		if took := time.Since(began); err == nil || took < 5*time.Second || took > 15*time.Second {
			t.Errorf("got %v after %v, want an error after about 10s", err, took)
		}
	})
}
