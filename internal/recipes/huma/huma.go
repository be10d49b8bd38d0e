// Package huma is the recipe for Huma.
package huma

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/expanse-go/session"
)

// Routes returns an API of a cart. OnError must be the [session.Config].OnError of the manager.
func Routes(manager *session.Manager) http.Handler {
	mux := http.NewServeMux()
	api := humago.New(mux, huma.DefaultConfig("Shop", "1.0.0"))
	huma.Get(api, "/cart", show)
	huma.Post(api, "/cart", add)
	return manager.Handler(mux)
}

// A Cart is the body of a response.
type Cart struct {
	Body struct {
		Items []string `json:"items"`
	}
}

var items = session.NewKey[[]string]("cart.items")

func show(ctx context.Context, _ *struct{}) (*Cart, error) {
	s, err := session.From(ctx)
	if err != nil {
		return nil, problem(err)
	}
	cart := &Cart{}
	cart.Body.Items = items.Get(s, []string{})
	return cart, nil
}

// An Item is the body of a request.
type Item struct {
	Body struct {
		Name string `json:"name" minLength:"1"`
	}
}

func add(ctx context.Context, in *Item) (*Cart, error) {
	s, err := session.From(ctx)
	if err != nil {
		return nil, problem(err)
	}
	s.Append("cart.items", in.Body.Name)
	cart := &Cart{}
	cart.Body.Items = items.Get(s, []string{})
	return cart, nil
}

// problem returns an error of package session as a problem document (RFC 9457).
func problem(err error) huma.StatusError {
	status, advice := session.ErrorStatus(err)
	return huma.NewError(status, advice)
}

// OnError responds with the same document if the commit fails, and to a cross-origin request.
func OnError(w http.ResponseWriter, _ *http.Request, err error) {
	p := problem(err)
	w.Header().Set("Content-Type", "application/problem+json")
	if p.GetStatus() == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	w.WriteHeader(p.GetStatus())
	_ = json.NewEncoder(w).Encode(p)
}
