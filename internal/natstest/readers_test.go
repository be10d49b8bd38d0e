package natstest_test

import (
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/readercheck"
)

// TestReaders compares the readers of docs/format with the manager. They get the data of a message.
func TestReaders(t *testing.T) {
	js := connect(t, startServers(t, 1).URL())
	newBucket(t, js, "sessions", 1)
	kv, err := js.KeyValue(t.Context(), "sessions")
	if err != nil {
		t.Fatal(err)
	}
	readercheck.Run(t, open(t, js, "sessions"), func(id session.ID) []readercheck.Value {
		e, err := kv.Get(t.Context(), "id."+id.String()[:2]+"."+id.String())
		if err != nil {
			t.Fatal(err)
		}
		return []readercheck.Value{readercheck.Binary("nats", e.Value())}
	})
}
