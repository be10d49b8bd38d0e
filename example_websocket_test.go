package session_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// The session of a WebSocket's request stays as it was at the handshake. For
// each message, Load sees what has happened since, and Commit stores at once what the
// message changes. For server-sent events, do the same for each event.
func ExampleManager_Load_webSocket() {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	chat := func(w http.ResponseWriter, r *http.Request) {
		s, err := session.From(r.Context())
		if err != nil {
			session.Error(w, r, err)
			return
		}
		cookie, err := r.Cookie(manager.CookieNameOf(r))
		if err != nil || s.Owner() == "" {
			http.Error(w, "Sign in first.", http.StatusUnauthorized)
			return
		}
		conn, messages, err := upgrade(w)
		if err != nil {
			return
		}
		defer conn.Close()
		for messages.Scan() {
			s, err := manager.Load(r.Context(), session.Token(cookie.Value))
			if err != nil || s.Owner() == "" {
				return // signed out meanwhile; if not, the page connects again, with its present cookie
			}
			s.Append("said", messages.Text())
			if _, err := manager.Commit(r.Context(), s); err != nil {
				return
			}
			fmt.Fprintln(conn, s.Owner(), "said", messages.Text())
		}
	}
	server := httptest.NewServer(manager.Handler(http.HandlerFunc(chat)))
	defer server.Close()

	// Ada signs in and opens a socket.
	ctx := context.Background()
	ada, _ := manager.Load(ctx, "")
	ada.Login("ada")
	cookie, _ := manager.Commit(ctx, ada)
	conn, answers := connect(server.Listener.Addr().String(), cookie)
	defer conn.Close()

	fmt.Fprintln(conn, "hello")
	answers.Scan()
	fmt.Println(answers.Text())

	// Her other pages see it while the socket is open.
	page, _ := manager.Load(ctx, session.Token(cookie.Value))
	fmt.Println(session.Get(page, "said", []string(nil)))

	// She signs out on one of them, and the socket ends.
	page.Invalidate()
	manager.Commit(ctx, page)
	fmt.Fprintln(conn, "anybody there?")
	fmt.Println(answers.Scan())
	// Output:
	// ada said hello
	// [hello]
	// false
}

// upgrade stands for Upgrade(w, r, w.Header()) of a WebSocket library. Its messages are
// lines.
func upgrade(w http.ResponseWriter) (net.Conn, *bufio.Scanner, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n")
	w.Header().Write(rw)
	fmt.Fprint(rw, "\r\n")
	return conn, bufio.NewScanner(rw), rw.Flush()
}

// connect is the client of upgrade.
func connect(address string, cookie *http.Cookie) (net.Conn, *bufio.Scanner) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: lines\r\nCookie: %s=%s\r\n\r\n", cookie.Name, cookie.Value)
	answers := bufio.NewScanner(conn)
	for answers.Scan() && answers.Text() != "" {
	}
	return conn, answers
}
