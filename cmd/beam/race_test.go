package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/cmd/beam/internal/demo"
	"github.com/expanse-go/session/memstore"
)

// demoServer starts the demo for the scripts of beam race.
func demoServer(t *testing.T) string {
	t.Helper()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{Cookie: session.CookieConfig{DangerouslyAllowHTTP: true}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(demo.New(m, demo.Options{}))
	t.Cleanup(func() {
		s.Close()
		m.Close(t.Context())
	})
	return s.URL
}

// lossyServer loses all but one of five writes of a session: each write loads a copy, waits
// until all five have one, and then stores its own. The single write k0 does not wait. A
// logout does not end the session.
func lossyServer(t *testing.T) string {
	t.Helper()
	var mu sync.Mutex
	sessions := map[string]map[string]bool{}
	loaded := map[string]*sync.WaitGroup{}
	name := func(r *http.Request) string {
		c, err := r.Cookie("id")
		if err != nil {
			return ""
		}
		return c.Value
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("password") != "it's" {
			http.Error(w, "wrong password", http.StatusForbidden)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		name := fmt.Sprint(len(sessions))
		sessions[name], loaded[name] = map[string]bool{}, new(sync.WaitGroup)
		loaded[name].Add(5)
		http.SetCookie(w, &http.Cookie{Name: "id", Value: name, Path: "/"})
	})
	mux.HandleFunc("POST /logout", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /set", func(_ http.ResponseWriter, r *http.Request) {
		name, key := name(r), r.FormValue("key")
		mu.Lock()
		keys, all := maps.Clone(sessions[name]), loaded[name]
		mu.Unlock()
		if key != "k0" {
			all.Done()
			all.Wait()
		}
		keys[key] = true
		mu.Lock()
		defer mu.Unlock()
		sessions[name] = keys
	})
	mux.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, slices.Sorted(maps.Keys(sessions[name(r)])))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}
