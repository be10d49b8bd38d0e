package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// If every connection is in use, a load waits no longer than its context, even if its
// statement would not be watched.
func TestLoadWaitsForAConnection(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		p := d.place(t)
		if d.driver == pgxPool { // the size of its pool is fixed
			p.conns = 1
		}
		db := p.connect(t)
		store := open(t, db, d.dialect, p.table(t, db, d.dialect))
		r := session.Record{ID: session.ID{1}, ExpiresAt: time.Now().Add(time.Hour), Data: []byte("x")}
		if err := store.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Load(t.Context(), r.ID); err != nil { // prepares the statement
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		c, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := store.Load(ctx, r.ID); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Load(t.Context(), r.ID); err != nil || string(got.Data) != "x" {
			t.Errorf("afterwards: got %q, %v", got.Data, err)
		}
	})
}
