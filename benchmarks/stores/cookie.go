package stores

import (
	gincookie "github.com/gin-contrib/sessions/cookie"
	"github.com/gorilla/sessions"

	bench "github.com/expanse-go/session/benchmarks"
	"github.com/expanse-go/session/benchmarks/peers"
)

// Cookie keeps the session in the client. There is no store here, so raw is that of the
// memory store, only for comparison.
func Cookie() bench.Store {
	key := []byte("0123456789abcdef0123456789abcdef")
	const skips = "no logout on the server; " + lastWins
	return bench.Store{Name: "cookie", Peers: []bench.Peer{
		{Name: "raw", Open: func() (bench.Server, error) { return peers.Raw(newMemory()) }},
		{Name: "gorilla", Skips: skips, Open: func() (bench.Server, error) {
			return peers.Gorilla(sessions.NewCookieStore(key, key), nil)
		}},
		{Name: "gin", Skips: skips, Open: func() (bench.Server, error) {
			return peers.Gin(gincookie.NewStore(key, key), nil)
		}},
	}}
}
