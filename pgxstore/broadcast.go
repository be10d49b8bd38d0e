package pgxstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/sqltable"
	"github.com/expanse-go/session/sqlstore"
)

// maxNotified is how many IDs a notification has: PostgreSQL allows 8,000 bytes.
const maxNotified = 200

// channel returns the name of the channel of the table, at most 63 bytes. Tables of the same
// name in several schemas of a database share it, which does no harm, because IDs differ.
func (s *Store) channel() string { return "session:" + s.names.Table }

// Broadcast implements [session.Broadcaster] with one NOTIFY for each 200 IDs, all in one
// statement.
func (s *Store) Broadcast(ctx context.Context, ids []session.ID) error {
	var texts []string
	for some := range slices.Chunk(ids, maxNotified) {
		var b strings.Builder
		for _, id := range some {
			b.WriteString(id.String())
		}
		texts = append(texts, b.String())
	}
	st := sqltable.Statement{
		Text: "SELECT pg_notify($1, text) FROM unnest(string_to_array($2, ',')) AS text",
		Args: []any{s.channel(), strings.Join(texts, ",")},
	}
	_, err := s.exec(ctx, st, true)
	return s.answer(ctx, "broadcast", session.ID{}, err)
}

// Listen implements [session.Broadcaster] with LISTEN. It takes a connection out of the pool
// and closes it in the end, so it leaves the others to the requests. Behind a connection
// pooler it returns an error that matches [errors.ErrUnsupported], because the notifications
// would reach another client of the pooler.
func (s *Store) Listen(ctx context.Context, heard func(session.ID)) error {
	if s.closed.Load() {
		return sqlstore.ErrClosed
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.failed(ctx, "listen", session.ID{}, err)
	}
	own := conn.Hijack()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		_ = own.Close(ctx) // nothing is lost if it fails
	}()
	if err := s.direct(ctx, own); err != nil {
		return err
	}
	if _, err := own.Exec(ctx, "LISTEN "+s.names.Quoted(s.channel())); err != nil {
		return s.failed(ctx, "listen", session.ID{}, err)
	}
	heard(session.ID{})
	for {
		n, err := own.WaitForNotification(ctx)
		if err != nil {
			return s.failed(ctx, "listen", session.ID{}, err)
		}
		ids, err := hex.DecodeString(n.Payload)
		if err != nil {
			continue // not from a store
		}
		for id := range slices.Chunk(ids, len(session.ID{})) {
			if known, ok := sqltable.IDOf(id); ok {
				heard(known)
			}
		}
	}
}

// goodbye is how long closing the connection of Listen may take.
const goodbye = time.Second

// direct returns an error if there is a pooler between the program and the server: it
// answers the connection in the name of a process that is not the server's.
func (s *Store) direct(ctx context.Context, conn *pgx.Conn) error {
	var pid uint32
	args := s.args(nil)
	if err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", args...).Scan(&pid); err != nil {
		return s.failed(ctx, "listen", session.ID{}, err)
	}
	if pid != conn.PgConn().PID() {
		return fmt.Errorf("session: cannot listen through a connection pooler: %w", errors.ErrUnsupported)
	}
	return nil
}
