package natstest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
)

// keys returns the keys of the bucket that match the filter.
func keys(tb testing.TB, js jetstream.JetStream, bucket, filter string) []string {
	tb.Helper()
	stream, err := js.Stream(tb.Context(), "KV_"+bucket)
	if err != nil {
		tb.Fatal(err)
	}
	prefix := "$KV." + bucket + "."
	info, err := stream.Info(tb.Context(), jetstream.WithSubjectFilter(prefix+filter))
	if err != nil {
		tb.Fatal(err)
	}
	var all []string
	for subject := range info.State.Subjects {
		all = append(all, strings.TrimPrefix(subject, prefix))
	}
	return all
}

// await waits until the condition holds.
func await(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within a minute", what)
		}
	}
}

// The server removes a record and its entry in the index. A touch postpones that.
func TestServerRemovesExpiredRecords(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	soon := time.Now().Add(-session.PruneSlack + 3*time.Second)
	dies, lives := record(1, "ana"), record(2, "ben")
	dies.ExpiresAt, lives.ExpiresAt = soon, soon
	mustCreate(t, s, dies)
	mustCreate(t, s, lives)
	if err := s.Touch(t.Context(), lives.ID, lives.LastActivity, time.Now()); err != nil {
		t.Fatal(err)
	}
	key := "id.01." + dies.ID.String()
	kv, err := js.KeyValue(t.Context(), "sessions")
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the server removes the record", func() bool {
		_, err := kv.Get(t.Context(), key)
		return errors.Is(err, jetstream.ErrKeyNotFound)
	})
	if _, err := s.Load(t.Context(), dies.ID); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	for r, err := range s.ListOwner(t.Context(), "ana") {
		t.Errorf("got %v, %v in the index", r, err)
	}
	if _, err := s.Load(t.Context(), lives.ID); err != nil {
		t.Errorf("the session that was touched: %v", err)
	}
}

// Nobody sees a record after ExpiresAt plus PruneSlack, although the server removes it later;
// its ID is free again.
func TestForgottenRecordIsAbsent(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	r := record(1, "ana")
	r.ExpiresAt = time.Now().Add(-session.PruneSlack)
	for range 3 {
		mustCreate(t, s, r)
		if _, err := s.Load(t.Context(), r.ID); err != session.ErrNotFound {
			t.Errorf("Load: got %v, want ErrNotFound", err)
		}
		if err := s.Update(t.Context(), session.Record{ID: r.ID, Version: 1}); err != session.ErrNotFound {
			t.Errorf("Update: got %v, want ErrNotFound", err)
		}
	}
	if n, err := s.Prune(t.Context(), time.Now().Add(-session.PruneSlack), 10); n != 0 || err != nil {
		t.Errorf("Prune: got %d, %v, want 0", n, err)
	}
	r.ExpiresAt = time.Now().Add(time.Hour)
	mustCreate(t, s, r)
	if _, err := s.Load(t.Context(), r.ID); err != nil {
		t.Error(err)
	}
}

// entry returns the only entry in the index, and how long it lasts from its creation on.
func entry(tb testing.TB, js jetstream.JetStream) (key string, lifetime time.Duration) {
	tb.Helper()
	var all []string
	await(tb, "there is one entry", func() bool {
		all = keys(tb, js, "sessions", "owner.>")
		return len(all) == 1
	})
	stream, err := js.Stream(tb.Context(), "KV_sessions")
	if err != nil {
		tb.Fatal(err)
	}
	msg, err := stream.GetLastMsgForSubject(tb.Context(), "$KV.sessions."+all[0])
	if err != nil {
		tb.Fatal(err)
	}
	lifetime, err = time.ParseDuration(msg.Header.Get(jetstream.MsgTTLHeader))
	if err != nil {
		tb.Fatal(err)
	}
	return all[0], lifetime
}

// An entry lasts longer than the record needs. So few touches write a new one, and none
// leaves a record whose entry ends first.
func TestIndexOutlivesTheRecord(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	r := record(1, "ana") // for an hour
	mustCreate(t, s, r)
	first, lifetime := entry(t, js)
	if lifetime < 3*time.Hour || lifetime > 3*time.Hour+time.Minute {
		t.Errorf("got an entry for %v, want an hour, PruneSlack, and an hour more", lifetime)
	}
	if err := s.Touch(t.Context(), r.ID, r.LastActivity, r.ExpiresAt.Add(30*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if again, _ := entry(t, js); again != first {
		t.Error("a touch wrote an entry although the former one was good for longer")
	}
	if err := s.Touch(t.Context(), r.ID, r.LastActivity, r.ExpiresAt.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	await(t, "the former entry is gone", func() bool {
		now, lifetime := entry(t, js)
		return now != first && lifetime >= 4*time.Hour
	})
	r.Version, r.Owner = 1, "ben"
	if err := s.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	await(t, "the former owner's entry is gone", func() bool { return len(keys(t, js, "sessions", "owner.>")) == 1 })
	if err := s.Delete(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	await(t, "no entry is left", func() bool { return len(keys(t, js, "sessions", "owner.>")) == 0 })
}

// A marker of a deletion is seen by a watch of the bucket.
func TestWatchSeesDeletions(t *testing.T) {
	js := connect(t, startServer(t, nil).ClientURL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	r := record(1, "ana")
	mustCreate(t, s, r)
	kv, err := js.KeyValue(t.Context(), "sessions")
	if err != nil {
		t.Fatal(err)
	}
	w, err := kv.Watch(t.Context(), "id.>", jetstream.UpdatesOnly())
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := s.Delete(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		select {
		case e := <-w.Updates():
			if e == nil {
				continue // the watch has caught up
			}
			if e.Key() != "id.01."+r.ID.String() || e.Operation() != jetstream.KeyValuePurge {
				t.Errorf("got %v of %s", e.Operation(), e.Key())
			}
			return
		case <-ctx.Done():
			t.Fatal("the watch has not seen the deletion")
		}
	}
}

// The server sends at most 100,000 keys at once. List yields the records of all keys. Most of
// the keys here belong to no record, because List would load each record, which takes long.
func TestListOfManyPages(t *testing.T) {
	js := connect(t, startServers(t, 1).URL())
	newBucket(t, js, "sessions", 1)
	s := open(t, js, "sessions")
	const others, records = 100_100, 512
	for i := range others {
		if _, err := js.PublishAsync(fmt.Sprintf("$KV.sessions.id.%02x.no-record-%d", i%256, i), nil); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 || i == others-1 {
			<-js.PublishAsyncComplete() // the client lets few messages wait, and not for long
		}
	}
	for i := range records {
		r := record(byte(i), "")
		r.ID[1] = byte(i >> 8)
		mustCreate(t, s, r)
	}
	seen := make(map[session.ID]bool, records)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the first answer has several megabytes
	defer cancel()
	for r, err := range s.List(ctx) {
		if err != nil || seen[r.ID] {
			t.Fatalf("record %d: got %s again, or %v", len(seen), r.ID, err)
		}
		seen[r.ID] = true
	}
	if len(seen) != records {
		t.Errorf("got %d records, want %d", len(seen), records)
	}
}
