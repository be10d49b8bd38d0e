package migratetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/boj/redistore"
	ginsessions "github.com/gin-contrib/sessions"
	gincookie "github.com/gin-contrib/sessions/cookie"
	ginredis "github.com/gin-contrib/sessions/redis"
	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	echosession "github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"

	"github.com/expanse-go/session/sessionmigrate"
	"github.com/expanse-go/session/sessionmigrate/gorilla"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
)

var hashKey, blockKey = []byte(strings.Repeat("h", 32)), []byte(strings.Repeat("b", 32))

const sessionName = "app-session"

var gorillaConfig = gorilla.Config{Name: sessionName, KeyPairs: [][]byte{hashKey, blockKey}}

// fill does in values what the old applications do; see old.
func fill(path string, values map[any]any) {
	switch path {
	case "/login":
		values["user_id"], values["name"], values["visits"] = 42, "Ana", int64(7)
		values["cart"], values["seen"] = []string{"tea", "milk"}, seen
	case "/visit":
		values["name"] = "guest"
	}
}

// onGorilla returns an application on gorilla/sessions.
func onGorilla(store sessions.Store, source sessionmigrate.Source) old {
	return old{source: source, handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, sessionName)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fill(r.URL.Path, s.Values)
		if r.URL.Path == "/logout" {
			s.Options.MaxAge = -1
		}
		if err := s.Save(r, w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})}
}

func TestGorilla(t *testing.T) {
	t.Run("CookieStore", func(t *testing.T) {
		o := onGorilla(sessions.NewCookieStore(hashKey, blockKey), must(gorilla.Cookie(gorillaConfig)))
		o.closed = true
		laws(t, o)
	})
	t.Run("FilesystemStore", func(t *testing.T) {
		dir := t.TempDir()
		laws(t, onGorilla(sessions.NewFilesystemStore(dir, hashKey, blockKey), must(gorilla.Files(dir, gorillaConfig))))
	})
	for _, serializer := range []string{"gob", "json"} {
		t.Run("redistore "+serializer, func(t *testing.T) {
			client, prefix := redisClient(t)
			store := must(redistore.NewRediStoreWithPool(redigoPool(t), hashKey, blockKey))
			store.SetKeyPrefix(prefix)
			cfg := gorillaConfig
			if cfg.JSON = serializer == "json"; cfg.JSON {
				store.SetSerializer(redistore.JSONSerializer{})
			}
			laws(t, onGorilla(store, must(gorilla.Redis(redisrecords.New(client, prefix), cfg))))
		})
	}
}

// The cookie of a CookieStore is refused once it is too old, or if another key made it.
func TestGorillaAge(t *testing.T) {
	cfg := gorillaConfig
	cfg.KeyPairs, cfg.MaxAge = [][]byte{hashKey}, 3600
	source := must(gorilla.Cookie(cfg))
	ok := func(source sessionmigrate.Source, value string) bool {
		r, _ := http.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: sessionName, Value: value})
		_, ok := source.Key(r)
		return ok
	}
	value := must(securecookie.New(hashKey, nil).Encode(sessionName, map[any]any{"user_id": 42}))
	if !ok(source, value) || !ok(source, aged(value, 3500)) {
		t.Error("a cookie is refused")
	}
	if ok(source, aged(value, 3700)) {
		t.Error("an old cookie is accepted")
	}
	cfg.KeyPairs = [][]byte{blockKey}
	if ok(must(gorilla.Cookie(cfg)), value) {
		t.Error("the cookie of another key is accepted")
	}
}

// aged returns a cookie as it would be if it had been made some seconds earlier. The clock of
// securecookie can't be set from outside.
func aged(value string, seconds int64) string {
	raw := must(base64.URLEncoding.DecodeString(value))
	parts := strings.SplitN(string(raw), "|", 3) // time, content, MAC
	text := fmt.Sprintf("%d|%s", must(strconv.ParseInt(parts[0], 10, 64))-seconds, parts[1])
	mac := hmac.New(sha256.New, hashKey)
	mac.Write([]byte(sessionName + "|" + text))
	return base64.URLEncoding.EncodeToString([]byte(text + "|" + string(mac.Sum(nil))))
}

// Keys that the old program has rotated: a cookie of the second pair is accepted.
func TestGorillaKeyRotation(t *testing.T) {
	o := onGorilla(sessions.NewCookieStore(hashKey, blockKey), nil)
	cfg := gorillaConfig
	cfg.KeyPairs = [][]byte{[]byte(strings.Repeat("n", 32)), []byte(strings.Repeat("m", 32)), hashKey, blockKey}
	o.source = must(gorilla.Cookie(cfg))
	if p := newApp(t, o).get("/", o.visit(t, "/login")); p.Owner != "42" {
		t.Errorf("got %+v", p)
	}
}

// A flash message of gorilla/sessions is an ordinary list after the takeover.
func TestGorillaFlash(t *testing.T) {
	store := sessions.NewCookieStore(hashKey, blockKey)
	o := old{source: must(gorilla.Cookie(gorillaConfig)), handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, _ := store.Get(r, sessionName)
		s.AddFlash("Saved.")
		must(0, s.Save(r, w))
	})}
	p := newApp(t, o).get("/", o.visit(t, "/"))
	if list, _ := p.Keys["_flash"].([]any); len(list) != 1 || list[0] != "Saved." {
		t.Errorf("got %v", p.Keys)
	}
}

// onGin returns an application on gin-contrib/sessions.
func onGin(store ginsessions.Store, source sessionmigrate.Source) old {
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(ginsessions.Sessions(sessionName, store))
	router.GET("/:action", func(c *gin.Context) {
		s, values := ginsessions.Default(c), map[any]any{}
		fill("/"+c.Param("action"), values)
		for k, v := range values {
			s.Set(k, v)
		}
		if c.Param("action") == "logout" {
			s.Options(ginsessions.Options{MaxAge: -1})
		}
		if err := s.Save(); err != nil {
			c.String(http.StatusInternalServerError, err.Error())
		}
	})
	return old{handler: router, source: source}
}

func TestGinContrib(t *testing.T) {
	t.Run("cookie", func(t *testing.T) {
		o := onGin(gincookie.NewStore(hashKey, blockKey), must(gorilla.Cookie(gorillaConfig)))
		o.closed = true
		laws(t, o)
	})
	t.Run("redis", func(t *testing.T) {
		client, prefix := redisClient(t)
		store := must(ginredis.NewStoreWithPool(redigoPool(t), hashKey, blockKey))
		if err := ginredis.SetKeyPrefix(store, prefix); err != nil {
			t.Fatal(err)
		}
		laws(t, onGin(store, must(gorilla.Redis(redisrecords.New(client, prefix), gorillaConfig))))
	})
}

func TestEchoContrib(t *testing.T) {
	e := echo.New()
	e.Use(echosession.Middleware(sessions.NewCookieStore(hashKey, blockKey)))
	e.GET("/:action", func(c echo.Context) error {
		s, err := echosession.Get(sessionName, c)
		if err != nil {
			return err
		}
		fill("/"+c.Param("action"), s.Values)
		return s.Save(c.Request(), c.Response())
	})
	laws(t, old{handler: e, source: must(gorilla.Cookie(gorillaConfig)), closed: true})
}
