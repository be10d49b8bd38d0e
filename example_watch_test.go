package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A stream of server-sent events ends when the visitor signs out, on any page and in any
// process. A browser then connects again by itself; a 204 tells it not to.
func ExampleSession_Watch() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{
		Cookie: session.CookieConfig{DangerouslyAllowHTTP: true}, // this example has no TLS
	})
	if err != nil {
		panic(err)
	}
	news := make(chan string, 1)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		if s.Owner() == "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		ctx, cancel := s.Watch(r.Context())
		defer cancel()
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		for {
			select {
			case text := <-news:
				fmt.Fprintf(w, "data: %s, %s\n\n", text, s.Owner())
			case <-ctx.Done():
				switch err := context.Cause(ctx); {
				case errors.Is(err, session.ErrReplaced): // connect again, with the new cookie
				case errors.Is(err, session.ErrEnded):
					fmt.Fprint(w, "event: bye\ndata: Sign in again.\n\n")
				}
				return
			}
			http.NewResponseController(w).Flush()
		}
	}))
	mux.HandleFunc("POST /login", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Login("ada")
	}))
	mux.HandleFunc("POST /logout", manager.HandlerFunc(func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		s.Invalidate()
	}))
	server := httptest.NewServer(manager.Handler(mux))
	defer server.Close()

	// Ada signs in and opens the stream.
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)
	post := func(path string) {
		resp, err := browser.Post(server.URL+path, "", nil)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
	}
	post("/login")
	news <- "hello"
	stream, err := browser.Get(server.URL + "/events")
	if err != nil {
		panic(err)
	}
	defer stream.Body.Close()
	events := bufio.NewScanner(stream.Body)
	next := func() {
		for events.Scan() && events.Text() != "" {
			fmt.Println(strings.TrimPrefix(events.Text(), "data: "))
		}
	}
	next()

	// She signs out on another page.
	post("/logout")
	next()
	fmt.Println(events.Scan())
	// Output:
	// hello, ada
	// event: bye
	// Sign in again.
	// false
}
