package pgxstore_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/pgxstore"
)

// A server that keeps its sessions in PostgreSQL.
func Example() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://app@localhost/app")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	store, err := pgxstore.New(pool, pgxstore.Config{Schema: "web"})
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

// A server whose store opens a pool of its own.
func ExampleOpen() {
	ctx := context.Background()
	store, err := pgxstore.Open(ctx, "postgres://app@localhost/app?pool_max_conns=16", "", "sessions")
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
	defer manager.Close(ctx) // also closes the pool
	log.Fatal(http.ListenAndServe("localhost:8000", manager.Handler(http.NotFoundHandler())))
}

// New checks the names before it talks to a database.
func ExampleNew() {
	pool, err := pgxpool.New(context.Background(), "postgres://app@localhost/app") // connects at the first use
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	_, err = pgxstore.New(pool, pgxstore.Config{Table: "user sessions"})
	fmt.Println(err)
	// Output:
	// session: Config.Table = user sessions: use letters, digits and underscores only, and no digit first
}
