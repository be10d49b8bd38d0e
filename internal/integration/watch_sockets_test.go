package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// closeCode returns the code and the reason with which a socket is closed. The page signs in
// again for 4401, and only connects again for 4409.
func closeCode(ended error) (code int, reason string) {
	switch {
	case errors.Is(ended, session.ErrReplaced):
		return 4409, "another login"
	case errors.Is(ended, session.ErrExpired):
		return 4401, "expired"
	case errors.Is(ended, session.ErrEnded):
		return 4401, "signed out"
	}
	return 1001, "going away" // the server stops
}

// A socket of coder/websocket ends with the session. Its reads take a context, but closing
// the connection by that context sends no code, so the handler closes it when the watch ends.
func Example_watchCoderWebSocket() {
	manager := socketManager()
	chat := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		conn, err := coder.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		watched, cancel := s.Watch(r.Context())
		defer cancel()
		defer context.AfterFunc(watched, func() {
			code, reason := closeCode(context.Cause(watched))
			conn.Close(coder.StatusCode(code), reason)
		})()
		for {
			kind, text, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			if err := conn.Write(r.Context(), kind, text); err != nil {
				return
			}
		}
	}
	chatAndSignOut(manager, chat)
	// Output:
	// hello
	// 4401 signed out
}

// A socket of gorilla/websocket ends with the session. Its reads take no context, so the
// handler sends the code and closes the connection when the watch ends.
func Example_watchGorillaWebSocket() {
	manager := socketManager()
	upgrader := gorilla.Upgrader{}
	chat := func(w http.ResponseWriter, r *http.Request, s *session.Session) {
		conn, err := upgrader.Upgrade(w, r, w.Header())
		if err != nil {
			return
		}
		defer conn.Close()
		watched, cancel := s.Watch(r.Context())
		defer cancel()
		defer context.AfterFunc(watched, func() {
			message := gorilla.FormatCloseMessage(closeCode(context.Cause(watched)))
			conn.WriteControl(gorilla.CloseMessage, message, time.Now().Add(time.Second))
			conn.Close()
		})()
		for {
			kind, text, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if err := conn.WriteMessage(kind, text); err != nil {
				return
			}
		}
	}
	chatAndSignOut(manager, chat)
	// Output:
	// hello
	// 4401 signed out
}

func socketManager() *session.Manager {
	manager, err := session.New(memstore.New(memstore.Config{}), session.Config{})
	if err != nil {
		panic(err)
	}
	return manager
}

// chatAndSignOut connects as ada, prints the answer to a message, signs out on another page,
// and prints how the socket is closed.
func chatAndSignOut(manager *session.Manager, chat func(http.ResponseWriter, *http.Request, *session.Session)) {
	server := httptest.NewServer(manager.HandlerFunc(chat))
	defer server.Close()
	ctx := context.Background()
	ada, _ := manager.Load(ctx, "")
	ada.Login("ada")
	cookie, err := manager.Commit(ctx, ada)
	if err != nil {
		panic(err)
	}
	header := http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}
	conn, _, err := gorilla.DefaultDialer.Dial(strings.Replace(server.URL, "http", "ws", 1), header)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	if err := conn.WriteMessage(gorilla.TextMessage, []byte("hello")); err != nil {
		panic(err)
	}
	_, text, err := conn.ReadMessage()
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))

	page, _ := manager.Load(ctx, session.Token(cookie.Value))
	page.Invalidate()
	if _, err := manager.Commit(ctx, page); err != nil {
		panic(err)
	}
	_, _, err = conn.ReadMessage()
	var closed *gorilla.CloseError
	if errors.As(err, &closed) {
		fmt.Println(closed.Code, closed.Text)
	}
}
