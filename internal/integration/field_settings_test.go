package integration

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sqlstore"
)

// with returns the place with another setting of its connections, as a server with
// another default gives it to them.
func (p place) with(t *testing.T, setting, value string) place {
	t.Helper()
	if p.driver == "mysql" {
		cfg, err := mysql.ParseDSN(p.dsn)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Params = map[string]string{setting: value}
		p.dsn = cfg.FormatDSN()
		return p
	}
	u, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(setting, value)
	u.RawQuery = q.Encode()
	p.dsn = u.String()
	return p
}

// Check refuses a connection with a setting that loses what is written without an error,
// and says which one.
func TestField04Settings(t *testing.T) {
	refused := map[sqlstore.Dialect][]struct{ setting, value, want string }{
		sqlstore.MySQL: {
			{"autocommit", "0", "autocommit is "},
			{"completion_type", "1", "completion_type is "},
			{"sql_mode", "''", "sql_mode is "},
			{"sql_mode", "'STRICT_TRANS_TABLES,EMPTY_STRING_IS_NULL'", "EMPTY_STRING_IS_NULL"},
			{"sql_select_limit", "10", "sql_select_limit is "},
			{"tx_isolation", "'READ-UNCOMMITTED'", "isolation is "},
			{"character_set_client", "latin1", "character_set_client is "},
			{"tx_read_only", "1", "read-only"},
		},
		sqlstore.PostgreSQL: {
			{"default_transaction_read_only", "on", "read-only"},
			{"client_encoding", "LATIN1", "client_encoding"},
		},
	}
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		cfg := p.table(t, p.connect(t), d.dialect)
		for _, c := range refused[d.dialect] {
			if c.setting == "client_encoding" && d.driver == "postgres" {
				continue // lib/pq sets it itself
			}
			t.Run(c.setting+"="+c.value, func(t *testing.T) {
				s, err := newStore(p.with(t, c.setting, c.value).connect(t), d.dialect, cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error with %q", err, c.want)
				}
			})
		}
	})
}

// Every isolation that promises to read what is committed will do, and other settings
// that do not matter are left alone.
func TestField04SettingsThatDoNotMatter(t *testing.T) {
	each(t, isServer, func(t *testing.T, d database) {
		p := d.place(t)
		cfg := p.table(t, p.connect(t), d.dialect)
		harmless := map[string]string{"default_transaction_isolation": "serializable", "statement_timeout": "30000"}
		if d.dialect == sqlstore.MySQL {
			harmless = map[string]string{"sql_safe_updates": "1", "sql_mode": "'TRADITIONAL,ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "tx_isolation": "'SERIALIZABLE'"}
		}
		for setting, value := range harmless {
			s := open(t, p.with(t, setting, value).connect(t), d.dialect, cfg)
			id := session.ID{byte(len(setting))}
			mustCreate(t, s, session.Record{ID: id, Owner: "ada", Data: []byte("x")})
			if err := s.Update(t.Context(), session.Record{ID: id, Version: 1, Owner: `b"o'\b`}); err != nil {
				t.Errorf("%s: %v", setting, err)
			}
			if r, err := s.Load(t.Context(), id); err != nil || r.Owner != `b"o'\b` {
				t.Errorf("%s: got %q, %v", setting, r.Owner, err)
			}
			if err := s.Delete(t.Context(), id); err != nil {
				t.Errorf("%s: %v", setting, err)
			}
		}
	})
}

// Without Check, no login is answered as if it were stored when it is not.
func TestField04NothingIsLostWithoutCheck(t *testing.T) {
	each(t, isMySQL, func(t *testing.T, d database) {
		p := d.place(t)
		plain := p.connect(t)
		cfg := p.table(t, plain, d.dialect)
		s, err := newStore(p.with(t, "autocommit", "0").connect(t), d.dialect, cfg)
		if err != nil {
			t.Fatal(err)
		}
		site := newSite(t, s, map[string]func(http.ResponseWriter, *http.Request, *session.Session){
			"/login": func(w http.ResponseWriter, r *http.Request, s *session.Session) {
				s.Login("ada")
				http.Redirect(w, r, "/", http.StatusSeeOther)
			},
		})
		for range 3 {
			var w *httptest.ResponseRecorder
			if w, _ = site.do("/login", nil); w.Code != http.StatusServiceUnavailable {
				t.Errorf("got status %d for a login that is not stored, want 503", w.Code)
			}
		}
		if err := s.Create(t.Context(), session.Record{ID: session.ID{1}}); err == nil || !strings.Contains(err.Error(), "autocommit") {
			t.Errorf("got %v, want an error that names autocommit", err)
		}
	})
}

// What makes a crash lose more is a warning: it is no reason not to start.
func TestField04Warnings(t *testing.T) {
	each(t, func(d database) bool { return d.dialect == sqlstore.PostgreSQL || isSQLite(d) && onDisk(d) }, func(t *testing.T, d database) {
		p := d.place(t)
		cfg := p.table(t, p.connect(t), d.dialect)
		setting, values := "synchronous_commit", map[string]bool{"off": true, "on": false}
		if isSQLite(d) {
			setting, values = "_pragma", map[string]bool{"synchronous(0)": true, "synchronous(1)": false}
			if d.driver == "sqlite3" {
				setting, values = "_synchronous", map[string]bool{"OFF": true, "NORMAL": false}
			}
		}
		for value, warns := range values {
			q := p
			if isSQLite(d) {
				q.dsn, _, _ = strings.Cut(q.dsn, "?")
				q.dsn += "?" + setting + "=" + value
			} else {
				q = p.with(t, setting, value)
			}
			s := open(t, q.connect(t), d.dialect, cfg)
			got, err := s.Warnings(t.Context())
			if err != nil || strings.Contains(strings.Join(got, "\n"), "synchronous") != warns {
				t.Errorf("%s: got warnings %q, %v", value, got, err)
			}
		}
	})
}
