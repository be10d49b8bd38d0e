package peers

import (
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	bench "github.com/expanse-go/session/benchmarks"
)

// Gorilla is gorilla/sessions on one of its stores.
func Gorilla(store sessions.Store, done func() error) (bench.Server, error) {
	handler := func(a bench.Action) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if a == bench.Untouched {
				bench.Answer(w, 200, "ok")
				return
			}
			s, err := store.Get(r, "session")
			if err != nil && a != bench.Create {
				bench.Answer(w, 500, err.Error())
				return
			}
			g := &gorilla{s: s}
			status, body := bench.Handle(a, g, bench.Arg(r))
			if g.changed {
				if err := s.Save(r, w); err != nil {
					status, body = 500, err.Error()
				}
			}
			bench.Answer(w, status, body)
		})
	}
	return bench.HTTP(handler, done), nil
}

type gorilla struct {
	s       *sessions.Session
	changed bool
}

func (g *gorilla) Text(key string) string {
	v, _ := g.s.Values[key].(string)
	return v
}

func (g *gorilla) Number(key string) int {
	v, _ := g.s.Values[key].(int)
	return v
}

func (g *gorilla) Has(key string) bool {
	_, ok := g.s.Values[key]
	return ok
}

func (g *gorilla) Set(key string, value any) {
	g.s.Values[key] = value
	g.changed = true
}

func (g *gorilla) Add(key string) {
	n := g.Number(key)
	time.Sleep(bench.Pause)
	g.Set(key, n+1)
}

func (g *gorilla) End() {
	g.s.Options.MaxAge = -1
	g.changed = true
}
