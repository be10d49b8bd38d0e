package redisstore_test

import (
	"math/rand/v2"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/interleavings"
	"github.com/expanse-go/session/internal/pagemodel"
	"github.com/expanse-go/session/sessiontest"
)

func TestContract(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		prefixes := make(map[session.Store]string)
		again := func(tb testing.TB, prefix string) session.Store {
			s := open(tb, k.connect(tb), prefix)
			prefixes[s] = prefix
			return s
		}
		sessiontest.TestStore(t, sessiontest.Harness{
			Open: func(tb testing.TB) session.Store { return again(tb, prefix(tb)) },
			Reopen: func(tb testing.TB, s session.Store) session.Store {
				if err := s.(interface{ Close() error }).Close(); err != nil {
					tb.Fatal(err)
				}
				return again(tb, prefixes[s])
			},
			Share: func(tb testing.TB, s session.Store) session.Store { return again(tb, prefixes[s]) },
		})
	})
}

// eachAndTwice also runs a test on a client that sends every command again. A store alone
// reports a conflict if another write has come in between; a manager finds its commit.
func eachAndTwice(t *testing.T, test func(*testing.T, kind)) {
	each(t, test)
	t.Run("every command sent twice", func(t *testing.T) {
		test(t, kind{connect: func(tb testing.TB) redis.UniversalClient { return hooked(tb, twice) }})
	})
}

// The tables of docs/interleavings.md, with one process and with two.
func TestInterleavings(t *testing.T) {
	eachAndTwice(t, func(t *testing.T, k kind) {
		p := prefix(t)
		one, other := open(t, k.connect(t), p), open(t, k.connect(t), p)
		cases := append(interleavings.Pairs(true), interleavings.Others()...)
		for _, c := range cases {
			t.Run(c.Name(), func(t *testing.T) {
				c.Check(t, one)
				c.Check(t, one, other)
			})
		}
		watches := interleavings.Watches()
		for _, c := range watches {
			t.Run("watch "+c.Name(), func(t *testing.T) {
				c.Check(t, one)
				c.Check(t, one, other)
			})
		}
		t.Logf("%d interleavings", 2*(len(cases)+len(watches)))
	})
}

// TestModel compares sessions with a plain model: all operations in random order, over
// several requests with idle time between them.
func TestModel(t *testing.T) {
	eachAndTwice(t, func(t *testing.T, k kind) {
		s := open(t, k.connect(t), prefix(t))
		for range 5 {
			if err := pagemodel.Walk(s, rand.Uint64(), 40); err != nil {
				t.Fatal(err)
			}
		}
	})
}
