package peers

import (
	"context"

	"net/http"
	"time"

	"github.com/expanse-go/session"
	bench "github.com/expanse-go/session/benchmarks"
)

// Ours is this library on one of its stores.
func Ours(store session.Store, done func() error) (bench.Server, error) {
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		return nil, err
	}
	handler := func(a bench.Action) http.Handler {
		if a == bench.Untouched {
			return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				bench.Answer(w, 200, "ok")
			}))
		}
		return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, err := session.From(r.Context())
			if err != nil {
				session.Error(w, r, err)
				return
			}
			if a == bench.Increment {
				session.Update(s, "visits", func(n int) int { return n + 1 })
				bench.Answer(w, 200, "ok")
				return
			}
			status, body := bench.Handle(a, (*ours)(s), bench.Arg(r))
			bench.Answer(w, status, body)
		}))
	}
	return bench.HTTP(handler, func() error {
		err := m.Close(context.Background())
		if done == nil {
			return err
		}
		if e := done(); e != nil && err == nil {
			err = e
		}
		return err
	}), nil
}

type ours session.Session

func (s *ours) Text(key string) string    { return session.Get((*session.Session)(s), key, "") }
func (s *ours) Number(key string) int     { return session.Get((*session.Session)(s), key, 0) }
func (s *ours) Has(key string) bool       { return (*session.Session)(s).Has(key) }
func (s *ours) Set(key string, value any) { (*session.Session)(s).Set(key, value) }
func (s *ours) End()                      { (*session.Session)(s).Invalidate() }

// Add waits between load and save, as it does for every peer.
func (s *ours) Add(key string) {
	time.Sleep(bench.Pause)
	session.Update((*session.Session)(s), key, func(n int) int { return n + 1 })
}
