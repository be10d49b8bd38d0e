package filestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/filestore"
)

// Open creates the folder. Pass the store to a manager, and close both at the end.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	store, err := filestore.Open(filepath.Join(dir, "sessions"), filestore.Config{})
	if err != nil {
		panic(err)
	}
	defer store.Close()
	manager, err := session.New(store, session.Config{})
	if err != nil {
		panic(err)
	}
	defer manager.Close(context.Background())
	fmt.Println(manager.CookieName())
	// Output: __Host-session
}

// Every process that opens the folder finds the sessions that others have stored, now or
// after a restart.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	id := session.ID{1}

	first, err := filestore.Open(dir, filestore.Config{})
	if err != nil {
		panic(err)
	}
	err = first.Create(ctx, session.Record{ID: id, Owner: "ada", ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		panic(err)
	}
	first.Close()

	second, err := filestore.Open(dir, filestore.Config{})
	if err != nil {
		panic(err)
	}
	defer second.Close()
	for record, err := range second.ListOwner(ctx, "ada") {
		fmt.Println(record.ID, record.Version, err)
	}
	// Output: 01000000000000000000000000000000 1 <nil>
}

// Open returns an error for a folder that other users can write to, because they could
// replace the sessions.
func ExampleOpen_incorrect() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		panic(err)
	}
	_, err = filestore.Open(dir, filestore.Config{})
	fmt.Println(err != nil)
	// Output: true
}
