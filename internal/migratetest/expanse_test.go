package migratetest

import (
	"database/sql"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/expanse"
	"github.com/expanse-go/session/sqlstore"
)

// TestExpanse takes over rows in the form in which Expanse writes them: JSON in base64, and the time
// as SQLAlchemy stores it.
func TestExpanse(t *testing.T) {
	const columns = "(id varchar(40) primary key, ip_address varchar(45), user_agent varchar(500), payload text, last_activity "
	for dialect, o := range map[sqlstore.Dialect]struct {
		open func(*testing.T) *sql.DB
		typ  string
	}{
		sqlstore.SQLite:     {sqlite, "datetime"},
		sqlstore.PostgreSQL: {func(t *testing.T) *sql.DB { db, _ := postgres(t); return db }, "timestamptz"},
		sqlstore.MySQL:      {mariadb, "datetime(6)"},
	} {
		t.Run(string(dialect), func(t *testing.T) {
			db := o.open(t)
			statement(t, db, "CREATE TABLE sessions "+columns+o.typ+")")
			source := must(expanse.New(must(expanse.SQL(db, dialect, "sessions", lifetime)), expanse.Config{Cookie: "app_session"}))
			text := `{"_csrf_token": "x", "_flash": {"old": [], "new": []}, "user_id": 42, "name": "Ana", "visits": 7, "cart": ["tea", "milk"], "seen": "2026-10-31T23:59:58Z", "article": {"tags": ["\u00fc"]}}`
			payload := base64.StdEncoding.EncodeToString([]byte(text))
			zone := ""
			if dialect == sqlstore.PostgreSQL {
				zone = "+00"
			}
			for id, age := range map[string]time.Duration{strings.Repeat("a", 40): time.Hour, strings.Repeat("B", 40): lifetime + 2*time.Second} {
				at := time.Now().UTC().Add(-age).Format("2006-01-02 15:04:05.000000") + zone
				statement(t, db, fmt.Sprintf("INSERT INTO sessions (id, payload, last_activity) VALUES ('%s', '%s', '%s')", id, payload, at))
			}
			a := newApp(t, old{source: source}, func(c *sessionmigrate.Config) { c.Map = expanse.Map })
			p, err := a.try("/", &http.Cookie{Name: "app_session", Value: strings.Repeat("a", 40)})
			if a.wantAna(p, err); len(p.Keys) != 6 {
				t.Errorf("keys %v", p.Keys)
			}
			for _, id := range []string{strings.Repeat("B", 40), strings.Repeat("A", 40), strings.Repeat("b", 40), strings.Repeat("a", 39), strings.Repeat("-", 40)} {
				if p := a.get("/", &http.Cookie{Name: "app_session", Value: id}); len(p.Keys) > 0 {
					t.Errorf("%s: %+v", id, p)
				}
			}
			n := 0
			for s, err := range source.List(t.Context()) {
				if n++; err != nil || len(s.Values) != 8 {
					t.Errorf("listed %v, %v", s.Values, err)
				}
			}
			if n != 2 {
				t.Errorf("listed %d sessions, want 2", n)
			}
		})
	}
}
