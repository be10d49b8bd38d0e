package sqlstore

import (
	"context"
	"slices"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// Stat implements [session.Stater] with one SELECT for each 16,384 records.
func (s *Store) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	all := make([]session.Status, 0, len(ids))
	for some := range slices.Chunk(ids, sqltable.MaxStat) {
		found, err := s.stat(ctx, s.text.Stat(some))
		if err != nil {
			return nil, s.failed(ctx, opStat, session.ID{}, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func (s *Store) stat(ctx context.Context, st sqltable.Statement) (found []session.Status, err error) {
	read := func() error {
		return s.withStmt(ctx, st.Text, func(stmt sender) error {
			rows, err := stmt.QueryContext(ctx, st.Args...) //nolint:rowserrcheck // AppendStatus checks it
			if err != nil {
				return err
			}
			defer rows.Close()
			found, err = sqltable.AppendStatus(found[:0], rows)
			return err
		})
	}
	err = s.again(ctx, true, s.names.Dialect.Retry(ctx, read), read)
	return found, err
}
