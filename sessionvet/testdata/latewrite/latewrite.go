package latewrite

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/expanse-go/session"
)

var (
	page  *template.Template
	count = session.NewKey[int]("count")
)

func begins(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("a", 1)
	w.WriteHeader(http.StatusCreated)
	s.Set("b", 1)                                        // want `Set changes the session after the response has begun in line 22: the client cannot get an error or a new cookie any more; move it before the first write of the response`
	session.Update(s, "n", func(n int) int { return n }) // want `Update changes the session`
	count.Set(s, 1)                                      // want `Set changes`
}

func write(w http.ResponseWriter, s *session.Session) {
	w.Write(nil)
	s.Login("ana") // want `Login changes`
}

func print(w http.ResponseWriter, s *session.Session) {
	fmt.Fprintf(w, "Hello, %s", s.Owner())
	if s.Owner() == "" {
		s.Invalidate() // want `Invalidate changes`
	}
}

func copies(w http.ResponseWriter, s *session.Session) {
	if _, err := io.Copy(w, strings.NewReader("x")); err != nil {
		s.Flash("status", "Failed.") // want `Flash changes`
	}
	for range 3 {
		s.Append("list", 1) // want `Append changes`
	}
}

func redirects(w http.ResponseWriter, r *http.Request, s *session.Session) {
	http.Redirect(w, r, "/", http.StatusSeeOther)
	s.Flash("status", "Saved.") // want `Flash changes`
}

func renders(w http.ResponseWriter, s *session.Session) error {
	err := page.Execute(w, nil)
	s.Remove("draft") // want `Remove changes`
	return err
}

func encodes(w http.ResponseWriter, s *session.Session) {
	json.NewEncoder(w).Encode(1)
	switch s.Owner() {
	case "ana":
		session.Pop(s, "x", 0) // want `Pop changes`
	}
}

func popsInArgument(w http.ResponseWriter, s *session.Session) {
	fmt.Fprint(w, session.Pop(s, "status", ""))
	fmt.Fprint(w, session.Pop(s, "status", "")) // want `Pop changes`
}

func fails(w http.ResponseWriter, r *http.Request, s *session.Session, err error) {
	if err != nil {
		session.Error(w, r, err)
		s.Clear() // want `Clear changes`
		return
	}
	s.Clear()
}

var closure = func(w http.ResponseWriter, s *session.Session) {
	http.Error(w, "no", http.StatusForbidden)
	s.Set("x", 1) // want `Set changes`
}

// What follows is correct, or not certain.

func before(w http.ResponseWriter, r *http.Request, s *session.Session) {
	s.Set("a", 1)
	s.Flash("status", "Saved.")
	w.Header().Set("X", "1")
	http.Redirect(w, r, "/", http.StatusSeeOther)
	_ = session.Get(s, "a", 0)
}

func branches(w http.ResponseWriter, r *http.Request, s *session.Session, err error) {
	if err != nil {
		http.Error(w, "no", http.StatusForbidden)
		return
	}
	s.Set("a", 1)
	if r.Method == "HEAD" {
		w.WriteHeader(200)
	} else {
		s.Set("b", 1)
	}
	for range 2 {
		s.Set("c", 1)
		fmt.Fprint(w, "x")
	}
	switch r.Method {
	case "GET":
		fmt.Fprint(w, "x")
	default:
		s.Set("d", 1)
	}
}

func informs(w http.ResponseWriter, s *session.Session) {
	w.WriteHeader(http.StatusEarlyHints)
	s.Set("a", 1)
}

func deferred(w http.ResponseWriter, s *session.Session) {
	defer fmt.Fprint(w, "end")
	s.Set("a", 1)
	f := func() { fmt.Fprint(w, "later") }
	s.Set("b", 1)
	f()
}

func elsewhere(w http.ResponseWriter, s *session.Session) {
	var b strings.Builder
	fmt.Fprint(&b, "x")
	rec := httptest.NewRecorder()
	fmt.Fprint(rec, "x")
	page.Execute(&b, nil)
	s.Set("a", 1)
	fmt.Fprint(w, b.String())
	s.FlashNow("b", 1)
	_ = s.Has("c") && s.Owner() == ""
}

func maybe(w http.ResponseWriter, s *session.Session, ok bool) {
	if ok && wrote(w.Write(nil)) {
		return
	}
	s.Set("a", 1)
}

func wrote(int, error) bool { return true }

func stream(w http.ResponseWriter, r *http.Request, m *session.Manager) {
	fmt.Fprint(w, "start")
	s, err := m.Load(r.Context(), m.TokenOf(r))
	if err != nil {
		return
	}
	s.Set("a", 1)
	m.Commit(r.Context(), s)
}

type other struct{}

func (other) Set(string, int) {}

func others(w http.ResponseWriter, o other) {
	fmt.Fprint(w, "x")
	o.Set("a", 1)
}
