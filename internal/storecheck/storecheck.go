// Package storecheck is the contract of [session.Store] as a table of clauses.
//
// The table has two users. The tests of a store give every clause a store of its
// own, through package sessiontest. The command line runs the same table against
// a live server: there other people's records lie beside those of the clauses,
// and must be neither harmed nor assumed absent. So every clause works under
// random IDs, looks at no record but its own, and removes them afterwards.
//
// A clause judges one rule and leans on as little else as it can: a fault in one
// rule should show in one clause. That is why "nothing changes" compares two
// loads with each other rather than with what was created, why most clauses use
// whole seconds and plain text, and why only Load/absent looks at the error that
// stands for absence. The tests of this package hold the table to it: each
// faulty store there must trip its clause and no other.
//
// [Law] is not a clause. It compares a long random sequence of operations with
// a model, so almost every fault trips it; it finds what nobody thought of, where
// a clause says what is wrong.
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

// A Clause is one rule of the contract, and the check of it.
type Clause struct {
	Name  string // such as "Update/stale-version"
	Rule  string // the rule in the words of the contract
	Needs Power  // what the store, or the environment, must be able to do

	check func(*probe) error
}

// An Env is where clauses run.
type Env struct {
	// Store is the store to be judged.
	Store session.Store

	// Reopen closes the store and opens the same data again, as a restart of the
	// program does. Nil if nothing outlives the store.
	Reopen func(context.Context, session.Store) (session.Store, error)

	// Share opens the data of the store a second time while the store stays open,
	// as a second process does. Nil if only one process can have it. Whoever gave
	// the function closes what it returned.
	Share func(context.Context, session.Store) (session.Store, error)

	// Occupied says that others use the store meanwhile. The clauses of Prune then
	// work in the past, where nobody else has records, and a record that cannot be
	// cleaned up is an error.
	Occupied bool
}

// Patience is how long a clause may take. It is far more than any needs: what
// takes longer hangs.
const Patience = time.Minute

var errGaveUp = errors.New("the environment gave up")

// Clauses returns the table. The caller owns it.
func Clauses() []Clause {
	return slices.Concat(
		loadClauses, createClauses, recordClauses, updateClauses, deleteClauses,
		parallelClauses, contextClauses, viewClauses, touchClauses, pruneClauses,
		listClauses("List", Lists, listAll), listClauses("ListOwner", ListsOwner, listOwner),
		ownerClauses, reopenClauses, shareClauses,
	)
}

// Run checks all clauses, one after the other, on one store. The error is nil if
// the store keeps the rule, matches [errors.ErrUnsupported] if it does not claim
// to, and says otherwise what it does instead. The sequence ends early when ctx
// ends. A clause of Reopen replaces env.Store for the clauses after it.
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
			if lacks := c.Needs &^ env.Powers(); lacks != 0 {
				err = fmt.Errorf("session: %s needs %s: %w", c.Name, lacks, errors.ErrUnsupported)
			} else {
				err = c.Check(ctx, env)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// Check judges the store by this clause. It may leave the store closed if the
// clause needs Reopens.
func (c Clause) Check(ctx context.Context, env Env) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	p := newProbe(ctx, env)
	done := make(chan error, 1)
	go func() {
		err := errGaveUp // what Goexit leaves, as a harness calls it by testing.T.Fatal
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
		// The store gets time to notice the end of its context, and cleaning up
		// takes a moment. A goroutine that is stuck then is given up.
		last := time.NewTimer(Patience / 4)
		defer last.Stop()
		select {
		case err = <-done:
		case <-last.C:
			err = fmt.Errorf("hangs although its context has ended: %w", context.Cause(ctx))
		}
	}
	if err != nil {
		return fmt.Errorf("session: the store breaks %s (%s): %w", c.Name, c.Rule, err)
	}
	return nil
}
