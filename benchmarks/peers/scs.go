package peers

import (
	"context"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	bench "github.com/expanse-go/session/benchmarks"
)

// SCS is alexedwards/scs on one of its stores.
func SCS(store scs.Store, done func() error) (bench.Server, error) {
	m := scs.New()
	m.Store = store
	handler := func(a bench.Action) http.Handler {
		return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, body := 200, "ok"
			if a != bench.Untouched {
				status, body = bench.Handle(a, scsSession{m, r.Context()}, bench.Arg(r))
			}
			bench.Answer(w, status, body)
		}))
	}
	return bench.HTTP(handler, done), nil
}

type scsSession struct {
	m   *scs.SessionManager
	ctx context.Context
}

func (s scsSession) Text(key string) string    { return s.m.GetString(s.ctx, key) }
func (s scsSession) Number(key string) int     { return s.m.GetInt(s.ctx, key) }
func (s scsSession) Has(key string) bool       { return s.m.Exists(s.ctx, key) }
func (s scsSession) Set(key string, value any) { s.m.Put(s.ctx, key, value) }

func (s scsSession) Add(key string) {
	n := s.Number(key)
	time.Sleep(bench.Pause)
	s.Set(key, n+1)
}

func (s scsSession) End() {
	// Only the store could fail, and the check for revived sessions detects that.
	_ = s.m.Destroy(s.ctx)
}
