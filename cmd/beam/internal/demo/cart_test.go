package demo

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestCart(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/cart/add", "product", "sencha").has("Sencha is in your cart.").has(`<strong id="total">€ 8.90`)
	c.post("/cart/add", "product", "teapot")
	c.post("/cart/add", "product", "teapot").has(`<strong id="total">€ 92.90`).has(`<span class="badge">3</span>`)
	c.get("/cart").lacks("is in your cart.").
		has("<code>shop.cart.items.sencha</code></th><td><code>1</code>").
		has("<code>shop.cart.items.teapot</code></th><td><code>2</code>")
	c.post("/cart/quantity", "product", "sencha", "quantity", "10").has(`€ 173.00`)
	c.post("/cart/remove", "product", "teapot").has("Teapot was removed from your cart.").has(`€ 89.00`)
	c.post("/cart/quantity", "product", "sencha", "quantity", "0").has("Nothing yet.")
}

func TestCartRefuses(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/cart/add", "product", "cup")
	for _, n := range []string{"", "-1", "100", "many", "1e3"} {
		c.post("/cart/quantity", "product", "cup", "quantity", n).
			has("The quantity of Cup is unchanged: enter a number from 0 to 99.").has(`<strong id="total">€ 14.50`)
	}
	for _, p := range []string{"", "gold", "items.cup", "cup.price"} {
		c.post("/cart/add", "product", p).is(http.StatusBadRequest)
		c.post("/cart/quantity", "product", p, "quantity", "1").is(http.StatusBadRequest)
		c.post("/cart/remove", "product", p).is(http.StatusBadRequest)
	}
	c.get("/cart").has(`<strong id="total">€ 14.50`)
}

func TestGift(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/cart/gift", "wrap", "yes", "note", `"Enjoy" <3`).has(`value="&#34;Enjoy&#34; &lt;3"`)
	c.post("/cart/add", "product", "honey").
		has(`value="yes" checked`).
		has("<code>shop.cart.gift.note</code>").
		has("<code>shop.cart.items.honey</code>")
	c.post("/cart/gift", "note", strings.Repeat("é", 201)).has("nothing was changed").has("&lt;3")
	c.post("/cart/gift", "note", "").lacks("&lt;3").lacks(" checked")
}

func TestFlatten(t *testing.T) {
	long := make([]any, manyValues)
	got := flatten("", map[string]any{
		"b":   []any{int64(1), "<two>", nil},
		"a.b": map[string]any{"c": true},
		"n":   long,
	})
	want := []entry{
		{`a\.b.c`, "true"},
		{"b.0", "1"}, {"b.1", `"<two>"`}, {"b.2", "null"},
		{"n", "[ 12 values ]"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHomeShowsTheSession(t *testing.T) {
	c := open(t).visitor(t)
	c.post("/cart/add", "product", "cup")
	c.get("/cart") // reads the message, which is gone then
	c.get("/").has("<code>shop.cart.items.cup</code></th><td><code>1</code>").lacks("<code>notice")
	before := c.token()
	c.post("/empty").has("Your session is now empty.")
	c.get("/cart").has("Nothing yet.")
	if c.token() != before {
		t.Error("emptying the session replaced the token")
	}
}
