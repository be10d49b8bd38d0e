package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// A server that keeps its sessions in PostgreSQL. The program also imports a driver:
//
//	import _ "github.com/jackc/pgx/v5/stdlib"
func Example() {
	db, err := sql.Open("pgx", "postgres://app@localhost/app")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Config{Schema: "web"})
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Check(context.Background()); err != nil {
		log.Fatal(err)
	}
	manager, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer manager.Close(context.Background())
	log.Fatal(http.ListenAndServe("localhost:8000", manager.Handler(http.NotFoundHandler())))
}

// The statements for a team that uses its own migration tool.
func ExampleMigrations() {
	steps, err := sqlstore.Migrations(sqlstore.SQLite, sqlstore.Config{Table: "visitors"})
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range steps {
		fmt.Println(step.Name)
		fmt.Print(step.Down())
	}
	// Output:
	// create_visitors_table
	// -- This signs everybody out.
	// DROP TABLE IF EXISTS "visitors";
}
