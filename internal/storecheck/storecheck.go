// Package storecheck is the contract of [session.Store] as a table of clauses.
//
// The table has two users. The tests of a store run each clause on a store of its
// own, through package sessiontest. The command line runs the same table against
// a live store, which also contains the records of real sessions. So every clause
// uses random IDs, ignores all other records, and deletes its own afterwards.
//
// Each clause checks one rule and relies on as few others as possible, so that a
// fault in one rule fails one clause. That is why "nothing changes" compares two
// loads with each other instead of comparing a load with what was created, why
// most clauses use whole seconds and plain text, and why only Load/absent checks
// which error stands for a missing record. The tests of this package enforce it:
// each faulty store there must fail its clause and no other.
//
// [CompareWithModel] is not a clause. It compares a long random sequence of
// operations with a model, so almost every fault makes it fail. It finds the
// faults that no clause covers; a clause says what is wrong.
package storecheck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// A Clause is one rule of the contract and its check.
type Clause struct {
	Name  string       // such as "Update/stale-version"
	Rule  string       // the rule in the words of the contract
	Needs Capabilities // what the store and the environment must support

	check func(*probe) error
}

// An Env is the environment in which the clauses run.
type Env struct {
	// Store is the store to check.
	Store session.Store

	// Reopen closes the store and opens the same data again, as a restart of the
	// program does. It is nil if the data does not outlive the store.
	Reopen func(context.Context, session.Store) (session.Store, error)

	// Share opens the data of the store a second time while the store stays open,
	// as a second process does. It is nil if only one process can use the data. The
	// caller that sets Share closes the stores that it returned.
	Share func(context.Context, session.Store) (session.Store, error)

	// Occupied reports that others use the store at the same time. The clauses of
	// Prune then use times in the past, at which no real record expires, and a record
	// that cannot be cleaned up is an error.
	Occupied bool
}

// Timeout is how long a clause may take. It is far more than any clause needs, so a
// clause that exceeds it hangs.
const Timeout = time.Minute

var errLeft = errors.New("left behind")

var errGaveUp = errors.New("the environment ended the goroutine of the check")

// Clauses returns the table. The caller owns it.
func Clauses() []Clause {
	return slices.Concat(
		loadClauses, createClauses, recordClauses, updateClauses, deleteClauses,
		parallelClauses, contextClauses, viewClauses, touchClauses, pruneClauses,
		listClauses("List", Lists, listAll), listClauses("ListOwner", ListsOwner, listOwner),
		ownerClauses, deleteOwnedClauses, importClauses, statClauses, broadcastClauses, reopenClauses, shareClauses,
	)
}

// Run checks all clauses, one after the other, on one store. It yields a nil error
// for each clause that the store satisfies, an error that matches
// [errors.ErrUnsupported] if the store lacks a capability that the clause needs, and
// otherwise an error that says what the store does instead. The sequence ends early
// when ctx ends, and when a record cannot be cleaned up from a store that others use:
// further clauses would leave more. A clause of Reopen replaces env.Store for the clauses after it.
func Run(ctx context.Context, env Env) iter.Seq2[Clause, error] {
	return func(yield func(Clause, error) bool) {
		if env.Reopen != nil {
			reopen := env.Reopen
			env.Reopen = func(ctx context.Context, s session.Store) (session.Store, error) {
				s, err := reopen(ctx, s)
				if err == nil {
					env.Store = s
				}
				return s, err
			}
		}
		for _, c := range Clauses() {
			if ctx.Err() != nil {
				return
			}
			err := error(nil)
			if missing := c.Needs &^ env.Capabilities(); missing != 0 {
				err = fmt.Errorf("session: %s needs %s: %w", c.Name, missing, errors.ErrUnsupported)
			} else {
				err = c.Check(ctx, env)
			}
			if !yield(c, err) || errors.Is(err, errLeft) {
				return
			}
		}
	}
}

// Check checks the store against this clause. It may leave the store closed if the
// clause needs Reopens.
func (c Clause) Check(ctx context.Context, env Env) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	p := newProbe(ctx, env)
	done := make(chan error, 1)
	go func() {
		err := errGaveUp // stays if a harness ends the goroutine by testing.T.Fatal
		defer func() { done <- err }()
		checked := c.check(p)
		if left := p.cleanUp(); env.Occupied {
			checked = errors.Join(checked, left)
		}
		err = checked
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// Give the store time to notice the end of its context, and to clean up. If the
		// goroutine is still stuck then, abandon it.
		last := time.NewTimer(Timeout / 4)
		defer last.Stop()
		select {
		case err = <-done:
		case <-last.C:
			err = fmt.Errorf("the call hangs although its context has ended: %w", context.Cause(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("session: the store violates %s (%s): %w", c.Name, c.Rule, err)
	}
	return nil
}
