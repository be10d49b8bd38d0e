package session_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/memstore"
)

// A price was a number of euros, and becomes an amount in cents. The three releases of
// docs/guide.md are three types for one path.
type (
	priceV1 struct {
		Euros int `json:"euros"`
	}
	// priceReads reads both versions, and writes the first.
	priceReads priceV1
	// priceV2 reads both versions, and writes the second.
	priceV2 struct {
		Cents int `json:"cents"`
	}
)

// anyPrice has the fields of both versions.
type anyPrice struct {
	Euros *int `json:"euros"`
	Cents *int `json:"cents"`
}

func (p *priceReads) UnmarshalJSON(b []byte) error {
	var a anyPrice
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	switch {
	case a.Cents != nil:
		p.Euros = *a.Cents / 100
	case a.Euros != nil:
		p.Euros = *a.Euros
	}
	return nil
}

func (p *priceV2) UnmarshalJSON(b []byte) error {
	var a anyPrice
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	switch {
	case a.Cents != nil:
		p.Cents = *a.Cents
	case a.Euros != nil:
		p.Cents = *a.Euros * 100
	}
	return nil
}

func (p priceReads) MarshalJSON() ([]byte, error) { return json.Marshal(priceV1(p)) }

func (p priceV2) MarshalJSON() ([]byte, error) {
	type plain priceV2
	return json.Marshal(plain(p))
}

// TestDataVersions runs two releases side by side on one store, in both steps of the recipe, and
// then the older one alone, after a roll back. No change is lost, and each reads what the other
// has written.
func TestDataVersions(t *testing.T) {
	oldest := session.NewKey[priceV1]("price")
	middle := session.NewKey[priceReads]("price")
	newest := session.NewKey[priceV2]("price")
	addOldest := func(s *session.Session) {
		oldest.Update(s, func(p priceV1) priceV1 { p.Euros++; return p })
	}
	addMiddle := func(s *session.Session) {
		middle.Update(s, func(p priceReads) priceReads { p.Euros++; return p })
	}
	addNewest := func(s *session.Session) {
		newest.Update(s, func(p priceV2) priceV2 { p.Cents += 100; return p })
	}
	store := memstore.New(memstore.Config{})
	token := versions(t, store, "", addOldest) // 1
	euros := 1
	for _, deploy := range []struct{ from, to func(*session.Session) }{
		{addOldest, addMiddle}, // release 1 is rolled out
		{addMiddle, addOldest}, // and rolled back
		{addOldest, addMiddle},
		{addMiddle, addNewest}, // release 2 is rolled out
		{addNewest, addMiddle}, // and rolled back
		{addMiddle, addNewest},
	} {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				if i%2 == 0 {
					versions(t, store, token, deploy.from)
				} else {
					versions(t, store, token, deploy.to)
				}
			})
		}
		all.Wait()
		euros += 20
		versions(t, store, token, deploy.to)
		euros++
		versions(t, store, token, func(s *session.Session) {
			if got := newest.Get(s, priceV2{}).Cents; got != euros*100 {
				t.Fatalf("%d cents, want %d", got, euros*100)
			}
			if got := middle.Get(s, priceReads{}).Euros; got != euros {
				t.Fatalf("%d euros, want %d", got, euros)
			}
		})
	}
	// Only what writes migrates: the document has the second version now.
	versions(t, store, token, func(s *session.Session) {
		if s.Has("price.euros") || !s.Has("price.cents") {
			t.Errorf("got %v", s.All())
		}
	})
}

// versions is a request of one process, which has a manager of its own.
func versions(t *testing.T, store session.Store, token session.Token, handle func(*session.Session)) session.Token {
	t.Helper()
	m, err := session.New(store, session.Config{PruneEvery: -1})
	if err != nil {
		t.Error(err)
		return token
	}
	s, err := m.Load(context.Background(), token)
	if err != nil {
		t.Error(err)
		return token
	}
	handle(s)
	k, err := m.Commit(context.Background(), s)
	if err != nil {
		t.Error(err)
	}
	if k != nil {
		token = session.Token(k.Value)
	}
	return token
}
