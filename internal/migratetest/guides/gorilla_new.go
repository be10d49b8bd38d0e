package guides

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessionmigrate"
	oldgorilla "github.com/expanse-go/session/sessionmigrate/gorilla"
	"github.com/expanse-go/session/sessionmigrate/redisrecords"
)

// sourceOfCookies reads the sessions of a CookieStore.
func sourceOfCookies(hashKey, blockKey []byte) (sessionmigrate.Source, error) {
	return oldgorilla.Cookie(oldgorilla.Config{Name: "app", KeyPairs: [][]byte{hashKey, blockKey}})
}

// sourceOfFiles reads the sessions of a FilesystemStore.
func sourceOfFiles(hashKey, blockKey []byte) (sessionmigrate.Source, error) {
	return oldgorilla.Files("/var/lib/app/sessions", oldgorilla.Config{Name: "app", KeyPairs: [][]byte{hashKey, blockKey}})
}

// sourceOfRedistore reads the sessions of boj/redistore.
func sourceOfRedistore(client redis.UniversalClient, hashKey, blockKey []byte) (sessionmigrate.Source, error) {
	records := redisrecords.New(client, oldgorilla.RedisPrefix)
	return oldgorilla.Redis(records, oldgorilla.Config{Name: "app", KeyPairs: [][]byte{hashKey, blockKey}})
}

// sources are the three of them.
var _ = []any{sourceOfCookies, sourceOfFiles, sourceOfRedistore}

// NewGorilla is the same application, which takes over the sessions of gorilla/sessions.
func NewGorilla(store session.Store, old sessionmigrate.Source, deployed time.Time) (http.Handler, error) {
	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
		Until: deployed.Add(30 * 24 * time.Hour), // Options.MaxAge of gorilla/sessions
		Owner: sessionmigrate.OwnerKey("user_id"),
	})
	if err != nil {
		return nil, err
	}
	manager, err := session.New(store, session.Config{TakeOver: migration.TakeOver})
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		id, err := authenticate(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		s.Login(strconv.Itoa(id))
		s.AddFlash("flashes", "Welcome back.")
	}))
	mux.HandleFunc("GET /", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprintf(w, "user %s %v", s.Owner(), session.Get(s, "flashes", []string(nil)))
	}))
	mux.HandleFunc("POST /logout", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate()
	}))
	return manager.Handler(mux), nil
}
