package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// A call ends when its context does. The client does not always see to that: by default,
// go-redis ignores the deadline of a context while it waits for an answer, and a command in an
// automatic pipeline ignores its context altogether. There are three ways:
//
//   - Clients with ContextTimeoutEnabled end a command at the deadline. If that is less than
//     longestDeadline away, the store relies on it. A cancellation is then noticed only when the
//     command ends; to notice it at once would cost a goroutine for each call.
//   - The asynchronous face of an AutoPipeliner waits with a context.
//   - In all other cases, the command runs in a goroutine of its own. If it is abandoned, it goes
//     on until the client gives up, with the timeouts of its options.
const longestDeadline = time.Minute

// do runs one command, alone or in a pipeline with others. After an error, the command belongs
// to the client.
func (s *Store) do(ctx context.Context, cmd redis.Cmder) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	switch {
	case s.queue != nil:
		_, err := s.queue.Do(ctx, cmd)
		return overdue(ctx, err)
	case s.async != nil:
		return s.async.Submit(ctx, cmd).WaitContext(ctx)
	}
	return s.send(ctx, cmd)
}

// send runs one command alone.
func (s *Store) send(ctx context.Context, cmd redis.Cmder) error {
	if s.keepsDeadline(ctx) {
		return overdue(ctx, s.client.Process(ctx, cmd))
	}
	done := make(chan error, 1)
	go func() { done <- s.client.Process(ctx, cmd) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await is like do, for a function that runs commands.
func await[T any](ctx context.Context, s *Store, f func(context.Context) (T, error)) (value T, err error) {
	type result struct {
		value T
		err   error
	}
	if err := s.usable(ctx); err != nil {
		return value, err
	}
	if s.keepsDeadline(ctx) {
		value, err = f(ctx)
		return value, overdue(ctx, err)
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
		return value, ctx.Err()
	}
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// keepsDeadline reports whether the client ends a command when the context ends.
func (s *Store) keepsDeadline(ctx context.Context) bool {
	if ctx.Done() == nil {
		return true
	}
	deadline, ok := ctx.Deadline()
	return ok && s.deadlines && time.Until(deadline) < longestDeadline
}

// overdue adds the end of the context to the error of a connection whose deadline has passed. The
// context itself may notice it later.
func overdue(ctx context.Context, err error) error {
	var timeout net.Error
	if deadline, ok := ctx.Deadline(); ok && errors.As(err, &timeout) && timeout.Timeout() && !time.Now().Before(deadline) && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w (%w)", context.DeadlineExceeded, err)
	}
	return err
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
