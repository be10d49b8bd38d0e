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
		before := len(all)
		err := s.query(ctx, s.text.Stat(some), func(rows pgx.Rows) error {
			all = all[:before]
			for rows.Next() {
				var r sqltable.StatRow
				if err := rows.Scan(&r.ID, &r.Version, &r.Activity, &r.Expires); err != nil {
					return err
				}
				status, err := r.Status()
				if err != nil {
					return err
				}
				all = append(all, status)
			}
			return rows.Err()
		})
		if err != nil {
			return nil, s.failed(ctx, "stat", session.ID{}, err)
		}
	}
	return all, nil
}
