package session_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// Values have dotted paths, and the reader chooses the type.
func ExampleGet() {
	visit(newManager(), func(s *session.Session) {
		s.Set("user", map[string]any{"name": "Ada", "born": 1815})
		s.Set("user.seen", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))

		fmt.Println(session.Get(s, "user.name", "guest"))
		fmt.Println(session.Get(s, "user.born", 0))
		fmt.Println(session.Get(s, "user.seen", time.Time{}).Year())
		fmt.Println(session.Get(s, "user.email", "none"))
	})
	// Output:
	// Ada
	// 1815
	// 2026
	// none
}

func ExampleLookup() {
	visit(newManager(), func(s *session.Session) {
		s.Set("limit", 0)
		if limit, ok := session.Lookup[int](s, "limit"); ok {
			fmt.Println("limit", limit)
		}
		_, ok := session.Lookup[int](s, "absent")
		fmt.Println(ok)
	})
	// Output:
	// limit 0
	// false
}

// If a value does not have the type that the reader asks for, the error says so.
func ExampleSession_Decode() {
	visit(newManager(), func(s *session.Session) {
		s.Set("user.age", "old")
		var age int
		fmt.Println(s.Decode("user.age", &age))
	})
	// Output:
	// session: value at "user.age" is not of type int: what is stored is text of 5 bytes, which does not decode
}

// Append creates the list if it does not exist, and works on nested paths.
func ExampleSession_Append() {
	visit(newManager(), func(s *session.Session) {
		s.Append("article.tags", "go")
		s.Append("article.tags", "http", "sessions")
		fmt.Println(session.Get(s, "article.tags", []string(nil)))
	})
	// Output: [go http sessions]
}

func ExamplePop() {
	visit(newManager(), func(s *session.Session) {
		s.Set("after_login.url", "/cart")
		fmt.Println(session.Pop(s, "after_login.url", "/"))
		fmt.Println(session.Pop(s, "after_login.url", "/"))
	})
	// Output:
	// /cart
	// /
}

// Join escapes dots within segments.
func ExampleJoin() {
	visit(newManager(), func(s *session.Session) {
		path := session.Join("files", "notes.txt")
		s.Set(path, "draft")
		fmt.Println(path)
		fmt.Println(s.All())
		fmt.Println(slices.Collect(s.Keys()))
	})
	// Output:
	// files.notes\.txt
	// map[files:map[notes.txt:draft]]
	// [files]
}

// The first error of a write is kept, as in a bufio.Writer, and the commit would return
// it. Rollback discards the error and all changes.
func ExampleSession_Err() {
	visit(newManager(), func(s *session.Session) {
		s.Set("job.progress", make(chan int))
		s.Set("job.name", "import")
		fmt.Println(s.Err())
		s.Rollback()
		fmt.Println(s.Err(), s.Has("job.name"))
	})
	// Output:
	// session: cannot store the chan int at "job.progress": json: unsupported type: chan int
	// <nil> false
}
