package demo

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/expanse-go/session"
)

// cartContent is the cart in the session: quantities by product. Names and prices are only in
// the catalogue, so that old sessions do not use old prices.
type cartContent struct {
	Items map[string]int `json:"items"`
	Gift  gift           `json:"gift,omitzero"`
}

type gift struct {
	Wrap bool   `json:"wrap"`
	Note string `json:"note"`
}

// Each key defines a path and its type. giftKey is inside cartKey, so that writing the gift
// options does not affect concurrent changes of the items.
var (
	cartKey = session.NewKey[cartContent]("shop.cart")
	giftKey = session.NewKey[gift]("shop.cart.gift")
)

// A product is for sale. Its ID is a path segment, so it contains no dots.
type product struct {
	ID    string
	Name  string
	Text  string
	Cents int
}

var catalogue = []product{
	{"sencha", "Sencha", "Green tea, first harvest, 100 g", 890},
	{"assam", "Assam", "Black tea, strong and malty, 100 g", 650},
	{"teapot", "Teapot", "Cast iron, holds 0.8 litres", 4200},
	{"cup", "Cup", "Stoneware, fits two hands", 1450},
	{"honey", "Honey", "Lime blossom, 250 g", 720},
	{"biscuits", "Biscuits", "Butter and sea salt, 200 g", 480},
}

const mostOfOne = 99

// cart is the data of the cart page.
type cart struct {
	Products []product
	Lines    []cartLine
	Count    int
	Total    int // cents
	Gift     gift
	Paths    []entry
}

type cartLine struct {
	product
	Quantity int
	Sum      int // cents
	Path     string
}

func (a *app) showCart(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	c := cartKey.Get(s, cartContent{})
	p := cart{Products: catalogue, Gift: c.Gift}
	for _, pr := range catalogue {
		n := c.Items[pr.ID]
		if n == 0 {
			continue
		}
		p.Lines = append(p.Lines, cartLine{pr, n, n * pr.Cents, itemPath(pr.ID)})
		p.Count += n
		p.Total += n * pr.Cents
	}
	if data, ok := session.Lookup[map[string]any](s, cartKey.String()); ok {
		p.Paths = flatten(cartKey.String(), data)
	}
	a.show(w, s, "cart", "Cart", false, p)
}

// addToCart uses Update, whose function is called again if another request changed the
// session first. If two tabs add an item, both are counted.
func (a *app) addToCart(w http.ResponseWriter, r *http.Request, s *session.Session) {
	pr, ok := a.chosen(w, r)
	if !ok {
		return
	}
	session.Update(s, itemPath(pr.ID), func(n int) int { return min(n+1, mostOfOne) })
	noticeKey.Flash(s, notice{Text: pr.Name + " is in your cart."})
	back(w, r, "/cart")
}

func (a *app) setQuantity(w http.ResponseWriter, r *http.Request, s *session.Session) {
	pr, ok := a.chosen(w, r)
	if !ok {
		return
	}
	n, err := strconv.Atoi(r.PostForm.Get("quantity"))
	switch {
	case err != nil || n < 0 || n > mostOfOne:
		noticeKey.Flash(s, notice{Bad: true, Text: fmt.Sprintf("The quantity of %s is unchanged: enter a number from 0 to %d.", pr.Name, mostOfOne)})
	case n == 0:
		s.Remove(itemPath(pr.ID))
		noticeKey.Flash(s, notice{Text: pr.Name + " was removed from your cart."})
	default:
		s.Set(itemPath(pr.ID), n)
		noticeKey.Flash(s, notice{Text: fmt.Sprintf("The quantity of %s is now %d.", pr.Name, n)})
	}
	back(w, r, "/cart")
}

func (a *app) removeFromCart(w http.ResponseWriter, r *http.Request, s *session.Session) {
	pr, ok := a.chosen(w, r)
	if !ok {
		return
	}
	s.Remove(itemPath(pr.ID))
	noticeKey.Flash(s, notice{Text: pr.Name + " was removed from your cart."})
	back(w, r, "/cart")
}

func (a *app) setGift(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "wrap", "note")
	if !ok {
		return
	}
	if f.length("note", 0, 200, ""); len(f.Errors) > 0 {
		noticeKey.Flash(s, notice{Bad: true, Text: "The text on the card can have at most 200 characters; nothing was changed."})
		back(w, r, "/cart")
		return
	}
	giftKey.Set(s, gift{Wrap: f.Value("wrap") != "", Note: f.Value("note")})
	noticeKey.Flash(s, notice{Text: "The gift options are saved."})
	back(w, r, "/cart")
}

// chosen returns the product named in a form. Only IDs from the catalogue become part of a
// path.
func (a *app) chosen(w http.ResponseWriter, r *http.Request) (product, bool) {
	f, ok := a.readForm(w, r, "product")
	if !ok {
		return product{}, false
	}
	i := slices.IndexFunc(catalogue, func(p product) bool { return p.ID == f.Value("product") })
	if i < 0 {
		a.fail(w, http.StatusBadRequest, "This product does not exist.")
		return product{}, false
	}
	return catalogue[i], true
}

func itemPath(id string) string { return cartKey.String() + "." + session.Join("items", id) }

func money(cents int) string { return fmt.Sprintf("€ %d.%02d", cents/100, cents%100) }
