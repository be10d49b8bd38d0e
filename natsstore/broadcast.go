package natsstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/expanse-go/session"
)

// maxPublished is how many IDs a message has: 16 kB, which every server accepts.
const maxPublished = 1000

// ended returns the subject on which stores tell each other which sessions have ended. It is no
// subject of the bucket, so nothing is stored.
func (s *Store) ended() string { return "session.ended." + s.bucket }

// Broadcast implements [session.Broadcaster] with one message for each 1,000 IDs, which the
// servers pass on and do not store. It does not wait until they have. If the account of the
// connection must not publish them, it does nothing: managers then learn of an end when they
// poll.
func (s *Store) Broadcast(ctx context.Context, ids []session.ID) error {
	if err := ctx.Err(); err != nil {
		return s.failed("broadcast", session.ID{}, err)
	}
	if s.forbidden() {
		return nil
	}
	for some := range slices.Chunk(ids, maxPublished) {
		message := make([]byte, 0, len(some)*len(session.ID{}))
		for _, id := range some {
			message = append(message, id[:]...)
		}
		if err := s.js.Conn().Publish(s.ended(), message); err != nil {
			return s.failed("broadcast", session.ID{}, err)
		}
	}
	return nil
}

// Listen implements [session.Broadcaster] with a subscription, which the client renews when it
// connects again. If the account must not subscribe, the error matches [errors.ErrUnsupported].
func (s *Store) Listen(ctx context.Context, heard func(session.ID)) error {
	conn := s.js.Conn()
	connected := conn.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer conn.RemoveStatusListener(connected)
	messages := make(chan *nats.Msg, 1000)
	sub, err := conn.ChanSubscribe(s.ended(), messages)
	if err != nil {
		return s.failed("listen", session.ID{}, err)
	}
	defer func() { _ = sub.Unsubscribe() }() // fails if the connection is closed
	if err := s.begins(ctx, heard); err != nil {
		return err
	}
	lost := 0
	for {
		select {
		case m := <-messages:
			hear(m.Data, heard)
		case <-connected:
			if conn.IsClosed() {
				return s.failed("listen", session.ID{}, nats.ErrConnectionClosed)
			}
			if err := s.begins(ctx, heard); err != nil {
				return err
			}
		case <-ctx.Done():
			return s.failed("listen", session.ID{}, context.Cause(ctx))
		}
		if n, err := sub.Dropped(); err == nil && n > lost { // messages came faster than they were heard
			lost = n
			heard(session.ID{})
		}
	}
}

// begins waits until the server knows the subscription.
func (s *Store) begins(ctx context.Context, heard func(session.ID)) error {
	if err := s.retry(ctx, s.js.Conn().FlushWithContext); err != nil {
		return s.failed("listen", session.ID{}, err)
	}
	if s.forbidden() {
		return fmt.Errorf("session: the permissions of the connection do not include the subject %s; allow it to publish and to subscribe there: %w", s.ended(), errors.ErrUnsupported)
	}
	heard(session.ID{})
	return nil
}

// forbidden reports that the server has refused the subject.
func (s *Store) forbidden() bool {
	last := s.js.Conn().LastError()
	return errors.Is(last, nats.ErrPermissionViolation) && strings.Contains(last.Error(), s.ended())
}

// hear passes on the IDs of a message. Messages of other senders are ignored.
func hear(message []byte, heard func(session.ID)) {
	if len(message)%len(session.ID{}) != 0 {
		return
	}
	for id := range slices.Chunk(message, len(session.ID{})) {
		heard(session.ID(id))
	}
}
