// Package docs holds the code that the pages in docs quote, so that it is compiled, and the
// tests that run it. TestDocs of the root module compares the two.
package docs

import (
	"context"
	"net/http"

	"github.com/expanse-go/session"
)

// A site is what the recipes assume of an application. The functions stand for its database and
// its templates.
type site struct {
	manager *session.Manager

	checkPassword func(ctx context.Context, name, password string) (userID string, ok bool, err error)
	checkCode     func(ctx context.Context, userID, code string) (ok bool, err error)
	createReset   func(ctx context.Context, email string) error
	takeReset     func(ctx context.Context, code string) (userID string, ok bool, err error)
	setPassword   func(ctx context.Context, userID, password string) error
	page          func(w http.ResponseWriter, name, message string)
	isStaff       func(ctx context.Context, userID string) bool
	audit         func(ctx context.Context, staff, customer, reason string) error
	savedCart     func(ctx context.Context, userID string) (Cart, error)
	placeOrder    func(ctx context.Context, formID string, order Order) error
	authorizeURL  func(state, nonce, challenge string) string
	exchange      func(ctx context.Context, code, verifier, nonce string) (userID string, err error)
	verifyPasskey func(r *http.Request, c ceremony) (userID string, err error)
	keepFile      func(r *http.Request) (name string, err error)
}
