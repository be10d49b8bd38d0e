package bench

import (
	"strconv"
	"time"
)

// An Action says what a handler does with its session.
type Action int

// The workloads use the first four actions. The others serve to measure anomalies and sizes.
const (
	Untouched Action = iota // nothing
	Read                    // one key
	Write                   // reads a key and sets a counter
	Create                  // sets one key, for a request without a cookie
	Seed                    // sets all ten keys
	Set                     // waits, then sets the key that the argument names
	Add                     // reads a counter, waits, and adds one
	Has                     // status 200 if the key exists, otherwise 404
	Count                   // returns the counter in the body
	Logout                  // ends the session
	Fill                    // sets a payload: the argument is keys x bytes
	Increment               // adds one to the counter without a pause; only for this library
	Actions
)

// Pause is the time that the handlers of Set and Add wait between load and save.
const Pause = 5 * time.Millisecond

// A Session is the interface that a peer provides to the handlers.
type Session interface {
	Text(key string) string
	Number(key string) int
	Has(key string) bool
	Set(key string, value any)
	Add(key string) // adds one to a number in the way that the peer offers
	End()
}

// document is the session of the workloads: 10 keys, 476 bytes as JSON.
var document = []struct {
	key   string
	value any
}{
	{"user_id", 1234567},
	{"name", "Alexandra Featherstonehaugh"},
	{"email", "alexandra.featherstonehaugh@mail.example.com"},
	{"locale", "en-GB"},
	{"time_zone", "Europe/London"},
	{"csrf", "pLk3q9X2vT7mZ1cR8wB5nY4hJ6gF0dSaQeUiOoPtKxE"},
	{"cart", "sku-20418:2,sku-77120:1,sku-31007:4,sku-90551:1,sku-48213:2,sku-66109:1,sku-12400:3"},
	{"return_to", "/account/orders/2026-11?page=3&sort=date&filter=shipped"},
	{"notice", "Your order was received; we send it within two working days at the latest."},
	{"visits", SeedVisits},
}

// Usual yields the keys and values of the session of the workloads.
func Usual(yield func(key string, value any) bool) {
	for _, e := range document {
		if !yield(e.key, e.value) {
			return
		}
	}
}

// SeedVisits is the initial value of the counter.
const SeedVisits = 41

// Handle performs an action and returns the status and body of the response.
func Handle(a Action, s Session, arg string) (status int, body string) {
	switch a {
	case Read:
		if s.Text("name") == "" {
			return 500, "lost"
		}
	case Write:
		if s.Text("name") == "" {
			return 500, "lost"
		}
		s.Set("visits", s.Number("visits")+1)
	case Create:
		s.Set("user_id", 1234567)
	case Seed:
		for _, e := range document {
			s.Set(e.key, e.value)
		}
	case Set:
		time.Sleep(Pause)
		s.Set(arg, 1)
	case Add:
		s.Add("visits")
	case Has:
		if !s.Has(arg) {
			return 404, "absent"
		}
	case Count:
		return 200, strconv.Itoa(s.Number("visits"))
	case Logout:
		s.End()
	case Fill:
		fill(s, arg)
	}
	return 200, "ok"
}
