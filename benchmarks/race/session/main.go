// Command session serves a small application that uses this library, for "beam race".
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8001", "`address` to listen on")
	flag.Parse()
	m, err := session.New(memstore.New(memstore.Config{}), session.Config{Cookie: session.CookieConfig{DangerouslyAllowHTTP: true}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	with := func(pattern string, h func(http.ResponseWriter, *http.Request, *session.Session)) {
		mux.Handle(pattern, m.HandlerFunc(h))
	}
	with("POST /login", func(_ http.ResponseWriter, r *http.Request, s *session.Session) { s.Login(r.FormValue("user")) })
	with("POST /logout", func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Invalidate() })
	with("/set", func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		if s.Owner() == "" {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		time.Sleep(20 * time.Millisecond) // simulates a database query
		s.Set(r.FormValue("key"), true)
	})
	with("GET /all", func(w http.ResponseWriter, _ *http.Request, s *session.Session) {
		fmt.Fprintf(w, "user %q: %q\n", s.Owner(), slices.Collect(s.Keys()))
	})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving on http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, mux))
}
