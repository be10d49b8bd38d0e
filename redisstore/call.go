package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// await returns the result of f, or the error of ctx as soon as ctx ends. It does not rely on
// the client for this: by default, go-redis ignores the deadline of a context while it waits
// for an answer, and a command in an automatic pipeline ignores its context altogether. f then
// goes on until the client gives up, with the timeouts of its options.
func await[T any](ctx context.Context, s *Store, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if s.closed.Load() {
		return none, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if ctx.Done() == nil {
		return f(ctx)
	}
	done := make(chan result, 1)
	go func() {
		value, err := f(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// failed wraps an error that the contract does not name.
func (s *Store) failed(ctx context.Context, op string, id session.ID, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	if forbidden(err) {
		err = fmt.Errorf("the ACL of the user forbids it; %s: %w", s.grant(), err)
	}
	return &session.StoreError{Op: op, ID: id, Err: explain(err)}
}

// forbidden reports that the ACL forbids a command, a key, or a command within a script.
func forbidden(err error) bool {
	return redis.IsPermissionError(err) || err != nil && strings.Contains(err.Error(), "user executing the script can't")
}

// explain adds what to do about an error.
func explain(err error) error {
	switch {
	case errors.Is(err, redis.ErrPoolTimeout):
		return fmt.Errorf("all connections of the client are in use; raise PoolSize, or give the store a client of its own: %w", err)
	case redis.IsOOMError(err):
		return fmt.Errorf("%w: the server has reached its maxmemory; give it more memory: %w", session.ErrFull, err)
	case redis.IsReadOnlyError(err):
		return fmt.Errorf("the server is a read-only replica; connect to the primary, through Sentinel if it moves: %w", err)
	case redis.IsAuthError(err):
		return fmt.Errorf("the server refuses the user name or the password: %w", err)
	}
	return err
}

// answer wraps an error unless the contract names it.
func (s *Store) answer(ctx context.Context, op string, id session.ID, err error) error {
	if err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict) {
		return err
	}
	return s.failed(ctx, op, id, err)
}

// grant is the command that gives a user what the store needs.
func (s *Store) grant() string {
	return "an administrator allows what the store needs with: ACL SETUSER NAME ~" + s.prefix + "* " + permissions
}

// permissions are the rules for the commands that the store sends, or runs in scripts. SCAN is
// for List and Prune, INFO for Check and Warnings.
const permissions = "+get +set +getrange +setrange +del +pexpireat +eval +evalsha +zadd +zrem +zrevrange +zremrangebyscore +zscan +scan +info"
