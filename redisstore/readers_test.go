package redisstore_test

import (
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/readercheck"
)

// TestReaders compares the readers of docs/format with the manager. They get the bytes of a key.
func TestReaders(t *testing.T) {
	c, p := dial(t, nil), prefix(t)
	readercheck.Run(t, open(t, c, p), func(id session.ID) []readercheck.Value {
		b, err := c.Get(t.Context(), p+id.String()).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return []readercheck.Value{readercheck.Binary("redis", b)}
	})
}
