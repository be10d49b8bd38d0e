package interleavings

import (
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// kinds are the rows and columns of the tables, in their order.
var kinds = []string{
	"read", "write", "append", "update", "flash",
	"login", "regenerate", "invalidate", "revoke", "touch", "prune", "expire",
}

// A kind is something that a request does to a session. Everything that it stores
// has the name of the request in it, so that its effect can be told from others'.
type kind struct {
	says     string // in the documentation
	stranger bool   // comes from another browser, that of an administrator
	ends     bool   // the session
	rotates  bool
	keeps    bool // its effect: nothing but the end of the session takes it away
	do       func(c *call)
	effect   func(c *call, s *session.Session) bool // is there to be seen in s; nil: has none
	adds     func(c *call, doc map[string]any)      // to what a later request sees
}

// idle is the timeout of the sessions, and forgotten is longer than stores keep them.
const (
	idle      = 2 * time.Hour
	forgotten = idle + session.PruneSlack + time.Nanosecond
)

func path(name string) func(*call, *session.Session) bool {
	return func(c *call, s *session.Session) bool { return session.Get(s, name, "") == c.name }
}

var byName = map[string]kind{
	"read": {
		says: "reads",
		do:   func(c *call) { session.Get(c.s, "k", "") },
	},
	"write": {
		says:   "`s.Set(\"k\", …)`, the same path in each request",
		do:     func(c *call) { c.s.Set("k", c.name) },
		effect: path("k"),
		adds:   func(c *call, doc map[string]any) { doc["k"] = c.name },
	},
	"write elsewhere": {
		says:   "`s.Set(\"other\", …)`",
		do:     func(c *call) { c.s.Set("other", c.name) },
		effect: path("other"),
		adds:   func(c *call, doc map[string]any) { doc["other"] = c.name },
	},
	"passive write": {
		says: "`s.IgnoreActivity()`, then `s.Set(\"other\", …)`",
		do: func(c *call) {
			c.s.IgnoreActivity()
			c.s.Set("other", c.name)
		},
		effect: path("other"),
		adds:   func(c *call, doc map[string]any) { doc["other"] = c.name },
	},
	"append": {
		says:  "`s.Append(\"list\", …)`",
		keeps: true,
		do:    func(c *call) { c.s.Append("list", c.name) },
		effect: func(c *call, s *session.Session) bool {
			return slices.Contains(session.Get(s, "list", []string{}), c.name)
		},
		adds: func(c *call, doc map[string]any) { doc["list"] = []any{c.name} },
	},
	"update": {
		says:  "`session.Update(s, \"counts\", …)`, which counts",
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
		effect: func(c *call, s *session.Session) bool { return session.Get(s, "counts."+c.name, 0) > 0 },
		adds:   func(c *call, doc map[string]any) { doc["counts"] = map[string]any{c.name: int64(1), "all": int64(1)} },
	},
	"pop once": {
		says:   "`session.PopOnce(s, \"ticket\", \"\")`",
		do:     func(c *call) { c.had = session.PopOnce(c.s, "ticket", "") != "" },
		effect: func(c *call, s *session.Session) bool { return c.had && !c.refused && !s.Has("ticket") },
		adds:   func(_ *call, doc map[string]any) { delete(doc, "ticket") },
	},
	"flash": {
		says:   "`s.Flash(\"message\", …)`",
		do:     func(c *call) { c.s.Flash("message", c.name) },
		effect: path("message"),
		adds:   func(c *call, doc map[string]any) { doc["message"] = c.name },
	},
	"login": {
		says:    "`s.Login(…)`",
		rotates: true,
		do:      func(c *call) { c.s.Login(c.name) },
		effect:  func(c *call, s *session.Session) bool { return s.Owner() == c.name },
	},
	"regenerate": {
		says:    "`s.Regenerate()`; its effect is that the browser has this token, and no later one",
		rotates: true,
		do:      func(c *call) { c.s.Regenerate() },
		effect:  func(c *call, s *session.Session) bool { return !s.IsNew() && c.lastCookie },
	},
	"invalidate": {
		says: "`s.Invalidate()`, the logout",
		ends: true,
		do:   func(c *call) { c.s.Invalidate() },
	},
	"revoke": {
		says:     "`manager.Revoke(…)` by an administrator, whose browser is another one",
		stranger: true,
		ends:     true,
		do:       func(c *call) { c.check(c.m.Revoke(c.ctx, c.id)) },
	},
	"touch": {
		says: "reads six minutes later, when a touch is due; its effect is a later end of the session",
		do: func(c *call) {
			session.Get(c.s, "k", "")
			c.end = c.clock.Advance(idle / 20).Add(idle)
		},
		effect: func(c *call, s *session.Session) bool { return !s.IsNew() && !s.ExpiresAt().Before(c.end) },
	},
	"prune": {
		says:     "`manager.Prune(…)` while the session is in use",
		stranger: true,
		do:       func(c *call) { c.prune() },
	},
	"expire": {
		says:     "`manager.Prune(…)` when the session has been idle for too long",
		stranger: true,
		ends:     true,
		do: func(c *call) {
			c.clock.Advance(forgotten)
			c.prune()
		},
	},
	"lapse": {
		says:     "the session has been idle for too long, and nobody has pruned it yet",
		stranger: true,
		ends:     true,
		do:       func(c *call) { c.clock.Advance(idle) },
	},
}

func (c *call) prune() {
	_, err := c.m.Prune(c.ctx)
	c.check(err)
}

// handle is the handler of the request: it notes what it sees, and does its thing.
func (c *call) handle(_ http.ResponseWriter, r *http.Request, s *session.Session) {
	c.s, c.ctx = s, r.Context()
	c.saw, c.sawOwner, c.sawNew = s.All(), s.Owner(), s.IsNew()
	c.do(c)
}
