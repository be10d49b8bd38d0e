package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session/internal/natstest"
	"github.com/expanse-go/session/natsstore"
)

// createNATS starts a cluster of three servers for the location, with a bucket on all of
// them.
func (loc *location) createNATS(ctx context.Context, dir string) (err error) {
	if loc.cluster, err = natstest.StartCluster(ctx, dir, 3); err != nil {
		return err
	}
	loc.DSN = loc.cluster.URL()
	loc.remove = func() error {
		loc.cluster.Stop()
		return nil
	}
	js, done, err := loc.connectNATS()
	if err != nil {
		return err
	}
	defer done()
	return natstest.CreateBucket(ctx, js, natsstore.DefaultBucket, 3)
}

func (loc *location) connectNATS() (js jetstream.JetStream, done func(), err error) {
	conn, err := nats.Connect(loc.DSN, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		return nil, nil, err
	}
	js, err = jetstream.New(conn)
	return js, conn.Close, err
}

func (loc *location) openNATS() (openStore, error) {
	js, done, err := loc.connectNATS()
	if err != nil {
		return openStore{}, err
	}
	s, err := natsstore.New(js, natsstore.Config{})
	return openStore{Store: s, done: done}, err
}

// leaderKilled kills the server that leads the bucket (SIGKILL) and starts it again, twice,
// under load. The clients must recover without a restart.
func (t *trial) leaderKilled(ctx context.Context) (summary string, err error) {
	loc, err := newLocation(ctx, t.kind, t.dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, loc.remove()) }()
	var downtime time.Duration
	summary, err = t.loadLocation(ctx, loc, time.Now, func(l *load, _ openStore) error {
		for range 2 {
			wait(ctx, t.each/3)
			led, err := loc.natsLeader(ctx)
			if err != nil {
				return err
			}
			loc.cluster.Kill(led)
			took, err := l.recoversWithin(ctx, time.Minute) // an election alone takes up to nine seconds
			if err != nil {
				return err
			}
			downtime = max(downtime, took)
			if err := loc.cluster.Start(ctx, led); err != nil {
				return err
			}
		}
		wait(ctx, t.each/3)
		return nil
	})
	return fmt.Sprintf("downtime %v, %s", downtime.Round(time.Millisecond), summary), err
}

// natsLeader waits until all replicas are up to date, and returns the number of the server
// that leads the bucket.
func (loc *location) natsLeader(ctx context.Context) (int, error) {
	js, done, err := loc.connectNATS()
	if err != nil {
		return 0, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ; ctx.Err() == nil; wait(ctx, 10*time.Millisecond) {
		stream, err := js.Stream(ctx, "KV_"+natsstore.DefaultBucket)
		if err != nil {
			continue // there is no leader at the moment
		}
		info := stream.CachedInfo().Cluster
		current := len(info.Replicas) == 2
		for _, r := range info.Replicas {
			current = current && r.Current && !r.Offline
		}
		if current && info.Leader != "" {
			return loc.cluster.Index(info.Leader)
		}
	}
	return 0, errors.New("not all replicas of the bucket are up to date within a minute")
}
