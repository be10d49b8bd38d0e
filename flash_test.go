package session_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/expanse-go/session"
)

// TestFlashInsideOfAList: a flash message does not prevent later commits after a list
// has replaced a value above it.
func TestFlashInsideOfAList(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) {
		s.Flash("a.0", "x")
		session.Update(s, "a", func(any) any { return []int{1, 2} })
	})
	for i := range 3 {
		s := load(t, m, token)
		s.FlashNow("now", 1)
		s.Set("n", i)
		if _, err := m.Commit(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	version := load(t, m, token)
	if _, err := m.Commit(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	if got := session.Get(load(t, m, token), "a", []int(nil)); len(got) != 2 {
		t.Errorf("a = %v", got)
	}
}

// TestSetBelowFlashNow: a Set below a path of FlashNow is stored like any other change.
func TestSetBelowFlashNow(t *testing.T) {
	m := newManager()
	token := stored(t, m, func(s *session.Session) { s.Set("a.x", 1) })
	s := load(t, m, token)
	s.FlashNow("a", map[string]int{})
	s.Set("a.b", 2)
	if _, err := m.Commit(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if got := load(t, m, token).All(); fmt.Sprint(got) != "map[a:map[b:2 x:1]]" {
		t.Errorf("stored %v", got)
	}
}

// TestTooManyFlashMessages: too many flash messages are an error, and nothing is
// stored.
func TestTooManyFlashMessages(t *testing.T) {
	s := newSession(t)
	for i := range 257 {
		s.Flash(fmt.Sprint("m", i), 1)
	}
	if !errors.Is(s.Err(), session.ErrTooLarge) {
		t.Errorf("Err = %v, want ErrTooLarge", s.Err())
	}
}
