package integration

import (
	"database/sql"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest"
	"github.com/expanse-go/session/sqlstore"
)

func TestContract(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		contract(t, d, d.place(t))
	})
}

// A pool of one connection is enough.
func TestContractOnOneConnection(t *testing.T) {
	each(t, eachDriver, func(t *testing.T, d database) {
		p := d.place(t)
		p.conns = 1
		contract(t, d, p)
	})
}

func contract(t *testing.T, d database, p place) {
	type opened struct {
		db  *sql.DB
		cfg sqlstore.Config
	}
	stores := make(map[session.Store]opened)
	again := func(tb testing.TB, db *sql.DB, cfg sqlstore.Config) session.Store {
		s := open(tb, db, d.dialect, cfg)
		stores[s] = opened{db, cfg}
		return s
	}
	shared := p.connect(t)
	h := sessiontest.Harness{
		Open: func(tb testing.TB) session.Store { return again(tb, shared, p.table(tb, shared, d.dialect)) },
		Reopen: func(tb testing.TB, s session.Store) session.Store {
			if err := s.(sessionStore).Close(); err != nil {
				tb.Fatal(err)
			}
			return again(tb, stores[s].db, stores[s].cfg)
		},
		Share: func(tb testing.TB, s session.Store) session.Store {
			db := shared
			if p.dsn != ":memory:" {
				db = p.connect(tb)
			}
			return again(tb, db, stores[s].cfg)
		},
	}
	sessiontest.TestStore(t, h)
}
