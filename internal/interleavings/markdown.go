package interleavings

import (
	"fmt"
	"strings"
)

const intro = `# When requests of one session meet

<!-- Generated from internal/interleavings by: go test -run TestInterleavings -update -->

Two tabs, a double click, a slow request and a logout: requests of one session overlap all the
time. Here is what comes of it, for every two kinds of requests and in every order. The tests
of all stores run these tables, in one process and as in several, on the middleware as it is, with every
request held where the order says (` + "`sessiontest.Race`" + ` does the same for your own handlers).

A is the request that commits first, and the row; B is the column.

| cell | meaning |
| --- | --- |
| · | the session is as it was |
| A+B | both have their effect |
| A | only A has an effect: B has none of its own, or A's replaced it |
| B | only B has an effect: likewise |
| gone | the visitor has no session, and nothing is left of it |
| new: B | the visitor has another session, with nothing in it but what B did |
| …, not B | B is answered 409, and nothing of it is stored; all others are answered 200 |
| …, 1 left behind | the store has another session, whose cookie the browser has lost |

`

const everywhere = `
## In every order

- A request sees what was stored when it loaded, all of it, and nothing later.
- A request that is answered 409 has stored nothing, and sets no cookie.
- What was counted or appended and answered 200 is there, once, in the order of the commits, unless the
  session ended afterwards.
- Once a session has ended, nothing brings it back; the store has no record of it.
- No token but the one in the browser reaches a session, where the tables do not say "left behind".

These are checked in the orders of the tables, and in all 90 orders of every three of write, update, flash,
login, regenerate, invalidate, touch and lapse.
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
			"B does not see what A did. What it does is applied to what A has stored. It does not matter which of them is sent or loads first.",
			overlap,
		},
		{
			"In turn: A commits, then B is sent",
			"B comes with the cookie that the browser has after A's answer, and sees what A has stored. It uses up the flash message.",
			inTurn,
		},
		{
			"Late: B is sent, A commits, B loads",
			"B comes with the cookie from before. Where A has not replaced the token, this is as in turn. A request with the old token sees an empty session, and has none to end.",
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
	b.WriteString("\n## More than two, and more than kinds\n\nEach order is one of many; it is here because something shows in it. Four kinds are new:\n\n")
	for _, k := range []string{"write elsewhere", "passive write", "pop once", "lapse"} {
		fmt.Fprintf(&b, "- %s: %s\n", k, byName[k].says)
	}
	b.WriteString("\n| A, B, C | order | result | |\n| --- | --- | --- | --- |\n")
	for _, c := range others {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.Join(c.Ops, ", "), c.Order, c.Want, c.Says)
	}
	b.WriteString(everywhere)
	return b.String()
}
