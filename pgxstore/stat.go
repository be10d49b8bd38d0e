package pgxstore

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
)

// Stat implements [session.Stater] with one SELECT for each 16,384 records.
func (s *Store) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	all := make([]session.Status, 0, len(ids))
	for some := range slices.Chunk(ids, sqltable.MaxStat) {
		var found []session.Status // of the last try
		err := s.query(ctx, s.text.Stat(some), func(rows pgx.Rows) (err error) {
			found, err = sqltable.AppendStatus(found[:0], rows)
			return err
		})
		if err != nil {
			return nil, s.failed(ctx, "stat", session.ID{}, err)
		}
		all = append(all, found...)
	}
	return all, nil
}
