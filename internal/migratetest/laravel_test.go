package migratetest

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/laravel"
	"github.com/expanse-go/session/sqlstore"
)

// A recorded session is what testdata/laravel.php has written with Laravel's own code.
type recorded struct {
	Cipher, Key, What, ID, Payload, Cookie, JSON string
	Encrypted                                    bool
}

func recordings(t *testing.T) (all []recorded) {
	t.Helper()
	b, err := os.ReadFile("testdata/laravel.json")
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil || len(all) < 18 {
		t.Fatalf("%d recordings, %v", len(all), err)
	}
	return all
}

// laravelTables are the tables of a migration of Laravel.
var laravelTables = map[sqlstore.Dialect]string{
	sqlstore.SQLite:     "CREATE TABLE sessions (id varchar primary key not null, user_id integer, ip_address varchar, user_agent text, payload text not null, last_activity integer not null)",
	sqlstore.PostgreSQL: "CREATE TABLE sessions (id varchar(255) primary key not null, user_id bigint, ip_address varchar(45), user_agent text, payload text not null, last_activity integer not null)",
	sqlstore.MySQL:      "CREATE TABLE sessions (id varchar(255) not null primary key, user_id bigint unsigned, ip_address varchar(45), user_agent text, payload longtext not null, last_activity int not null)",
}

const lifetime = 2 * time.Hour

// TestLaravel takes over sessions from each database, with each cipher and serialization.
func TestLaravel(t *testing.T) {
	each := map[sqlstore.Dialect]func(*testing.T) *sql.DB{
		sqlstore.SQLite:     sqlite,
		sqlstore.PostgreSQL: func(t *testing.T) *sql.DB { db, _ := postgres(t); return db },
		sqlstore.MySQL:      mariadb,
	}
	for dialect, open := range each {
		t.Run(string(dialect), func(t *testing.T) {
			db := open(t)
			statement(t, db, laravelTables[dialect])
			for _, r := range recordings(t) {
				if r.What == "object" {
					continue
				}
				for _, payload := range []string{r.Payload, r.JSON} {
					if payload == r.JSON && r.Encrypted {
						continue
					}
					statement(t, db, "DELETE FROM sessions")
					statement(t, db, fmt.Sprintf("INSERT INTO sessions (id, payload, last_activity) VALUES ('%s', '%s', %d)", r.ID, payload, time.Now().Unix()))
					checkLaravel(t, db, dialect, r)
				}
			}
		})
	}
}

func laravelSource(t *testing.T, db *sql.DB, dialect sqlstore.Dialect, r recorded) sessionmigrate.Lister {
	t.Helper()
	other := "base64:" + strings.Repeat("A", 43) + "="
	s, err := laravel.New(must(laravel.SQL(db, dialect, "sessions", lifetime)), laravel.Config{Cookie: "laravel_session", Keys: []string{other, r.Key}, Encrypted: r.Encrypted})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ofLaravel(c *sessionmigrate.Config) { c.Owner, c.Map = laravel.Owner("web"), laravel.Map }

func checkLaravel(t *testing.T, db *sql.DB, dialect sqlstore.Dialect, r recorded) {
	t.Helper()
	source := laravelSource(t, db, dialect, r)
	cookie := &http.Cookie{Name: "laravel_session", Value: r.Cookie}
	a := newApp(t, old{source: source}, ofLaravel)
	for s, err := range source.List(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if out, err := a.by.DryRun(t.Context(), s); out != sessionmigrate.Taken || err != nil {
			t.Errorf("dry run: %v, %v", out, err)
		}
	}
	p, err := a.try("/", cookie)
	if r.What == "visit" {
		if err != nil || p.Name != "guest" || p.Owner != "" || len(p.Keys) != 1 {
			t.Errorf("%+v, %v", p, err)
		}
		return
	}
	a.wantAna(p, err)
	if want := "map[dark:true none:<nil> ratio:0.5 ü:größer 7:seven]"; len(p.Keys) != 6 || len(fmt.Sprint(p.Keys["settings"])) != len(want) || p.Keys["status"] != "Saved." {
		t.Errorf("keys %v", p.Keys)
	}
	if again := a.get("/", cookie); again.ID != p.ID {
		t.Error("the old cookie leads to another session")
	}
	// A cookie of another name has the same encryption, but not the prefix.
	if p := newApp(t, old{source: must(laravel.New(one(nil), laravel.Config{Cookie: "other", Keys: []string{r.Key}}))}).get("/", &http.Cookie{Name: "other", Value: r.Cookie}); len(p.Keys) > 0 {
		t.Errorf("the value of another cookie: %+v", p)
	}
	if p := newApp(t, old{source: source}, ofLaravel).get("/", &http.Cookie{Name: "laravel_session", Value: flip(r.Cookie)}); len(p.Keys) > 0 {
		t.Errorf("a forged cookie: %+v", p)
	}
	ended := map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "$1"}[dialect]
	if ended == "" {
		ended = "?"
	}
	statement(t, db, "UPDATE sessions SET last_activity = "+ended, time.Now().Add(-lifetime-2*time.Second).Unix())
	if p := newApp(t, old{source: source}, ofLaravel).get("/", cookie); len(p.Keys) > 0 {
		t.Errorf("an expired session: %+v", p)
	}
}

// Objects of PHP classes are an error that names the key and the class.
func TestLaravelObjects(t *testing.T) {
	for _, r := range recordings(t) {
		if r.What != "object" {
			continue
		}
		source := must(laravel.New(one(r.Payload), laravel.Config{Cookie: "laravel_session", Keys: []string{r.Key}, Encrypted: r.Encrypted}))
		cookie := &http.Cookie{Name: "laravel_session", Value: r.Cookie}
		for s, err := range source.List(t.Context()) {
			t.Errorf("a record whose key is no ID was listed: %v, %v", s, err)
		}
		request, _ := http.NewRequest("GET", "/", nil)
		request.AddCookie(cookie)
		k, ok := source.Key(request)
		s, err := source.Load(t.Context(), k)
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		_, err = newApp(t, old{source: source}, ofLaravel).by.DryRun(t.Context(), s)
		var value *sessionmigrate.ValueError
		if !errors.As(err, &value) || value.Key != "suit" && value.Key != "where" || value.Type != "Suit:Hearts" && value.Type != "Point" {
			t.Errorf("error %v", err)
		}
		lenient := func(c *sessionmigrate.Config) { ofLaravel(c); c.Lenient = true }
		a := newApp(t, old{source: source}, lenient)
		a.wantAna(a.try("/", cookie))
	}
}
