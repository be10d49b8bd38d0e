package migratetest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	gincookie "github.com/gin-contrib/sessions/cookie"
	"github.com/gin-gonic/gin"
	"github.com/gorilla/sessions"

	"github.com/expanse-go/session/internal/migratetest/guides"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionmigrate/gorilla"
	"github.com/expanse-go/session/sqlstore"
)

// TestGuidesWork signs in on the old application of each guide, and goes on in the new one.
func TestGuidesWork(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	cfg := gorillaConfig
	cfg.Name = "app"
	now, source := time.Now(), must(gorilla.Cookie(cfg))
	goesOn := func(t *testing.T, before, after http.Handler) {
		t.Helper()
		form := url.Values{"user": {"42"}, "password": {"secret"}}.Encode()
		r := httptest.NewRequest("POST", "/login", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		before.ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if w.Code != http.StatusOK || len(cookies) == 0 {
			t.Fatalf("the old login: %d %s", w.Code, w.Body)
		}
		if w := request(after, "/", cookies...); !strings.HasPrefix(w.Body.String(), "user 42") || len(w.Result().Cookies()) != 1 {
			t.Errorf("the new application: %d %q, cookies %v", w.Code, w.Body, w.Result().Cookies())
		}
	}
	t.Run("scs", func(t *testing.T) {
		db, _ := postgres(t)
		statement(t, db, "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)")
		for _, step := range must(sqlstore.Migrations(sqlstore.PostgreSQL, sqlstore.Config{Table: "web_sessions"})) {
			for _, text := range step.Statements() {
				statement(t, db, text)
			}
		}
		goesOn(t, guides.OldSCS(db), must(guides.NewSCS(db, now)))
	})
	t.Run("gorilla", func(t *testing.T) {
		goesOn(t, guides.OldGorilla(sessions.NewCookieStore(hashKey, blockKey)), must(guides.NewGorilla(memstore.New(memstore.Config{}), source, now)))
	})
	t.Run("gin-contrib", func(t *testing.T) {
		goesOn(t, guides.OldGin(gincookie.NewStore(hashKey, blockKey)), must(guides.NewGin(memstore.New(memstore.Config{}), source, now)))
	})
	t.Run("echo-contrib", func(t *testing.T) {
		goesOn(t, guides.OldEcho(sessions.NewCookieStore(hashKey, blockKey)), must(guides.NewEcho(memstore.New(memstore.Config{}), source, now)))
	})
	t.Run("fiber", func(t *testing.T) {
		client, _ := redisClient(t)
		old := guides.OldFiber(&keys{client: client})
		goesOn(t, old, must(guides.NewFiber(memstore.New(memstore.Config{}), client, now)))
	})
	t.Run("laravel", func(t *testing.T) {
		db := mariadb(t)
		r := recordings(t)[0]
		statement(t, db, laravelTables[sqlstore.MySQL])
		statement(t, db, "INSERT INTO sessions (id, payload, last_activity) VALUES (?, ?, ?)", r.ID, r.Payload, now.Unix())
		t.Setenv("APP_KEY", r.Key)
		h := must(guides.NewLaravel(db, memstore.New(memstore.Config{}), now))
		if w := request(h, "/", &http.Cookie{Name: "laravel_session", Value: r.Cookie}); w.Body.String() != "user 42 Saved." {
			t.Errorf("got %d %q", w.Code, w.Body)
		}
	})
}
