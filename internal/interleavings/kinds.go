package interleavings

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// kinds lists the rows and columns of the tables, in order.
var kinds = []string{
	"read", "write", "append", "update", "flash",
	"login", "confirm", "regenerate", "invalidate", "revoke", "touch", "prune", "expire",
}

// A kind is something that a request does to a session. Everything that it stores
// contains the name of the request, so that the test can tell the effects of
// different requests apart.
type kind struct {
	says     string // what it does, for the documentation
	page     bool   // it is a GET; all others are POSTs
	stranger bool   // the request comes from another browser, without the visitor's cookie
	ends     bool   // it ends the session
	rotates  bool   // it replaces the token
	confirms bool   // it needs a signed-in user; without one it gets a 401
	keeps    bool   // only the end of the session undoes its effect
	do       func(c *call)
	effect   func(c *call, s *session.Session) bool // reports whether s shows the effect; nil: no effect
	adds     func(c *call, doc map[string]any)      // adds what a later request sees
}

// idle is the timeout of the sessions. After forgotten, stores may delete them.
const (
	idle      = 2 * time.Hour
	forgotten = idle + session.PruneSlack + time.Nanosecond
)

func path(name string) func(*call, *session.Session) bool {
	return func(c *call, s *session.Session) bool { return session.Get(s, name, "") == c.name }
}

var byName = map[string]kind{
	"read": {
		says: "reads a value, and changes nothing",
		page: true,
		do:   func(c *call) { session.Get(c.s, "k", "") },
	},
	"write": {
		says:   "sets a value: `s.Set(\"k\", …)`; all writes use the same key",
		do:     func(c *call) { c.s.Set("k", c.name) },
		effect: path("k"),
		adds:   func(c *call, doc map[string]any) { doc["k"] = c.name },
	},
	"write elsewhere": {
		says:   "sets a value under another key: `s.Set(\"other\", …)`",
		do:     func(c *call) { c.s.Set("other", c.name) },
		effect: path("other"),
		adds:   func(c *call, doc map[string]any) { doc["other"] = c.name },
	},
	"poll": {
		says: "a request that does not count as visitor activity, such as a heartbeat, and that sets a value: `s.IgnoreActivity()`, then `s.Set(\"other\", …)`",
		do: func(c *call) {
			c.s.IgnoreActivity()
			c.s.Set("other", c.name)
		},
		effect: path("other"),
		adds:   func(c *call, doc map[string]any) { doc["other"] = c.name },
	},
	"append": {
		says:  "appends an element to a list: `s.Append(\"list\", …)`",
		keeps: true,
		do:    func(c *call) { c.s.Append("list", c.name) },
		effect: func(c *call, s *session.Session) bool {
			return slices.Contains(session.Get(s, "list", []string{}), c.name)
		},
		adds: func(c *call, doc map[string]any) { doc["list"] = []any{c.name} },
	},
	"update": {
		says:  "increments counters, by a function of the stored value: `session.Update(s, \"counts\", …)`",
		keeps: true,
		do: func(c *call) {
			session.Update(c.s, "counts", func(n map[string]int) map[string]int {
				if n = maps.Clone(n); n == nil {
					n = map[string]int{}
				}
				n[c.name]++
				n["all"]++
				return n
			})
		},
		effect: func(c *call, s *session.Session) bool { return session.Get(s, session.Join("counts", c.name), 0) > 0 },
		adds:   func(c *call, doc map[string]any) { doc["counts"] = map[string]any{c.name: int64(1), "all": int64(1)} },
	},
	"guard": {
		says:   "a page that needs a user: a GET that remembers where the visitor wanted to go, and redirects to the login: `s.Set(\"other\", …)`",
		page:   true,
		do:     func(c *call) { c.s.Set("other", c.name) },
		effect: path("other"),
		adds:   func(c *call, doc map[string]any) { doc["other"] = c.name },
	},
	"pop once": {
		says:   "reads and deletes a value that only one request may use, such as a ticket: `session.PopOnce(s, \"ticket\", \"\")`",
		do:     func(c *call) { c.had = session.PopOnce(c.s, "ticket", "") != "" },
		effect: func(c *call, s *session.Session) bool { return c.had && !c.refused && !s.Has("ticket") },
		adds:   func(_ *call, doc map[string]any) { delete(doc, "ticket") },
	},
	"flash": {
		says:   "leaves a message that the next page shows once: `s.Flash(\"message\", …)`",
		do:     func(c *call) { c.s.Flash("message", c.name) },
		effect: path("message"),
		adds:   func(c *call, doc map[string]any) { doc["message"] = c.name },
	},
	"message": {
		says: "adds a message to a list of those that the next page shows once: `s.AddFlash(\"messages\", …)`",
		do:   func(c *call) { c.s.AddFlash("messages", c.name) },
		effect: func(c *call, s *session.Session) bool {
			return slices.Contains(session.Get(s, "messages", []string{}), c.name)
		},
		adds: func(c *call, doc map[string]any) { doc["messages"] = []any{c.name} },
	},
	"login": {
		says:    "signs the visitor in, and replaces the token: `s.Login(…)`; each request signs in another user",
		rotates: true,
		do:      func(c *call) { c.s.Login(c.name) },
		effect:  func(c *call, s *session.Session) bool { return s.Owner() == c.name },
	},
	"confirm": {
		says:    "the signed-in user enters the password again, which replaces the token: `s.Confirm()`; the cases with it begin with a session that has an owner, so a login is one of another user",
		rotates: true, confirms: true,
		do: func(c *call) {
			c.at = c.clock.Advance(time.Second)
			c.s.Confirm()
		},
		effect: func(c *call, s *session.Session) bool {
			return s.Owner() == c.sawOwner && s.AuthenticatedAt().Equal(c.at)
		},
	},
	"regenerate": {
		says:    "replaces the token: `s.Regenerate()`; its effect is that the browser ends up with this token, and not with a later one",
		rotates: true,
		do:      func(c *call) { c.s.Regenerate() },
		effect:  func(c *call, s *session.Session) bool { return !s.IsNew() && c.lastCookie },
	},
	"invalidate": {
		says: "logs out, which ends the session: `s.Invalidate()`",
		ends: true,
		do:   func(c *call) { c.s.Invalidate() },
	},
	"revoke": {
		says:     "an administrator, in another browser, ends the session: `manager.Revoke(…)`",
		stranger: true,
		ends:     true,
		do:       func(c *call) { c.check(c.m.Revoke(c.ctx, c.id)) },
	},
	"touch": {
		says: "only reads, but six minutes later, so that the server records the activity; its effect is that the session expires later",
		page: true,
		do: func(c *call) {
			session.Get(c.s, "k", "")
			c.end = c.clock.Advance(idle / 20).Add(idle)
		},
		effect: func(c *call, s *session.Session) bool { return !s.IsNew() && !s.ExpiresAt().Before(c.end) },
	},
	"prune": {
		says:     "deletes expired sessions from the store, while this session is in use: `manager.Prune(…)`",
		stranger: true,
		do:       func(c *call) { c.prune() },
	},
	"expire": {
		says:     "deletes expired sessions from the store, after this one has been idle for too long: `manager.Prune(…)`",
		stranger: true,
		ends:     true,
		do: func(c *call) {
			c.clock.Advance(forgotten)
			c.prune()
		},
	},
	"timeout": {
		says:     "not a request, but the passing of time: the session has been idle for too long, and is still in the store",
		stranger: true,
		ends:     true,
		do:       func(c *call) { c.clock.Advance(idle) },
	},
}

func (c *call) prune() {
	_, err := c.m.Prune(c.ctx)
	c.check(err)
}

// handle is the handler of the request. It records what it sees, and then runs the kind.
func (c *call) handle(_ http.ResponseWriter, r *http.Request, s *session.Session) {
	c.s, c.ctx = s, r.Context()
	c.saw, c.sawOwner, c.sawNew = s.All(), s.Owner(), s.IsNew()
	c.do(c)
}
