package sqlstore

import (
	"context"
	"iter"

	"github.com/expanse-go/session"
)

// pageSize is how many records List has in memory at once: at the manager's default
// limit of a MiB for a session, at most 64 MiB.
const pageSize = 64

// List implements [session.Lister]. It reads pages of 64 records in the order of
// their IDs, each by one SELECT, and holds neither connection nor lock while it
// yields.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.pages(ctx, s.text.list, nil)
}

// ListOwner implements [session.OwnerLister], as List does, by the index on the
// owner. For the owner "" it reads the whole table.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	var all iter.Seq2[session.Record, error]
	if owner == "" {
		all = s.pages(ctx, s.text.listAnonymous, nil)
	} else {
		all = s.pages(ctx, s.text.listOwner, &owner)
	}
	return func(yield func(session.Record, error) bool) {
		for r, err := range all {
			// MySQL compares "a" and "a " as equal, whatever the collation.
			if err == nil && r.Owner != owner {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (s *Store) pages(ctx context.Context, text string, owner *string) iter.Seq2[session.Record, error] {
	return func(yield func(session.Record, error) bool) {
		var from session.ID
		for {
			args := []any{from[:], pageSize}
			if owner != nil {
				args = []any{from[:], *owner, pageSize}
			}
			page, err := s.page(ctx, text, args)
			if err != nil {
				yield(session.Record{}, failed(ctx, opList, session.ID{}, err))
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < pageSize || !successor(&from, page[len(page)-1].ID) {
				return
			}
		}
	}
}

func (s *Store) page(ctx context.Context, text string, args []any) (page []session.Record, err error) {
	err = s.retry(ctx, func() error {
		page = page[:0]
		stmt, err := s.prepared(ctx, text)
		if err != nil {
			return err
		}
		rows, err := stmt.QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r row
			if err := rows.Scan(r.destWithID()...); err != nil {
				return err
			}
			id, ok := idOf(r.id)
			if !ok {
				return session.ErrCorrupt
			}
			page = append(page, r.record(id))
		}
		return rows.Err()
	})
	return page, err
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
