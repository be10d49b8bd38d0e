package session_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/expanse-go/session"
)

// A freeStore holds one record and allocates nothing, so that the test counts only
// allocations of the library.
type freeStore struct {
	session.Store // nil, so all other methods panic
	rec           session.Record
}

func (s *freeStore) Load(context.Context, session.ID) (session.Record, error) { return s.rec, nil }
func (s *freeStore) Create(_ context.Context, r session.Record) error {
	s.rec = r
	return nil
}
func (s *freeStore) Update(context.Context, session.Record) error { return nil }

// A freeWriter is a response writer that allocates nothing.
type freeWriter struct{ header http.Header }

func (w *freeWriter) Header() http.Header         { return w.header }
func (w *freeWriter) WriteHeader(int)             {}
func (w *freeWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *freeWriter) Flush()                      {}

var page = []byte("page")

// TestAllocations limits what the middleware adds to the allocations of a request, with
// a session of ten keys and about five hundred bytes.
func TestAllocations(t *testing.T) {
	store := &freeStore{}
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		s.Set(fmt.Sprintf("key%d", i), "a value of about thirty-three bytes")
	}
	s.Set("user.name", "Ada Lovelace")
	c, err := m.Commit(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	store.rec.LastActivity = time.Now().Add(time.Hour) // no touch is due

	visits := session.NewKey[int]("visits")
	budgets := []struct {
		name string
		max  float64
		h    http.HandlerFunc
	}{
		{"W0, untouched", 3, func(w http.ResponseWriter, _ *http.Request) { w.Write(page) }},
		{"W1, one key read", 8, func(w http.ResponseWriter, r *http.Request) {
			s, err := session.From(r.Context())
			if err != nil || session.Get(s, "user.name", "") != "Ada Lovelace" {
				t.Errorf("%v, %v", s.All(), err)
			}
			w.Write(page)
		}},
		{"W2, one key read and one set", 20, func(w http.ResponseWriter, r *http.Request) {
			s, err := session.From(r.Context())
			if err != nil || session.Get(s, "user.name", "") != "Ada Lovelace" {
				t.Errorf("%v, %v", s.All(), err)
			}
			visits.Set(s, visits.Get(s, 0)+1)
			w.Write(page)
		}},
	}
	for _, b := range budgets {
		w := &freeWriter{http.Header{}}
		r := httptest.NewRequest("GET", "https://example.com/", nil)
		r.AddCookie(c)
		count := func(h http.Handler) float64 {
			return testing.AllocsPerRun(1000, func() {
				clear(w.header)
				h.ServeHTTP(w, r)
			})
		}
		without := count(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(page) }))
		with := count(m.Handler(b.h))
		t.Logf("%s: %v allocations", b.name, with-without)
		if with-without > b.max {
			t.Errorf("%s: %v allocations, the budget is %v", b.name, with-without, b.max)
		}
	}
}
