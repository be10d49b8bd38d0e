package redisstore_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/redisstore"
)

// A server that keeps its sessions in Redis.
func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{Prefix: "shop:session:"})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Check(ctx); err != nil {
		log.Fatal(err)
	}
	manager, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close(ctx)
	log.Fatal(http.ListenAndServe("localhost:8000", manager.Handler(http.NotFoundHandler())))
}

// A server whose store finds the primary through two sentinels.
func ExampleOpen() {
	ctx := context.Background()
	store, err := redisstore.Open(ctx, "redis://sentinel1:26379?master_name=shop&addr=sentinel2:26379", "")
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Check(ctx); err != nil {
		log.Fatal(err)
	}
	manager, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close(ctx) // also closes the client
	log.Fatal(http.ListenAndServe("localhost:8000", manager.Handler(http.NotFoundHandler())))
}

// On a cluster, commands that wait at the same time share a pipeline to each node.
func ExampleNew_pipeline() {
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"node1:6379", "node2:6379"}})
	defer client.Close()
	pipelined, err := client.AutoPipeline()
	if err != nil {
		log.Fatal(err)
	}
	defer pipelined.Close()
	store, err := redisstore.New(pipelined, redisstore.Config{Base: client})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// New checks the configuration before it talks to a server.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"}) // connects at the first use
	defer client.Close()
	_, err := redisstore.New(client, redisstore.Config{Prefix: "{shop}:"})
	fmt.Println(err)
	// Output:
	// session: Config.Prefix = {shop}:: use at most 64 letters, digits and the characters : . _ - /
}
