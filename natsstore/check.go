package natsstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
)

// checkTimeout limits Check and Warnings. The server does not answer what it does not permit,
// so they could wait for as long as their context lets them.
const checkTimeout = 5 * time.Second

// Check verifies that the store can work: the bucket exists, has no setting that would lose
// sessions, and the account may read and write it. Check tries that on a session that does
// not exist. It reports wrong settings as [*session.ConfigError], all of them joined. Call it
// before serving; otherwise, a missing bucket makes the first request fail.
func (s *Store) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	info, err := s.info(ctx)
	if err != nil {
		return err
	}
	if err := s.settings(&info.Config); err != nil {
		return err
	}
	var id session.ID
	rand.Read(id[:])
	if _, err := s.Load(ctx, id); !errors.Is(err, session.ErrNotFound) {
		return err
	}
	return s.failed("check", session.ID{}, s.retry(ctx, func(ctx context.Context) error {
		return s.publish(ctx, recordKey(id), nil, time.Now(), purged, nil)
	}))
}

// settings returns what would lose sessions.
func (s *Store) settings(cfg *jetstream.StreamConfig) error {
	var wrong []error
	refuse := func(bad bool, reason string) {
		if bad {
			wrong = append(wrong, &session.ConfigError{Field: "Bucket", Value: s.bucket, Reason: reason})
		}
	}
	refuse(!cfg.AllowMsgTTL, "the bucket lets no message have a lifetime of its own, so expired sessions would stay; create or update it with LimitMarkerTTL, which needs NATS server 2.11 or later")
	refuse(cfg.MaxMsgsPerSubject != 1, fmt.Sprintf("the bucket keeps a history of %d values, and a former one could come back when the last one expires; set History to 1", cfg.MaxMsgsPerSubject))
	refuse(cfg.MaxAge != 0, fmt.Sprintf("the bucket removes every value after %v, which ends sessions early; set TTL to 0, because each session has a lifetime of its own", cfg.MaxAge))
	refuse(cfg.Discard == jetstream.DiscardOld && (cfg.MaxMsgs > 0 || cfg.MaxBytes > 0), "the bucket drops the oldest sessions when it is full; set the discard policy of its stream to new")
	refuse(cfg.Mirror != nil, "the bucket is a mirror, which lags behind its origin; use the origin")
	return errors.Join(wrong...)
}

// Warnings returns settings of the server and the bucket that make the store's writes less
// durable, or refuse large ones. Each text explains the effect and says what to do. The store
// works with these settings, so a program can start in spite of them.
func (s *Store) Warnings(ctx context.Context) (warnings []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	info, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	if info.Config.Storage == jetstream.MemoryStorage {
		warnings = append(warnings, fmt.Sprintf("the bucket %q is in memory: its sessions are lost when all its servers stop; create it with FileStorage", s.bucket))
	}
	if info.Config.Replicas == 1 && info.Cluster != nil && info.Cluster.Name != "" {
		warnings = append(warnings, fmt.Sprintf("the bucket %q has one replica: without that server, no session can be read or written; set Replicas to 3", s.bucket))
	}
	limit := s.js.Conn().MaxPayload()
	if size := int64(info.Config.MaxMsgSize); size > 0 {
		limit = min(limit, size)
	}
	if largest := limit - overhead; largest < defaultMaxBytes {
		warnings = append(warnings, fmt.Sprintf("the server accepts messages of %d bytes, so a session that comes near the default Config.MaxBytes of %d is not stored; set Config.MaxBytes to %d, or raise max_payload of the server and MaxValueSize of the bucket",
			limit, defaultMaxBytes, largest))
	}
	return warnings, nil
}

const (
	defaultMaxBytes = 1 << 20 // of a session.Config
	overhead        = 4 << 10 // what a message holds besides the data of a session, at most
)

// info returns the settings of the bucket.
func (s *Store) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	var stream jetstream.Stream
	err := s.retry(ctx, func(ctx context.Context) (err error) {
		stream, err = s.js.Stream(ctx, s.stream())
		return err
	})
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, &session.ConfigError{Field: "Bucket", Value: s.bucket,
			Reason: fmt.Sprintf("there is no such bucket; create it with: js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: %q, Replicas: 3, LimitMarkerTTL: time.Minute})", s.bucket)}
	case err != nil:
		return nil, s.failed("check", session.ID{}, err)
	}
	return stream.CachedInfo(), nil
}
