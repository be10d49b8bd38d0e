package integration

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/storecheck"
	"github.com/expanse-go/session/sqlstore"
)

// Check says which privileges a role lacks, changes nothing, and is content with those
// that the documentation names.
func TestField20Privileges(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		admin := p.connect(t)
		cfg := p.table(t, admin, d.dialect)
		mustCreate(t, open(t, admin, d.dialect, cfg), session.Record{ID: session.ID{1}, Owner: "ada"})
		for granted, lacks := range map[string]string{
			allPrivileges:            "",
			"SELECT":                 "INSERT, UPDATE, DELETE",
			"SELECT, INSERT, UPDATE": "DELETE",
			"SELECT, UPDATE, DELETE": "INSERT",
			"SELECT, INSERT, DELETE": "UPDATE",
			"INSERT, UPDATE, DELETE": "SELECT",
		} {
			app, _ := p.as(t, admin, d.dialect, cfg, granted)
			s, err := newStore(app.connect(t), d.dialect, cfg)
			if err != nil {
				t.Fatal(err)
			}
			err = s.Check(t.Context())
			s.Close()
			switch {
			case lacks == "" && err != nil:
				t.Errorf("a role with %s: %v", granted, err)
			case lacks != "" && (err == nil || !strings.Contains(err.Error(), "may not "+lacks)) && !strings.Contains(lacks, "SELECT"),
				strings.Contains(lacks, "SELECT") && (err == nil || !strings.Contains(err.Error(), "SELECT")):
				t.Errorf("a role with %s: got %v, want the lack of %s", granted, err, lacks)
			}
		}
		var n int
		if err := admin.QueryRowContext(t.Context(), "SELECT count(*) FROM "+quoted(d.dialect, cfg)).Scan(&n); err != nil || n != 1 {
			t.Errorf("got %d sessions, %v, want the one that was there", n, err)
		}
	})
}

// The check of a live store stops at the first record that it cannot clean up.
func TestField20PrivilegesOfTheStoreCheck(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		admin := p.connect(t)
		cfg := p.table(t, admin, d.dialect)
		app, _ := p.as(t, admin, d.dialect, cfg, "SELECT, INSERT, UPDATE")
		s, err := newStore(app.connect(t), d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		clauses, last := 0, error(nil)
		for _, err := range storecheck.Run(t.Context(), storecheck.Env{Store: s, Occupied: true}) {
			clauses++
			last = err
		}
		if clauses == len(storecheck.Clauses()) || last == nil || !strings.Contains(last.Error(), "left behind") {
			t.Errorf("%d of %d clauses ran, and the last one with %v", clauses, len(storecheck.Clauses()), last)
		}
		var n int
		if err := admin.QueryRowContext(t.Context(), "SELECT count(*) FROM "+quoted(d.dialect, cfg)).Scan(&n); err != nil || n > 10 {
			t.Errorf("%d records are left, %v", n, err)
		}
	})
}

// A file that cannot be written is reported, and one that somebody else is writing is
// not.
func TestField20PrivilegesOfAFile(t *testing.T) {
	for _, d := range databases {
		if !isSQLite(d) || !onDisk(d) {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			p := d.place(t)
			db := p.connect(t)
			cfg := p.table(t, db, d.dialect)
			open(t, db, d.dialect, cfg)
			q := p
			path, _, _ := strings.Cut(p.dsn, "?")
			q.dsn = path + "?mode=ro"
			s, err := newStore(q.connect(t), d.dialect, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "readonly") {
				t.Errorf("a file that cannot be written: got %v", err)
			}
			tx, err := p.connect(t).Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback()
			mustExecTx(t, tx, "DELETE FROM "+quoted(d.dialect, cfg))
			if s, err = newStore(p.connect(t), d.dialect, cfg); err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("a file that is being written: %v", err)
			}
		})
	}
}

// Owners are compared byte by byte, also those that consist of blanks.
func TestAttackS9Owner(t *testing.T) {
	each(t, all, func(t *testing.T, d database) {
		s := d.store(t)
		owners := []string{"", " ", "  ", "   ", "\t", "\u00a0", "ada", "ada ", " ada", "ADA", "adá"}
		for i, owner := range owners {
			for j := range 2 {
				mustCreate(t, s, session.Record{ID: session.ID{byte(i + 1), byte(j + 1)}, Owner: owner})
			}
		}
		for i, owner := range owners {
			n := 0
			for r, err := range s.ListOwner(t.Context(), owner) {
				if err != nil {
					t.Fatal(err)
				}
				if r.ID[0] != byte(i+1) || r.Owner != owner {
					t.Errorf("sessions of %q: got one of %q", owner, r.Owner)
				}
				n++
			}
			if n != 2 {
				t.Errorf("got %d sessions of %q, want 2", n, owner)
			}
		}
		signIn(t, s, "    ", " \t")
	})
}

// signIn signs owners in, each twice with room for one, and revokes their sessions.
func signIn(t *testing.T, s session.Store, owners ...string) {
	t.Helper()
	m, err := session.New(s, session.Config{PruneEvery: -1, MaxPerOwner: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close(t.Context())
	for range 2 {
		for _, owner := range owners {
			w := httptest.NewRecorder()
			m.Handler(m.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request, s *session.Session) {
				s.Login(owner)
			})).ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
			if w.Code != http.StatusOK {
				t.Fatalf("login of %q: status %d: %s", owner, w.Code, w.Body)
			}
		}
	}
	for _, owner := range owners {
		if n, err := m.RevokeOwner(t.Context(), owner); err != nil || n != 1 {
			t.Errorf("revoked %d sessions of %q, %v, want 1: the second login ended the first one", n, owner, err)
		}
	}
}

// Check refuses a column that compares owners in another way.
func TestAttackS9OwnerCollation(t *testing.T) {
	other := map[sqlstore.Dialect]string{
		sqlstore.MySQL:      "MODIFY owner VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL",
		sqlstore.PostgreSQL: `ALTER COLUMN owner TYPE text COLLATE "default"`,
	}
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		db := p.connect(t)
		cfg := p.table(t, db, d.dialect)
		mustExec(t, db, "ALTER TABLE "+quoted(d.dialect, cfg)+" "+other[d.dialect])
		s, err := newStore(db, d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "owner has the collation") {
			t.Errorf("got %v, want a complaint about the collation", err)
		}
		if d.dialect == sqlstore.MySQL { // compares like the migration's, or better
			mustExec(t, db, "ALTER TABLE "+quoted(d.dialect, cfg)+" MODIFY owner VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL")
			if err := s.Check(t.Context()); err != nil {
				t.Errorf("without padding: %v", err)
			}
		}
	})
}
