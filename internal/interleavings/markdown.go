package interleavings

import (
	"fmt"
	"strings"
)

const intro = `# Outcomes of overlapping requests

<!-- Generated from internal/interleavings by: go test -run TestInterleavings -update -->

This document lists the outcome of every pair of overlapping requests of one session, in every order.
Requests of one visitor overlap all the time: two tabs, a double click, a slow page and a logout.

A session is a set of values that the server keeps for one visitor. The visitor's browser has a cookie with a
token, and the token leads to the session. A request goes through these steps:

1. **sends**: the request leaves the browser, with the cookie that the browser has at that moment.
2. **loads**: the server reads the session from its store. The handler works on this snapshot.
3. **commits**: the server stores the changes that the handler made, and sends the response. If the stored
   session has changed in the meantime, the server applies the same changes to the newer state. If the session has
   ended, or a login has replaced the token, it responds with 409 Conflict and stores nothing. A login is not refused;
   it then begins a new session, which contains only what its own request wrote. A login as another user stores the
   new session before it ends the former one. If either fails, so does the login, and the visitor keeps the former one.

The tests of every store run all of these cases, with one server process and with several. They use the
real middleware, and hold each request until its turn comes. ` + "`sessiontest.Race`" + ` does the same for your own handlers.

## How to read the tables

In each table, the row is request A, which commits first, and the column is request B.

| cell | outcome |
| --- | --- |
| · | the session is unchanged |
| A+B | both requests have an effect |
| A | only A has an effect: B has none of its own, or A's effect replaced it |
| B | only B has an effect: A has none of its own, or B's effect replaced it |
| gone | the session has ended, and none of its data is left; the visitor has no session |
| new: B | the first session has ended; the visitor has a new session, which contains only what B did |
| …, not B | B gets a 409, or a 401 if it confirms and nobody is signed in, and none of B's changes are stored; all other requests get a 200 |
| …, 1 orphaned | the store also has a session that the browser no longer has a cookie for |

These are the requests. Revoke, prune and expire come from another browser, without the visitor's cookie. In the Go
code, ` + "`s`" + ` is the session and ` + "`manager`" + ` is the session manager.

`

const everywhere = `
## What holds in every order

- A request sees everything that was stored in its session before it loaded, and nothing that was stored later.
- A request that gets a 409 has stored nothing, and its response sets no cookie.
- If a request that appends or counts gets a 200, its element or count is stored exactly once, and the list has the
  elements in the order of the commits, unless the session ends afterwards.
- Once a session has ended, nothing brings it back, and the store has no record of it.
- Only the token that the browser has leads to a session, except where a table says "orphaned".

The tests check these rules in all orders of the tables, and in all 90 orders of every combination of three requests out of
write, update, flash, login, regenerate, invalidate, touch and timeout.
`

const watchIntro = `
## Watched sessions

A handler that serves a stream watches its session: ` + "`s.Watch(ctx)`" + ` returns a context that ends with the session. This
is what becomes of the context when another request, A, commits. It is the same whether the stream's own request watches
before A commits or, having loaded the session before, afterwards; and whether it stores something itself after that. If the
context ends, such a write is refused. What another process does takes effect almost at once if the store is a
` + "`Broadcaster`" + `, and otherwise at the next poll.

| request A | the context | A in the same process | A in another process |
| --- | --- | --- | --- |
`

// Markdown returns docs/interleavings.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("| request | what it does |\n| --- | --- |\n")
	for _, k := range kinds {
		fmt.Fprintf(&b, "| %s | %s |\n", k, byName[k].says)
	}
	for _, t := range []struct{ title, text, table string }{
		{
			"Overlapping: both load, A commits, B commits",
			"B does not see what A did. The server applies B's changes to the state that A stored. The outcome does not depend on which request is sent first, or loads first.",
			overlap,
		},
		{
			"Sequential: A commits, then B is sent",
			"B carries the cookie that the browser has after A's response, and sees what A stored. If A left a flash message, B consumes it, unless B comes from another browser.",
			sequential,
		},
		{
			"Late: B is sent, A commits, B loads",
			"B was sent before A's response arrived, so it carries the cookie from before A. The table has only the rows in which A replaces the token; all other rows equal those of the sequential table. A request with the old token sees an empty session, and cannot end the real one. Its changes are refused, except that a login begins a new session. The session of the first login then stays in the store, but the browser no longer has a cookie for it.",
			late,
		},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n", t.title, t.text)
		for i, line := range strings.Split(strings.TrimSpace(t.table), "\n") {
			cells := fields(line)
			if i == 0 {
				cells[0] = "A \\ B"
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
			if i == 0 {
				fmt.Fprintf(&b, "%s|\n", strings.Repeat("| --- ", len(cells)))
			}
		}
	}
	b.WriteString("\n## More cases\n\nThese are single orders, of two or three requests, that show something the tables do not. They use more kinds of requests:\n\n")
	for _, k := range []string{"write elsewhere", "guard", "poll", "pop once", "message", "timeout"} {
		fmt.Fprintf(&b, "- %s: %s\n", k, byName[k].says)
	}
	b.WriteString("\n| A, B, C | order | outcome | why |\n| --- | --- | --- | --- |\n")
	for _, c := range others {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(c.Ops, ", "), c.Order, c.Want, c.Says)
	}
	watchTable(&b)
	b.WriteString(everywhere)
	return b.String()
}

// watchTable writes the section about Session.Watch.
func watchTable(b *strings.Builder) {
	b.WriteString(watchIntro)
	for line := range strings.Lines(strings.TrimSpace(watches)) {
		row := fields(line)
		if len(row) < 2 || row[1] == "the context" {
			continue
		}
		k, ok := ofWatches[row[0]]
		if !ok {
			k = byName[row[0]]
		}
		outcome, here, there := row[1], "", ""
		if outcome != "goes on" {
			outcome, here, there = "ends: `"+outcome+"`", "at once", "within `WatchEvery`"
		}
		if row[1] == "ErrExpired" {
			there = "at once" // each process knows when the session expires
		}
		says, _, _ := strings.Cut(k.says, "; ") // what its effect is does not matter here
		fmt.Fprintf(b, "| %s: %s | %s | %s | %s |\n", row[0], says, outcome, here, there)
	}
}
