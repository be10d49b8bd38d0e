package sqlstore

import (
	"context"
	"iter"
	"slices"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// List implements [session.Lister]. It reads pages of 64 records in the order of
// their IDs, each with one SELECT, and holds neither a connection nor a lock while it
// yields.
func (s *Store) List(ctx context.Context) iter.Seq2[session.Record, error] {
	return s.pages(ctx, s.text.List)
}

// ListOwner implements [session.OwnerLister] like List, with the index on the owner.
// For the owner "" it reads the whole table.
func (s *Store) ListOwner(ctx context.Context, owner string) iter.Seq2[session.Record, error] {
	all := s.pages(ctx, func(from session.ID) sqltable.Statement { return s.text.ListOwner(from, owner) })
	return sqltable.OfOwner(owner, all)
}

// DeleteOwned implements [session.OwnerDeleter] with one DELETE for each 64 records.
func (s *Store) DeleteOwned(ctx context.Context, owner string, ids []session.ID) (int, error) {
	total := 0
	for some := range slices.Chunk(ids, sqltable.MaxWrites) {
		w := &write{op: opRevoke, rec: session.Record{Owner: owner}, ids: some}
		if err := s.write(ctx, w); err != nil {
			return total, err
		}
		total += w.deleted
	}
	return total, nil
}

func (s *Store) pages(ctx context.Context, list func(from session.ID) sqltable.Statement) iter.Seq2[session.Record, error] {
	return sqltable.Pages(func(from session.ID) ([]session.Record, error) {
		page, err := s.page(ctx, list(from))
		if err != nil {
			err = s.failed(ctx, opList, session.ID{}, err)
		}
		return page, err
	})
}

func (s *Store) page(ctx context.Context, st sqltable.Statement) (page []session.Record, err error) {
	read := func() error {
		return s.withStmt(ctx, st.Text, func(stmt sender) error {
			page = page[:0]
			rows, err := stmt.QueryContext(ctx, st.Args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var r row
				if err := rows.Scan(r.destWithID()...); err != nil {
					return err
				}
				id, ok := sqltable.IDOf(r.id)
				if !ok {
					return session.ErrCorrupt
				}
				page = append(page, r.record(id))
			}
			return rows.Err()
		})
	}
	err = s.again(ctx, true, s.names.Dialect.Retry(ctx, read), read)
	return page, err
}
