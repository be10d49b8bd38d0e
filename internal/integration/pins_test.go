package integration

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// pinned reports whether a store keeps connections of the database.
func pinned(d database) bool { return isSQLite(d) && onDisk(d) }

// Statements that are prepared on a pin keep working when the table changes or is
// dropped and created again, and do not prevent checkpoints or DROP TABLE.
func TestPinnedStatementsAndTheTable(t *testing.T) {
	each(t, pinned, func(t *testing.T, d database) {
		p := d.place(t)
		db, other := p.connect(t), p.connect(t)
		cfg := p.table(t, db, d.dialect)
		s := open(t, db, d.dialect, cfg)
		table := quoted(d.dialect, cfg)
		r := session.Record{ID: session.ID{1}, ExpiresAt: time.Now().Add(time.Hour), Data: []byte("x")}
		use := func(data string) {
			t.Helper()
			held := 0
			for range 3 {
				got, err := s.Load(t.Context(), r.ID)
				if err != nil || string(got.Data) != data {
					t.Fatalf("got %q, %v", got.Data, err)
				}
				if err := s.Update(t.Context(), got); err != nil {
					t.Fatal(err)
				}
				held = max(held, db.Stats().InUse)
			}
			if held == 0 {
				t.Error("no connection is pinned")
			}
		}
		mustCreate(t, s, r)
		use("x")
		mustExec(t, other, "ALTER TABLE "+table+" ADD COLUMN note TEXT")
		use("x")
		mustExec(t, other, "UPDATE "+table+" SET data = CAST('y' AS BLOB)")
		use("y")
		var busy, pages, moved int
		if err := other.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil || busy != 0 {
			t.Errorf("checkpoint: busy %d, %v", busy, err)
		}
		use("y")
		mustExec(t, other, "DROP TABLE "+table)
		if _, err := s.Load(t.Context(), r.ID); err == nil || !strings.Contains(err.Error(), "no such table") {
			t.Errorf("without a table: got %v", err)
		}
		migrate(t, other, d.dialect, cfg)
		if _, err := s.Load(t.Context(), r.ID); err != session.ErrNotFound {
			t.Errorf("in an empty table: got %v", err)
		}
		mustCreate(t, s, r)
		use("x")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("%d connections are in use after Close", n)
		}
	})
}

// Every driver returns each column as it was stored, with a pin and through
// database/sql, even if an option of the driver turns texts into times.
func TestPinnedValues(t *testing.T) {
	each(t, pinned, func(t *testing.T, d database) {
		p := d.place(t)
		if d.driver == "sqlite" {
			p.dsn += map[bool]string{true: "&", false: "?"}[strings.Contains(p.dsn, "?")] + "_texttotime=1&_inttotime=1"
		}
		db := p.connect(t)
		s := open(t, db, d.dialect, p.table(t, db, d.dialect))
		now := time.Unix(1_800_000_000, 123).UTC()
		for i, r := range []session.Record{
			{Owner: "ada", Client: session.Client{Address: "::1", UserAgent: "é"}, Data: []byte("x")},
			{Owner: "2026-01-02", Data: []byte("2026-01-02 03:04:05")},
			{Owner: "1", Client: session.Client{Address: "2026-01-02 03:04:05"}, Data: []byte{0}},
		} {
			r.ID, r.Version = session.ID{byte(i + 1)}, 1
			r.CreatedAt, r.LastActivity, r.ExpiresAt = now, now.Add(1), now.Add(2)
			mustCreate(t, s, r)
			for range 3 {
				got, err := s.Load(t.Context(), r.ID)
				if err != nil || !reflect.DeepEqual(got, r) {
					t.Errorf("got %+v, %v\nwant %+v", got, err, r)
				}
			}
		}
	})
}

// The bytes of a record do not change when its connection is used again.
func TestPinnedBytesAreTheCallers(t *testing.T) {
	each(t, pinned, func(t *testing.T, d database) {
		s := d.store(t)
		for i := range 3 {
			mustCreate(t, s, session.Record{ID: session.ID{byte(i)}, Data: []byte(strings.Repeat(fmt.Sprint(i), 1000))})
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				var all [3][]byte
				for range 20 {
					for i := range all {
						got, err := s.Load(t.Context(), session.ID{byte(i)})
						if err != nil {
							t.Error(err)
							return
						}
						all[i] = got.Data
					}
					for i, data := range all {
						if string(data) != strings.Repeat(fmt.Sprint(i), 1000) {
							t.Errorf("record %d became %.10q", i, data)
						}
						clear(data) // the caller owns it
					}
				}
			})
		}
		wg.Wait()
	})
}

// Stores that share a pool leave half of it to the application. After Close, before or
// after that of the pool, nothing is open.
func TestPinsAreGivenBack(t *testing.T) {
	for _, poolFirst := range []bool{false, true} {
		t.Run(fmt.Sprint("pool first ", poolFirst), func(t *testing.T) {
			each(t, pinned, func(t *testing.T, d database) {
				before := goleak.IgnoreCurrent()
				p := d.place(t)
				db := p.connect(t)
				db.SetMaxOpenConns(4)
				var stores []*sqlstore.Store
				for range 3 {
					cfg := p.table(t, db, d.dialect)
					s, err := sqlstore.New(db, d.dialect, cfg)
					if err != nil {
						t.Fatal(err)
					}
					stores = append(stores, s)
				}
				held := 0
				for i := range 60 {
					mustCreate(t, stores[i%3], session.Record{ID: session.ID{byte(i)}, Data: []byte("x")})
					if _, err := stores[i%3].Load(t.Context(), session.ID{byte(i)}); err != nil {
						t.Fatal(err)
					}
					held = max(held, db.Stats().InUse)
				}
				if held < 1 || held > 2 {
					t.Errorf("%d connections were held, want one or two", held)
				}
				if poolFirst {
					if err := db.Close(); err != nil {
						t.Error(err)
					}
				}
				for _, s := range stores {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				if got := db.Stats(); got.InUse != 0 || poolFirst && got.OpenConnections != 0 {
					t.Errorf("left open: %+v", got)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
				goleak.VerifyNone(t, before)
			})
		})
	}
}
