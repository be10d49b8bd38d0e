package peers

import (
	"net/http"
	"time"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	bench "github.com/expanse-go/session/benchmarks"
)

// Gin is gin-contrib/sessions on one of its stores. Each action has its own engine with one
// route, so that the measurements do not include routing.
func Gin(store sessions.Store, done func() error) (bench.Server, error) {
	gin.SetMode(gin.ReleaseMode)
	handler := func(a bench.Action) http.Handler {
		e := gin.New()
		e.Use(sessions.Sessions("session", store))
		e.GET("/", func(c *gin.Context) {
			status, body := 200, "ok"
			if a != bench.Untouched {
				g := &ginSession{s: sessions.Default(c)}
				status, body = bench.Handle(a, g, bench.Arg(c.Request))
				if g.changed {
					if err := g.s.Save(); err != nil {
						status, body = 500, err.Error()
					}
				}
			}
			bench.Answer(c.Writer, status, body)
		})
		return e
	}
	return bench.HTTP(handler, done), nil
}

type ginSession struct {
	s       sessions.Session
	changed bool
}

func (g *ginSession) Text(key string) string {
	v, _ := g.s.Get(key).(string)
	return v
}

func (g *ginSession) Number(key string) int {
	v, _ := g.s.Get(key).(int)
	return v
}

func (g *ginSession) Has(key string) bool { return g.s.Get(key) != nil }

func (g *ginSession) Set(key string, value any) {
	g.s.Set(key, value)
	g.changed = true
}

func (g *ginSession) Add(key string) {
	n := g.Number(key)
	time.Sleep(bench.Pause)
	g.Set(key, n+1)
}

func (g *ginSession) End() {
	g.s.Clear()
	g.s.Options(sessions.Options{MaxAge: -1, Path: "/"})
	g.changed = true
}
