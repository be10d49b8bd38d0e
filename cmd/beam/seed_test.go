package main

import (
	"context"
	"fmt"
	"os"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/redisstore"
	"github.com/expanse-go/session/sessionconfig"
)

// seed is a program for scripts. For each argument it stores a session of that owner, or an
// anonymous one for "-", in the configured store, and prints the ID. Each session contains an
// ordinary value and one with terminal control characters.
func seed() {
	ctx := context.Background()
	m, err := sessionconfig.Open(ctx, "config", sessionconfig.WithRedis(redisstore.Open))
	if err == nil {
		for _, owner := range os.Args[1:] {
			var id session.ID
			if id, err = seedOne(ctx, m, owner); err != nil {
				break
			}
			fmt.Println(id)
		}
		if closed := m.Close(ctx); err == nil {
			err = closed
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func seedOne(ctx context.Context, m *session.Manager, owner string) (session.ID, error) {
	s, err := m.Load(ctx, "")
	if err != nil {
		return session.ID{}, err
	}
	if owner != "-" {
		s.Login(owner)
	}
	s.Set("cart.items", []int{3, 4})
	s.Set("note", "bell\a and \u009b31m")
	_, err = m.Commit(ctx, s)
	return s.ID(), err
}
