// Command gorilla serves a small application that uses gorilla/sessions with its file store,
// for "beam race".
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/sessions"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8003", "`address` to listen on")
	dir := flag.String("dir", os.TempDir(), "directory of the session files")
	flag.Parse()
	key := make([]byte, 32)
	rand.Read(key)
	store := sessions.NewFilesystemStore(*dir, key)
	store.MaxLength(1 << 20)
	store.Options.Secure = false
	mux := http.NewServeMux()
	with := func(pattern string, h func(r *http.Request, s *sessions.Session) (save bool)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s, err := store.Get(r, "session")
			if err != nil {
				s = sessions.NewSession(store, "session") // the file no longer exists
			}
			if !h(r, s) {
				http.Error(w, "sign in first", http.StatusUnauthorized)
			} else if err := s.Save(r, w); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	with("POST /login", func(r *http.Request, s *sessions.Session) bool { s.Values["user"] = r.FormValue("user"); return true })
	with("POST /logout", func(_ *http.Request, s *sessions.Session) bool { s.Options.MaxAge = -1; return true })
	with("/set", func(r *http.Request, s *sessions.Session) bool {
		time.Sleep(20 * time.Millisecond) // simulates a database query
		s.Values[r.FormValue("key")] = true
		return s.Values["user"] != nil
	})
	mux.HandleFunc("GET /all", func(w http.ResponseWriter, r *http.Request) {
		if s, err := store.Get(r, "session"); err == nil {
			fmt.Fprintf(w, "%q\n", s.Values)
		}
	})
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("serving on http://%s\n", l.Addr())
	log.Fatal(http.Serve(l, mux))
}
