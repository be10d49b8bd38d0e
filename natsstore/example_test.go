package natsstore_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/natsstore"
)

// A server that keeps its sessions in NATS. It creates the bucket, unless there is one with
// the same settings.
func Example() {
	ctx := context.Background()
	conn, err := nats.Connect("nats://localhost:4222", nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		log.Fatal(err)
	}
	bucket := jetstream.KeyValueConfig{Bucket: "web_sessions", Replicas: 3, LimitMarkerTTL: time.Minute}
	if _, err := js.CreateKeyValue(ctx, bucket); err != nil {
		log.Fatal(err)
	}
	store, err := natsstore.New(js, natsstore.Config{Bucket: "web_sessions"})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Check(ctx); err != nil {
		log.Fatal(err)
	}
	manager, err := session.New(store, session.Config{StoreTimeout: 15 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close(ctx)
	log.Fatal(http.ListenAndServe("localhost:8000", manager.Handler(http.NotFoundHandler())))
}
