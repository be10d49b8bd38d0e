package main

import (
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/fallbackstore"
)

// A house is a store that sessions can move to, and the variables that configure it.
type house struct {
	name    string // as beam store copy takes it
	environ []string
}

// store returns the value of SESSION_STORE, and the connection.
func (h house) store() []string {
	store, connection, ok := strings.Cut(h.name, ":")
	environ := []string{"SESSION_STORE=" + store}
	if ok {
		environ = append(environ, "SESSION_STORES__DATABASE__CONNECTION="+connection)
	}
	return environ
}

// The sessions of a running application with four replicas move from store to store, and back,
// while visitors sign in, write and sign out. In each move, the replicas are replaced one by
// one: they get the new store as a fallback, then the old store as a fallback; then beam store
// copy moves the sessions that no request has moved, and the replicas are replaced again, to use
// the new store alone. One replica crashes on the way, and so
// does the first copy. No session and no write is lost, and nobody who has signed out is signed
// in again.
func TestMovingHouse(t *testing.T) {
	if testing.Short() {
		t.Skip("starts dozens of processes; run without -short")
	}
	t.Run("file and sqlite", func(t *testing.T) {
		movingHouse(t, house{"file", nil}, house{"database:sqlite", places(t)["sqlite"][2:]})
	})
	t.Run("sqlite and redis", func(t *testing.T) {
		movingHouse(t, house{"database:sqlite", places(t)["sqlite"][2:]}, house{"redis", onRedis(t)[1:]})
	})
	t.Run("postgres and mariadb", func(t *testing.T) {
		movingHouse(t, house{"database:postgres", onPostgres(t)[2:]}, house{"database:mariadb", onMariaDB(t)[2:]})
	})
}

func movingHouse(t *testing.T, one, two house) {
	began := time.Now()
	f := newFleet(t, projectFiles)
	common := append(append([]string(nil), one.environ...), two.environ...)
	stores := map[string]session.Store{}
	for _, h := range []house{one, two} {
		if _, connection, ok := strings.Cut(h.name, ":"); ok {
			common = append(common, "DB_CONNECTION="+connection) // of a file, or of the one that is migrated now
			f.migrate(append(common, h.store()...))
		}
		stores[h.name] = openIn(t, f.dir, append(common, h.store()...))
	}
	with := func(store, fallback house) []string {
		environ := append(append([]string(nil), common...), store.store()...)
		if fallback.name != "" {
			environ = append(environ, "SESSION_FALLBACK="+fallback.name)
		}
		return environ
	}
	f.roll(nil, "older", with(one, house{})...)
	l := begin(t, f.proxy.URL)
	l.more(100)
	from, to := one, two
	for range 2 { // there and back
		f.roll(l, "older", with(from, to)...)
		f.roll(l, "older", with(to, from)...)
		f.crash(l, "older", with(to, from)...)
		before := l.String()
		f.interrupt(l, with(to, from), "store", "copy", "--from", from.name, "--to", to.name)
		out, err := f.beam(with(to, from), "store", "copy", "--from", from.name, "--to", to.name)
		if err != nil {
			t.Error(err)
		}
		left := 0
		for r, err := range session.List(t.Context(), stores[from.name]) {
			if err != nil {
				t.Fatal(err)
			}
			if !fallbackstore.IsMark(r) && time.Now().Before(r.ExpiresAt) { // a crash may leave a session that has ended
				left++
			}
		}
		if left > 0 {
			t.Errorf("%d sessions are left in %s", left, from.name)
		}
		f.roll(l, "older", with(to, house{})...)
		l.more(20)
		t.Logf("%s to %s: %s, after %s", from.name, to.name, strings.ReplaceAll(strings.TrimSpace(out), "\n", "; "), before)
		from, to = to, from
	}
	l.end()
	t.Logf("%v; %d starts of a replica, in %v", l, f.starts, time.Since(began).Round(time.Second))
}
