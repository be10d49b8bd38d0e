package filestore

import (
	"context"

	"github.com/expanse-go/session"
)

// Stat implements [session.Stater]. It reads the head of each record, without a lock.
func (s *Store) Stat(ctx context.Context, ids []session.ID) ([]session.Status, error) {
	all := make([]session.Status, 0, len(ids))
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		h, err := s.head(id)
		switch {
		case err == nil:
			all = append(all, session.Status{ID: id, Version: h.version, LastActivity: h.active, ExpiresAt: h.expires})
		case !absent(err):
			return nil, wrapError(err)
		}
	}
	return all, nil
}
