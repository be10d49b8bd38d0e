package sqltable

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/expanse-go/session"
)

// Pages yields the records of one page after another. Every page but the last has
// PageSize records.
func Pages(page func(from session.ID) ([]session.Record, error)) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		var from session.ID
		for {
			records, err := page(from)
			if err != nil {
				yield(session.Record{}, err)
				return
			}
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
			if len(records) < PageSize || !successor(&from, records[len(records)-1].ID) {
				return
			}
		}
	}
}

// successor sets next to the ID after id, and reports whether there is one.
func successor(next *session.ID, id session.ID) bool {
	*next = id
	for i := len(next) - 1; i >= 0; i-- {
		next[i]++
		if next[i] != 0 {
			return true
		}
	}
	return false
}

// OfOwner leaves out the records of other owners, which the database finds if the column
// has a collation other than the one that Check requires.
func OfOwner(owner string, all iter.Seq2[session.Record, error]) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		for r, err := range all {
			if err == nil && r.Owner != owner {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// Distinct returns each ID once.
func Distinct(ids []session.ID) []session.ID {
	distinct := make([]session.ID, 0, len(ids))
	for _, id := range ids {
		if !slices.Contains(distinct, id) {
			distinct = append(distinct, id)
		}
	}
	return distinct
}

// Deliver gives each caller the record of its ID, or [session.ErrNotFound].
func Deliver(found map[session.ID]session.Record, ids []session.ID, recs []session.Record, errs []error) {
	for i, id := range ids {
		r, ok := found[id]
		if !ok {
			errs[i] = session.ErrNotFound
			continue
		}
		if slices.Contains(ids[:i], id) {
			r.Data = slices.Clone(r.Data) // each caller owns its data
		}
		recs[i], errs[i] = r, nil
	}
}

// Failed wraps an error that the contract does not name. It adds the error of the
// context, which not every driver includes.
func Failed(ctx context.Context, op string, id session.ID, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	return &session.StoreError{Op: op, ID: id, Err: err}
}

// AllInUse is the error of a call that ended while all connections of the pool were in
// use.
func AllInUse(conns int, err error) error {
	return fmt.Errorf("all %d connections of the pool are in use, perhaps by transactions of the application; give sessions a pool of their own, or this one more connections: %w", conns, err)
}

// Answered reports whether err is an outcome of a write that the contract names.
func Answered(err error) bool {
	return err == nil || errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrConflict)
}

// Size returns the length of the texts and data of a record.
func Size(r *session.Record) int {
	return len(r.Data) + len(r.Owner) + len(r.Client.Address) + len(r.Client.UserAgent)
}
