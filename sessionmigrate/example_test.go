package sessionmigrate_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
	"github.com/expanse-go/session/sessionmigrate"
)

// A homemade library keeps sessions in a map, under the value of the cookie "sid".
type homemade map[string]map[string]any

func (h homemade) Key(r *http.Request) (sessionmigrate.Key, bool) {
	c, err := r.Cookie("sid")
	if err != nil {
		return sessionmigrate.Key{}, false
	}
	return sessionmigrate.Key{ID: c.Value, Secret: c.Value}, true
}

func (h homemade) Load(_ context.Context, k sessionmigrate.Key) (sessionmigrate.Old, error) {
	values, ok := h[k.ID]
	if !ok {
		return sessionmigrate.Old{}, session.ErrNotFound
	}
	return sessionmigrate.Old{Key: k, Values: values}, nil
}

// The sessions of a library for which there is no package are taken over by a source of two
// methods.
func Example() {
	old := homemade{"0f3c77aa": {"user_id": 42, "theme": "dark"}}

	store := memstore.New(memstore.Config{})
	migration, err := sessionmigrate.New(store, old, sessionmigrate.Config{
		Until: time.Now().Add(24 * time.Hour),
		Owner: sessionmigrate.OwnerKey("user_id"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	manager, err := session.New(store, session.Config{TakeOver: migration.TakeOver})
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		fmt.Fprintf(w, "user %s, theme %s", s.Owner(), session.Get(s, "theme", "light"))
	})

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", "sid=0f3c77aa")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Body)
	fmt.Println(w.Result().Cookies()[0].Name)
	// Output:
	// user 42, theme dark
	// __Host-session
}
