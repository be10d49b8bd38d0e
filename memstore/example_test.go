package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// The zero Config is ready for use. Hand the store to a manager, and have the
// manager's middleware around the handlers.
func Example() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	defer manager.Close(context.Background())
	fmt.Println(manager.CookieName())
	// Output: __Host-session
}

// A store of three sessions makes room for a fourth by forgetting the anonymous
// one that was idle the longest. What belongs to somebody stays.
func ExampleConfig() {
	ctx := context.Background()
	store := memstore.New(memstore.Config{MaxSessions: 3})

	now := time.Now()
	for i, owner := range []string{"ada", "", "", ""} {
		err := store.Create(ctx, session.Record{
			ID:           session.ID{byte(i + 1)},
			Owner:        owner,
			LastActivity: now.Add(time.Duration(i) * time.Second),
			ExpiresAt:    now.Add(time.Hour),
		})
		if err != nil {
			panic(err)
		}
	}
	for i := range 4 {
		_, err := store.Load(ctx, session.ID{byte(i + 1)})
		fmt.Println(i+1, "forgotten:", errors.Is(err, session.ErrNotFound))
	}
	// Output:
	// 1 forgotten: false
	// 2 forgotten: true
	// 3 forgotten: false
	// 4 forgotten: false
}
