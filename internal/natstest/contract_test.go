package natstest_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
)

func TestContract(t *testing.T) {
	contract(t, startServers(t, 1).URL(), 1)
}

func TestContractOnCluster(t *testing.T) {
	contract(t, startCluster(t).URL(), 3)
}

func contract(t *testing.T, url string, replicas int) {
	sessiontest.TestStore(t, harness(t, url, replicas))
}

// harness opens stores on buckets of their own. A store that is opened again or shared has a
// connection of its own.
func harness(t testing.TB, url string, replicas int) sessiontest.Harness {
	admin := connect(t, url)
	buckets := map[session.Store]string{}
	again := func(tb testing.TB, js jetstream.JetStream, bucket string) session.Store {
		s := open(tb, js, bucket)
		buckets[s] = bucket
		return s
	}
	return sessiontest.Harness{
		Open: func(tb testing.TB) session.Store {
			name := rand.Text()
			newBucket(tb, admin, name, replicas)
			tb.Cleanup(func() {
				if err := admin.DeleteKeyValue(context.Background(), name); err != nil {
					tb.Error(err)
				}
			})
			return again(tb, admin, name)
		},
		Reopen: func(tb testing.TB, s session.Store) session.Store { return again(tb, connect(tb, url), buckets[s]) },
		Share:  func(tb testing.TB, s session.Store) session.Store { return again(tb, connect(tb, url), buckets[s]) },
	}
}
