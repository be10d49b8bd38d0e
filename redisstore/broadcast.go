package redisstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
)

// maxPublished is how many IDs a message has. A message is written to each listener.
const maxPublished = 1000

// channel returns the name of the channel of the store's sessions.
func (s *Store) channel() string { return s.prefix + "ended" }

// Broadcast implements [session.Broadcaster] with one PUBLISH for each 1,000 IDs. If the ACL of the
// user forbids the channel, it does nothing: managers then learn of an end when they poll.
func (s *Store) Broadcast(ctx context.Context, ids []session.ID) error {
	for some := range slices.Chunk(ids, maxPublished) {
		var b strings.Builder
		for _, id := range some {
			b.WriteString(id.String())
		}
		err := s.do(ctx, redis.NewIntCmd(ctx, "publish", s.channel(), b.String()))
		if err != nil && !forbidden(err) {
			return s.failed(ctx, "broadcast", session.ID{}, err)
		}
	}
	return nil
}

// Listen implements [session.Broadcaster] with SUBSCRIBE, on a connection of its own. The client
// checks the connection every few seconds and connects again if it is lost. If the ACL of the user
// forbids the channel, the error matches [errors.ErrUnsupported].
func (s *Store) Listen(ctx context.Context, heard func(session.ID)) error {
	if err := s.usable(ctx); err != nil {
		return s.failed(ctx, "listen", session.ID{}, err)
	}
	sub := s.base.Subscribe(ctx, s.channel())
	defer sub.Close() // nothing is lost if it fails
	// A subscription that waits for an answer notices neither the end of ctx nor that of the store.
	defer context.AfterFunc(ctx, func() { sub.Close() })()
	_, err := sub.Receive(ctx)
	if forbidden(err) {
		return fmt.Errorf("session: the ACL of the user forbids the channel; an administrator allows it with: ACL SETUSER NAME &%s +subscribe +publish: %w", s.channel(), errors.ErrUnsupported)
	}
	if err != nil {
		return s.failed(ctx, "listen", session.ID{}, err)
	}
	heard(session.ID{})
	for m := range sub.ChannelWithSubscriptions() {
		switch m := m.(type) {
		case *redis.Subscription: // after a lost connection
			heard(session.ID{})
		case *redis.Message:
			hear(m.Payload, heard)
		}
		if s.closed.Load() {
			break
		}
	}
	if err := s.usable(ctx); err != nil {
		return s.failed(ctx, "listen", session.ID{}, err)
	}
	return s.failed(ctx, "listen", session.ID{}, errors.New("the subscription has ended"))
}

// hear passes on the IDs of a message. Messages of other senders are ignored.
func hear(message string, heard func(session.ID)) {
	ids, err := hex.DecodeString(message)
	if err != nil || len(ids)%len(session.ID{}) != 0 {
		return
	}
	for id := range slices.Chunk(ids, len(session.ID{})) {
		heard(session.ID(id))
	}
}
