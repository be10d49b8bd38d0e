package natstest

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// CreateBucket creates a bucket as the documentation of natsstore recommends. It tries again
// for a minute, because the servers of a cluster that has just started need a moment to find
// each other, and do not answer until then.
func CreateBucket(ctx context.Context, js jetstream.JetStream, name string, replicas int) error {
	for deadline := time.Now().Add(time.Minute); ; {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := js.CreateKeyValue(try, jetstream.KeyValueConfig{Bucket: name, Replicas: replicas, LimitMarkerTTL: time.Minute})
		cancel()
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		pause := time.NewTimer(50 * time.Millisecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}
