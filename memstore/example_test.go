package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// The zero Config is ready for use. Pass the store to a manager, and wrap the handlers in
// the middleware of the manager.
func Example() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	defer manager.Close(context.Background())
	fmt.Println(manager.CookieName())
	// Output: __Host-session
}

// A store with a limit of three sessions makes room for a fourth one. It evicts the
// anonymous session that was idle the longest, and keeps the session with an owner.
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
		fmt.Println(i+1, "evicted:", errors.Is(err, session.ErrNotFound))
	}
	// Output:
	// 1 evicted: false
	// 2 evicted: true
	// 3 evicted: false
	// 4 evicted: false
}
