package impureupdate

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

type cart struct {
	Items []string
	Notes map[string]string
	At    time.Time
}

var (
	cartKey = session.NewKey[cart]("cart")
	total   int
	db      *sql.DB
	logger  *slog.Logger
)

func bad(w http.ResponseWriter, r *http.Request, s *session.Session, ch chan int, seen map[string]bool, p *cart) {
	var before int
	session.Update(s, "n", func(n int) int {
		before = n // want `assigns to before, which is declared outside of it: it runs again if another request commits first`
		total++    // want `assigns to total, which is declared outside`
		total += n // want `assigns to total`
		return n + 1
	})
	session.Update(s, "n", func(n int) int {
		seen["n"] = true        // want `assigns to seen`
		delete(seen, "m")       // want `changes seen, which is declared outside of it`
		clear(seen)             // want `changes seen`
		p.Items[0] = "x"        // want `assigns to p`
		*p = cart{}             // want `assigns to p`
		ch <- n                 // want `sends to the channel ch`
		go func() {}()          // want `starts a goroutine`
		func() { before = n }() // want `assigns to before`
		return n + 1
	})
	cartKey.Update(s, func(c cart) cart {
		s.Set("n", 1)                                       // want `calls session.Session.Set, which uses a session`
		_ = session.Get(s, "n", 0)                          // want `calls session.Get, which uses a session`
		_ = cartKey.Has(s)                                  // want `calls session.Key.Has, which uses a session`
		log.Println("updating")                             // want `calls log.Println`
		log.Default().Print(1)                              // want `calls log.Logger.Print`
		slog.Info("updating")                               // want `calls slog.Info`
		logger.Warn("updating")                             // want `calls slog.Logger.Warn`
		fmt.Println("updating")                             // want `calls fmt.Println`
		fmt.Fprint(w, "updating")                           // want `calls fmt.Fprint`
		w.WriteHeader(200)                                  // want `calls http.ResponseWriter.WriteHeader`
		http.Get("http://example.com")                      // want `calls http.Get`
		http.DefaultClient.Do(r)                            // want `calls http.Client.Do`
		db.ExecContext(r.Context(), "X")                    // want `calls sql.DB.ExecContext`
		os.WriteFile("x", nil, 0o600)                       // want `calls os.WriteFile`
		c.At = time.Now()                                   // want `calls time.Now: it runs again if another request commits first, so it may only compute the value from its argument`
		c.Items = append(c.Items, fmt.Sprint(rand.IntN(3))) // want `calls rand.IntN`
		crand.Read(nil)                                     // want `calls rand.Read`
		return c
	})
	session.Update(s, "n", named)
	_ = before
}

func named(n int) int {
	total = n // want `assigns to total`
	return n + 1
}

func good(w http.ResponseWriter, r *http.Request, s *session.Session, item string, add map[string]string) {
	now := time.Now()
	n := session.Update(s, "n", func(n int) int { return n + 1 })
	total = n
	log.Println(n)
	cartKey.Update(s, func(c cart) cart {
		c.Items = append(c.Items, item, r.FormValue("item"))
		if c.Notes == nil {
			c.Notes = make(map[string]string)
		}
		c.Notes["x"] = os.Getenv("HOME")
		maps.Copy(c.Notes, add)
		delete(c.Notes, "y")
		c.At = now
		var b strings.Builder
		fmt.Fprintf(&b, "%d", len(c.Items))
		var out bytes.Buffer
		io.WriteString(&out, http.StatusText(200))
		count := 0
		for i := range c.Items {
			count += i
		}
		func() { count++ }()
		ch := make(chan int, 1)
		ch <- count
		slices.Sort(c.Items)
		_, _ = fmt.Sscan("1", &count)
		c.Items = append(c.Items, session.Join("a", item), now.Add(time.Second).String())
		_ = rand.New(rand.NewPCG(1, uint64(len(c.Items))))
		_ = sql.NullString{}.Valid
		return c
	})
	session.Update(s, "n", pureNamed)
	update(func(n int) int { total++; return n })
	other{}.Update(s, func(n int) int { total++; return n })
}

func pureNamed(n int) int { return n + 1 }

func notPassed(ctx context.Context) { total++ }

func update(func(int) int) {}

type other struct{}

func (other) Update(*session.Session, func(int) int) {}
