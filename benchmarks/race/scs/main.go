// Command scs serves a small application that uses alexedwards/scs, for "beam race".
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8002", "`address` to listen on")
	flag.Parse()
	m := scs.New()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := m.RenewToken(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		m.Put(r.Context(), "user", r.FormValue("user"))
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := m.Destroy(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("/set", func(w http.ResponseWriter, r *http.Request) {
		if m.GetString(r.Context(), "user") == "" {
			http.Error(w, "sign in first", http.StatusUnauthorized)
			return
		}
		time.Sleep(20 * time.Millisecond) // simulates a database query
		m.Put(r.Context(), r.FormValue("key"), true)
	})
	mux.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "user %q: %q\n", m.GetString(r.Context(), "user"), m.Keys(r.Context()))
	})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving on http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, m.LoadAndSave(mux)))
}
