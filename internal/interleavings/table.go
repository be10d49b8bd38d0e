// Package interleavings lists the outcome of every pair of overlapping requests of
// one session, in every order, and checks the list against a store. The tests of
// all stores run it, and docs/interleavings.md is generated from it.
//
// The tables follow from the section "Isolation" in the documentation of package
// session. They do not record what a run has shown.
package interleavings

import (
	"iter"
	"slices"
	"strings"

	"github.com/expanse-go/session/sessiontest"
)

// The notation of the tables is the one that the constant intro explains. A is the
// request that commits first.

// overlap: A loads, B loads, A commits, B commits.
const overlap = `
           | read | write       | append      | update      | flash       | login              | confirm       | regenerate  | invalidate | revoke | touch | prune | expire
read       | ·    | B           | B           | B           | B           | B                  | B             | B           | gone       | gone   | B     | ·     | gone
write      | A    | B           | A+B         | A+B         | A+B         | A+B                | A+B           | A+B         | gone       | gone   | A+B   | A     | gone
append     | A    | A+B         | A+B         | A+B         | A+B         | A+B                | A+B           | A+B         | gone       | gone   | A+B   | A     | gone
update     | A    | A+B         | A+B         | A+B         | A+B         | A+B                | A+B           | A+B         | gone       | gone   | A+B   | A     | gone
flash      | A    | A+B         | A+B         | A+B         | B           | A+B                | A+B           | A+B         | gone       | gone   | A+B   | A     | gone
login      | A    | A, not B    | A, not B    | A, not B    | A, not B    | new: B, 1 orphaned | new: A, not B | A, not B    | A, not B   | gone   | A+B   | A     | gone
confirm    | A    | A, not B    | A, not B    | A, not B    | A, not B    | new: B, 1 orphaned | A, not B      | A, not B    | A, not B   | gone   | A+B   | A     | gone
regenerate | A    | A, not B    | A, not B    | A, not B    | A, not B    | new: B, 1 orphaned | A, not B      | A, not B    | A, not B   | gone   | A+B   | A     | gone
invalidate | gone | gone, not B | gone, not B | gone, not B | gone, not B | new: B             | gone, not B   | gone, not B | gone       | gone   | gone  | gone  | gone
revoke     | gone | gone, not B | gone, not B | gone, not B | gone, not B | new: B             | gone, not B   | gone, not B | gone       | gone   | gone  | gone  | gone
touch      | A    | A+B         | A+B         | A+B         | A+B         | A+B                | A+B           | A+B         | gone       | gone   | A+B   | A     | gone
prune      | ·    | B           | B           | B           | B           | B                  | B             | B           | gone       | gone   | B     | ·     | gone
expire     | gone | gone, not B | gone, not B | gone, not B | gone, not B | new: B             | gone, not B   | gone, not B | gone       | gone   | gone  | gone  | gone
`

// sequential: A loads, A commits, and then the browser sends B, which loads and
// commits.
const sequential = `
           | read | write  | append | update | flash  | login  | confirm     | regenerate | invalidate | revoke | touch | prune | expire
read       | ·    | B      | B      | B      | B      | B      | B           | B          | gone       | gone   | B     | ·     | gone
write      | A    | B      | A+B    | A+B    | A+B    | A+B    | A+B         | A+B        | gone       | gone   | A+B   | A     | gone
append     | A    | A+B    | A+B    | A+B    | A+B    | A+B    | A+B         | A+B        | gone       | gone   | A+B   | A     | gone
update     | A    | A+B    | A+B    | A+B    | A+B    | A+B    | A+B         | A+B        | gone       | gone   | A+B   | A     | gone
flash      | ·    | B      | B      | B      | B      | B      | B           | B          | gone       | gone   | B     | A     | gone
login      | A    | A+B    | A+B    | A+B    | A+B    | new: B | new: A+B    | A+B        | gone       | gone   | A+B   | A     | gone
confirm    | A    | A+B    | A+B    | A+B    | A+B    | new: B | B           | A+B        | gone       | gone   | A+B   | A     | gone
regenerate | A    | A+B    | A+B    | A+B    | A+B    | B      | B           | B          | gone       | gone   | A+B   | A     | gone
invalidate | gone | new: B | new: B | new: B | new: B | new: B | gone, not B | gone       | gone       | gone   | gone  | gone  | gone
revoke     | gone | new: B | new: B | new: B | new: B | new: B | gone, not B | gone       | gone       | gone   | gone  | gone  | gone
touch      | A    | A+B    | A+B    | A+B    | A+B    | A+B    | A+B         | A+B        | gone       | gone   | A+B   | A     | gone
prune      | ·    | B      | B      | B      | B      | B      | B           | B          | gone       | gone   | B     | ·     | gone
expire     | gone | new: B | new: B | new: B | new: B | new: B | gone, not B | gone       | gone       | gone   | gone  | gone  | gone
`

// late: A loads, the browser sends B, A commits, B loads, B commits. B has the
// cookie that A has replaced. All other rows are the same as in sequential.
const late = `
           | read | write    | append   | update   | flash    | login              | confirm       | regenerate | invalidate | revoke | touch | prune | expire
login      | A    | A, not B | A, not B | A, not B | A, not B | new: B, 1 orphaned | new: A, not B | A, not B   | A          | gone   | A     | A     | gone
confirm    | A    | A, not B | A, not B | A, not B | A, not B | new: B, 1 orphaned | A, not B      | A, not B   | A          | gone   | A     | A     | gone
regenerate | A    | A, not B | A, not B | A, not B | A, not B | new: B, 1 orphaned | A, not B      | A, not B   | A          | gone   | A     | A     | gone
`

// others lists single orders that show something the tables do not.
var others = []Case{
	{ops("write", "write elsewhere"), "A loads, B loads, A commits, B commits", "A+B",
		"changes under different keys are all kept"},
	{ops("pop once", "pop once"), "A loads, B loads, A commits, B commits", "A, not B",
		"both read the value, but only the first to commit gets it"},
	{ops("pop once", "pop once"), "A loads, A commits, B loads, B commits", "A",
		"the second request finds no value, which is not an error"},
	{ops("pop once", "write", "pop once"), "A loads, C loads, B loads, B commits, C commits, A commits", "B+C, not A",
		"the first to commit gets the value, not the first to read it"},
	{ops("update", "update", "update"), "A loads, B loads, C loads, C commits, A commits, B commits", "A+B+C",
		"each function runs on the latest stored value, so no increment is lost"},
	{ops("append", "append", "append"), "C loads, B loads, A loads, B commits, C commits, A commits", "A+B+C",
		"the elements are in the order of the commits"},
	{ops("write", "login", "write"), "A loads, B loads, C loads, A commits, B commits, C commits", "A+B, not C",
		"the login keeps what was stored before it, and refuses later changes by requests with the old token"},
	{ops("write", "login", "write"), "A loads, B loads, C loads, B commits, A commits, C commits", "B, not A, not C",
		"all requests that loaded before the login, and commit after it, are refused"},
	{ops("login", "login", "login"), "A loads, B loads, C loads, B commits, C commits, A commits", "new: A, 2 orphaned",
		"valid credentials always sign in; logins whose token has been replaced get sessions of their own, and the browser keeps the cookie of the last response"},
	{ops("confirm", "confirm", "write"), "A loads, B loads, C loads, A commits, B commits, C commits", "A, not B, not C",
		"of two confirmations at once, the first one counts; the other has the old token, and so has a request that loaded before"},
	{ops("confirm", "invalidate", "write"), "A loads, B loads, C loads, B commits, A commits, C commits", "gone, not A, not C",
		"a confirmation does not bring the session back, unlike a login, which would begin a new one"},
	{ops("login", "confirm", "write"), "A loads, B loads, A commits, B commits, C loads, C commits", "new: A+C, not B",
		"a user who confirms does not become the other user who has just signed in"},
	{ops("write", "confirm", "update"), "B loads, A loads, C loads, A commits, C commits, B commits", "A+B+C",
		"the confirmation keeps what was stored before it"},
	{ops("regenerate", "login", "write"), "C loads, A loads, A commits, B loads, B commits, C commits", "B, not C",
		"a token that was replaced twice is as invalid as one that was replaced once"},
	{ops("login", "login", "write"), "C loads, A loads, A commits, B loads, B commits, C commits", "new: B, not C",
		"another user who signs in gets a new session, and the session of the first user ends"},
	{ops("login", "guard"), "A loads, B sends, A commits, B loads, B commits", "A",
		"a login replaced the token before the GET loaded the session: the GET gets its usual response, its write is dropped, and the browser keeps its new cookie"},
	{ops("login", "guard"), "A loads, B loads, A commits, B commits", "A, not B",
		"if the GET has loaded the session before the login, its write may depend on what it saw, so it is refused"},
	{ops("regenerate", "write", "append"), "A loads, B sends, A commits, B loads, B commits, C loads, C commits", "A+C, not B",
		"B arrives late with the old token and is refused; the browser keeps its new cookie"},
	{ops("login", "touch", "write"), "A loads, B loads, A commits, B commits, C loads, C commits", "A+B+C",
		"a request that loaded before the login still counts as activity"},
	{ops("update", "update", "invalidate"), "A loads, B loads, C loads, A commits, B commits, C commits", "gone",
		"a logout ends the session with everything that was stored before"},
	{ops("update", "update", "invalidate"), "A loads, B loads, C loads, A commits, C commits, B commits", "gone, not B",
		"a request that commits after the logout does not bring the session back"},
	{ops("invalidate", "write", "append"), "C loads, A loads, A commits, B loads, B commits, C commits", "new: B, not C",
		"the refused request does not affect the session that the browser has started in the meantime"},
	{ops("invalidate", "write", "append"), "A loads, A commits, B sends, C sends, B loads, B commits, C loads, C commits", "new: C, 1 orphaned",
		"two concurrent requests without a session create two sessions; the browser keeps the cookie of the last response"},
	{ops("invalidate", "login", "invalidate"), "C loads, A loads, A commits, B loads, B commits, C commits", "gone, 1 orphaned",
		"the response to a logout deletes the cookie of whichever session the browser has by then"},
	{ops("touch", "invalidate", "touch"), "A loads, B loads, C loads, A commits, B commits, C commits", "gone",
		"recording activity does not bring a session back"},
	{ops("expire", "write", "write"), "B loads, A loads, A commits, C loads, C commits, B commits", "new: C, not B",
		"an expiry is as final as a logout"},
	{ops("timeout", "write"), "A loads, B loads, A commits, B commits", "gone, not B",
		"a session ends when its time is up, even if the store still has it"},
	{ops("timeout", "write"), "A loads, A commits, B loads, B commits", "new: B",
		"the new session gets a new token, not the one of the session that has ended"},
	{ops("timeout", "touch"), "A loads, B loads, A commits, B commits", "gone",
		"activity that is recorded too late does not extend the session"},
	{ops("touch", "timeout", "write"), "A loads, C loads, A commits, B loads, B commits, C commits", "gone, not C",
		"a session that was extended expires later, and its expiry is just as final"},
	{ops("touch", "poll"), "B loads, A loads, A commits, B commits", "A+B",
		"a poll does not extend the session, and does not undo the extension by a concurrent touch"},
	{ops("touch", "poll", "poll"), "B loads, C loads, A loads, A commits, C commits, B commits", "A+B",
		"the same holds for two polls"},
	{ops("touch", "prune", "write"), "A loads, B loads, C loads, A commits, B commits, C commits", "A+C",
		"pruning deletes only sessions that have expired"},
	{ops("flash", "read", "read"), "A loads, A commits, B loads, C loads, B commits, C commits", "·",
		"both pages show the message, because both loaded before it was deleted"},
	{ops("flash", "read", "read"), "C loads, A loads, A commits, C commits, B loads, B commits", "·",
		"C loaded before the message was stored, so it does not consume it; B does"},
	{ops("flash", "flash", "read"), "A loads, A commits, C loads, B loads, B commits, C commits", "B",
		"C showed the message of A, and does not consume the message of B, which has replaced it"},
	{ops("message", "message"), "A loads, B loads, A commits, B commits", "A+B",
		"messages that are added to a list are all kept"},
	{ops("message", "read", "message"), "A loads, A commits, B loads, C loads, C commits, B commits", "C",
		"B and C have shown the message of A, so it is consumed; no page has shown the message of C"},
	{ops("message", "read", "message"), "A loads, A commits, C loads, B loads, B commits, C commits", "C",
		"the message of C is kept, although the list that it was added to has been consumed"},
	{ops("message", "message", "read"), "B loads, A loads, A commits, C loads, B commits, C commits", "B",
		"B loaded before the message of A was stored; C has shown it, but not the message that B has added to it"},
	{ops("flash", "login", "read"), "A loads, A commits, B loads, C loads, B commits, C commits", "B",
		"both B and C show the message; C, which has the old token, has nothing left to store, so it gets a 200"},
}

func ops(kinds ...string) []string { return kinds }

// A Case is one order of two or three requests, and its outcome.
type Case struct {
	Ops   []string // the kinds of the requests A, B and C
	Order string   // in the notation of sessiontest.Race
	Want  string   // the outcome, in the notation of the tables; "": any
	Says  string   // the explanation, or ""
}

// Name returns the name of the subtest of c.
func (c Case) Name() string { return strings.Join(c.Ops, " × ") + ": " + c.Order }

// Pairs returns the cells of the tables, each in every order in which A commits
// first. The orders in which B commits first belong to the mirrored cell. If few is
// true, Pairs returns one order of each table for each cell.
func Pairs(few bool) []Case {
	var cases []Case
	base := cells(sequential)
	for _, t := range []struct {
		orders []string
		cells  map[[2]string]string
	}{{overlapOrders, cells(overlap)}, {sequentialOrders, base}, {lateOrders, cells(late)}} {
		orders := t.orders
		if few {
			orders = orders[:1]
		}
		for _, a := range kinds {
			for _, b := range kinds {
				want, ok := t.cells[[2]string{a, b}]
				if !ok {
					want = base[[2]string{a, b}]
				}
				for _, o := range orders {
					cases = append(cases, Case{Ops: ops(a, b), Order: o, Want: want})
				}
			}
		}
	}
	return cases
}

// Threes yields every combination of three of the most different kinds, in every
// order. It states no outcome, so only the invariants are checked.
func Threes() iter.Seq[Case] {
	some := []string{"write", "update", "flash", "login", "regenerate", "invalidate", "touch", "timeout"}
	orders := slices.Collect(sessiontest.Race{Requests: []sessiontest.RaceRequest{{Name: "A"}, {Name: "B"}, {Name: "C"}}}.Orders())
	return func(yield func(Case) bool) {
		for i, a := range some {
			for j, b := range some[i:] {
				for _, c := range some[i+j:] {
					for _, order := range orders {
						if !yield(Case{Ops: ops(a, b, c), Order: order}) {
							return
						}
					}
				}
			}
		}
	}
}

// Others returns the cases that are not in the tables.
func Others() []Case { return slices.Clone(others) }

var (
	overlapOrders = []string{
		"A sends, A loads, B sends, B loads, A commits, B commits",
		"A sends, B sends, A loads, B loads, A commits, B commits",
		"A sends, B sends, B loads, A loads, A commits, B commits",
		"B sends, A sends, A loads, B loads, A commits, B commits",
		"B sends, A sends, B loads, A loads, A commits, B commits",
		"B sends, B loads, A sends, A loads, A commits, B commits",
	}
	lateOrders = []string{
		"A sends, A loads, B sends, A commits, B loads, B commits",
		"A sends, B sends, A loads, A commits, B loads, B commits",
		"B sends, A sends, A loads, A commits, B loads, B commits",
	}
	sequentialOrders = []string{"A sends, A loads, A commits, B sends, B loads, B commits"}
)

// cells parses a table into its cells, by row and column.
func cells(table string) map[[2]string]string {
	all := map[[2]string]string{}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	head := fields(lines[0])
	for _, line := range lines[1:] {
		row := fields(line)
		for i, cell := range row[1:] {
			all[[2]string{row[0], head[1+i]}] = cell
		}
	}
	return all
}

func fields(line string) []string {
	parts := strings.Split(line, "|")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
