package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expanse-go/session"
)

// A storm is a store whose calls fail at random, before or after they did what they
// were asked.
type storm struct {
	mu     sync.Mutex
	rng    *rand.Rand
	faults float64
}

func (s *storm) hit(share float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.Float64() < s.faults*share
}

func (s *storm) pause() {
	s.mu.Lock()
	d := time.Duration(s.rng.IntN(3000)) * time.Microsecond
	s.mu.Unlock()
	time.Sleep(d) // of the bubble's clock: it only shuffles
}

var errStorm = errors.New("connection reset")

func (s *storm) before(op string, _ session.ID) error {
	s.pause()
	switch {
	case op == "update" && s.hit(0.3):
		return session.ErrConflict
	case s.hit(0.3):
		return errStorm
	}
	return nil
}

func (s *storm) after(op string, _ session.ID, err error) error {
	s.pause()
	if err == nil && op != "load" && s.hit(0.6) {
		return errStorm
	}
	return err
}

// TestStorm runs many requests of one session through two managers on a store that
// loses calls and answers. An answer of 200 means stored, once; one of 409 means not
// stored; after a 503 nobody can know, but it is stored once or not at all, and
// always as a whole.
func TestStorm(t *testing.T) {
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) { weather(t, seed) })
	}
}

func weather(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	spy := newSpyStore()
	rigs := []*rig{newRigOn(t, spy), newRigOn(t, spy)}
	b := newBrowser()
	rigs[0].visit(b, func(_ http.ResponseWriter, _ *http.Request, s *session.Session) { s.Set("n", 0) })
	s := &storm{rng: rng, faults: float64(seed%4) * 0.15}
	spy.hook(s.before, s.after)

	const requests = 40
	login := -1
	if seed%3 == 0 {
		login = rng.IntN(requests)
	}
	codes := make([]int, requests)
	tokens := make([]string, requests)
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() {
			s.pause()
			g, own := rigs[i%2], rigs[i%2].with(rigs[0].token(b))
			codes[i] = g.visit(own, func(_ http.ResponseWriter, _ *http.Request, sess *session.Session) {
				s.pause()
				sess.Set(fmt.Sprintf("keys.k%d", i), true)
				sess.Append("list", i)
				session.Update(sess, "n", func(n int) int { return n + 1 })
				if i == login {
					sess.Login("ada")
				}
			}).Code
			tokens[i] = rigs[0].token(own)
		})
	}
	wg.Wait()
	spy.hook(nil, nil)

	doc := storedDocument(t, rigs[0], spy)
	list, keys := doc.List, doc.Keys
	for i, code := range codes {
		n := 0
		for _, v := range list {
			if v == i {
				n++
			}
		}
		switch {
		case n > 1, keys[fmt.Sprintf("k%d", i)] != (n == 1):
			t.Errorf("seed %d: request %d (%d) is %d times in the list, and its key is %v", seed, i, code, n, keys[fmt.Sprintf("k%d", i)])
		case code == http.StatusOK && n != 1, code == http.StatusConflict && n != 0:
			t.Errorf("seed %d: request %d was answered %d and is %d times in the list", seed, i, code, n)
		case code == http.StatusServiceUnavailable && s.faults == 0, !slices.Contains([]int{200, 409, 503}, code), code == 409 && login < 0:
			t.Errorf("seed %d: request %d was answered %d", seed, i, code)
		}
	}
	if doc.N != len(list) {
		t.Errorf("seed %d: n = %d, %d in the list", seed, doc.N, len(list))
	}
	if login >= 0 && codes[login] == http.StatusOK {
		if got := rigs[0].data(t, rigs[0].token(b)); len(got) != 0 {
			t.Errorf("seed %d: the old token sees %v after the login", seed, got)
		}
		if got := rigs[0].data(t, tokens[login]); len(got) == 0 {
			t.Errorf("seed %d: the new token sees nothing", seed)
		}
	}
}

type stormDocument struct {
	N    int
	List []int
	Keys map[string]bool
}

func storedDocument(t *testing.T, g *rig, spy *spyStore) (doc stormDocument) {
	t.Helper()
	recs := spy.all()
	if len(recs) != 1 {
		t.Fatalf("%d records, want one", len(recs))
	}
	i, err := g.Show(t.Context(), recs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(i.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}
