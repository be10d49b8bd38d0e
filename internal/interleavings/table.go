// Package interleavings states what comes of requests of one session that meet,
// for every two kinds of requests and every order, and checks it on a store. The
// tests of all stores run it, and docs/interleavings.md is made of it.
//
// The tables are written from what the package comment of session promises
// ("Isolation"), and not from what a run has shown.
package interleavings

import (
	"iter"
	"slices"
	"strings"

	"github.com/expanse-go/session/sessiontest"
)

// Words of the tables. A is the request that commits first.
//
//	·         the session is as it was
//	A+B       both have their effect
//	A         only A has an effect: B has none of its own, or A's replaced it
//	B         likewise
//	gone      the visitor has no session, and nothing is left of it
//	new: B    the visitor has another session, with nothing in it but what B did
//	… not B   B is answered 409, and nothing of it is stored
//	… 1 left behind   the store has another session, whose cookie the browser lost

// overlap: A loads, B loads, A commits, B commits.
const overlap = `
           | read | write       | append      | update      | flash       | login       | regenerate  | invalidate | revoke | touch | prune | expire
read       | ·    | B           | B           | B           | B           | B           | B           | gone       | gone   | B     | ·     | gone
write      | A    | B           | A+B         | A+B         | A+B         | A+B         | A+B         | gone       | gone   | A+B   | A     | gone
append     | A    | A+B         | A+B         | A+B         | A+B         | A+B         | A+B         | gone       | gone   | A+B   | A     | gone
update     | A    | A+B         | A+B         | A+B         | A+B         | A+B         | A+B         | gone       | gone   | A+B   | A     | gone
flash      | A    | A+B         | A+B         | A+B         | B           | A+B         | A+B         | gone       | gone   | A+B   | A     | gone
login      | A    | A, not B    | A, not B    | A, not B    | A, not B    | A, not B    | A, not B    | A, not B   | gone   | A+B   | A     | gone
regenerate | A    | A, not B    | A, not B    | A, not B    | A, not B    | A, not B    | A, not B    | A, not B   | gone   | A+B   | A     | gone
invalidate | gone | gone, not B | gone, not B | gone, not B | gone, not B | gone, not B | gone, not B | gone       | gone   | gone  | gone  | gone
revoke     | gone | gone, not B | gone, not B | gone, not B | gone, not B | gone, not B | gone, not B | gone       | gone   | gone  | gone  | gone
touch      | A    | A+B         | A+B         | A+B         | A+B         | A+B         | A+B         | gone       | gone   | A+B   | A     | gone
prune      | ·    | B           | B           | B           | B           | B           | B           | gone       | gone   | B     | ·     | gone
expire     | gone | gone, not B | gone, not B | gone, not B | gone, not B | gone, not B | gone, not B | gone       | gone   | gone  | gone  | gone
`

// inTurn: A loads, A commits, and then the browser sends B, which loads and
// commits.
const inTurn = `
           | read | write  | append | update | flash  | login  | regenerate | invalidate | revoke | touch | prune | expire
read       | ·    | B      | B      | B      | B      | B      | B          | gone       | gone   | B     | ·     | gone
write      | A    | B      | A+B    | A+B    | A+B    | A+B    | A+B        | gone       | gone   | A+B   | A     | gone
append     | A    | A+B    | A+B    | A+B    | A+B    | A+B    | A+B        | gone       | gone   | A+B   | A     | gone
update     | A    | A+B    | A+B    | A+B    | A+B    | A+B    | A+B        | gone       | gone   | A+B   | A     | gone
flash      | ·    | B      | B      | B      | B      | B      | B          | gone       | gone   | B     | A     | gone
login      | A    | A+B    | A+B    | A+B    | A+B    | B      | A+B        | gone       | gone   | A+B   | A     | gone
regenerate | A    | A+B    | A+B    | A+B    | A+B    | B      | B          | gone       | gone   | A+B   | A     | gone
invalidate | gone | new: B | new: B | new: B | new: B | new: B | gone       | gone       | gone   | gone  | gone  | gone
revoke     | gone | new: B | new: B | new: B | new: B | new: B | gone       | gone       | gone   | gone  | gone  | gone
touch      | A    | A+B    | A+B    | A+B    | A+B    | A+B    | A+B        | gone       | gone   | A+B   | A     | gone
prune      | ·    | B      | B      | B      | B      | B      | B          | gone       | gone   | B     | ·     | gone
expire     | gone | new: B | new: B | new: B | new: B | new: B | gone       | gone       | gone   | gone  | gone  | gone
`

// late: A loads, the browser sends B, A commits, B loads, B commits. B has the
// cookie that A has replaced. The rows that are not here are those of inTurn.
const late = `
           | read | write    | append   | update   | flash    | login    | regenerate | invalidate | revoke | touch | prune | expire
login      | A    | A, not B | A, not B | A, not B | A, not B | A, not B | A, not B   | A          | gone   | A     | A     | gone
regenerate | A    | A, not B | A, not B | A, not B | A, not B | A, not B | A, not B   | A          | gone   | A     | A     | gone
`

// others are single orders of requests: where three show something that two do not,
// and what depends on more than the kinds.
var others = []Case{
	{ops("write", "write elsewhere"), "A loads, B loads, A commits, B commits", "A+B",
		"changes at different paths are all kept"},
	{ops("pop once", "pop once"), "A loads, B loads, A commits, B commits", "A, not B",
		"both have the value in hand, one of them commits"},
	{ops("pop once", "pop once"), "A loads, A commits, B loads, B commits", "A",
		"the second finds nothing, and that is no error"},
	{ops("pop once", "write", "pop once"), "A loads, C loads, B loads, B commits, C commits, A commits", "B+C, not A",
		"it is the commit that counts, not who was first to look"},
	{ops("update", "update", "update"), "A loads, B loads, C loads, C commits, A commits, B commits", "A+B+C",
		"each is applied to what the others have stored"},
	{ops("append", "append", "append"), "C loads, B loads, A loads, B commits, C commits, A commits", "A+B+C",
		"the list has them in the order of the commits"},
	{ops("write", "login", "write"), "A loads, B loads, C loads, A commits, B commits, C commits", "A+B, not C",
		"what was stored before the login comes along, and what comes after it with the old token does not"},
	{ops("write", "login", "write"), "A loads, B loads, C loads, B commits, A commits, C commits", "B, not A, not C",
		"the login is the border, for all that loaded before it"},
	{ops("login", "login", "login"), "A loads, B loads, C loads, B commits, C commits, A commits", "B, not A, not C",
		"one login wins, and it is the first to commit"},
	{ops("login", "login", "write"), "C loads, A loads, A commits, B loads, B commits, C commits", "B, not C",
		"a token that was replaced twice is as dead as one that was replaced once"},
	{ops("regenerate", "write", "append"), "A loads, B sends, A commits, B loads, B commits, C loads, C commits", "A+C, not B",
		"the late request is refused, and takes no good cookie away from the browser"},
	{ops("login", "touch", "write"), "A loads, B loads, A commits, B commits, C loads, C commits", "A+B+C",
		"a request that loaded before the login still counts as activity"},
	{ops("update", "update", "invalidate"), "A loads, B loads, C loads, A commits, B commits, C commits", "gone",
		"a logout takes all with it"},
	{ops("update", "update", "invalidate"), "A loads, B loads, C loads, A commits, C commits, B commits", "gone, not B",
		"and nothing after it brings anything back"},
	{ops("invalidate", "write", "append"), "C loads, A loads, A commits, B loads, B commits, C commits", "new: B, not C",
		"the refused request does not touch the session that the browser has begun meanwhile"},
	{ops("invalidate", "write", "append"), "A loads, A commits, B sends, C sends, B loads, B commits, C loads, C commits", "new: C, 1 left behind",
		"two first requests at once make two sessions; the browser keeps the cookie that came last"},
	{ops("invalidate", "login", "invalidate"), "C loads, A loads, A commits, B loads, B commits, C commits", "gone, 1 left behind",
		"the answer to a logout deletes the cookie of whatever session the browser has by then"},
	{ops("touch", "invalidate", "touch"), "A loads, B loads, C loads, A commits, B commits, C commits", "gone",
		"a touch brings nothing back"},
	{ops("expire", "write", "write"), "B loads, A loads, A commits, C loads, C commits, B commits", "new: C, not B",
		"an expiry is a border like a logout"},
	{ops("lapse", "write"), "A loads, B loads, A commits, B commits", "gone, not B",
		"the clock alone ends a session, whether or not the store still has it"},
	{ops("lapse", "write"), "A loads, A commits, B loads, B commits", "new: B",
		"the token of a session that has ended is not adopted"},
	{ops("lapse", "touch"), "A loads, B loads, A commits, B commits", "gone",
		"a touch that comes too late prolongs nothing"},
	{ops("touch", "lapse", "write"), "A loads, C loads, A commits, B loads, B commits, C commits", "gone, not C",
		"a session that was prolonged ends later, and is then as ended"},
	{ops("touch", "passive write"), "B loads, A loads, A commits, B commits", "A+B",
		"a write that is no activity prolongs nothing, and does not undo what a touch has prolonged meanwhile"},
	{ops("touch", "passive write", "passive write"), "B loads, C loads, A loads, A commits, C commits, B commits", "A+B",
		"nor do two of them"},
	{ops("touch", "prune", "write"), "A loads, B loads, C loads, A commits, B commits, C commits", "A+C",
		"pruning takes what has expired, and nothing else"},
	{ops("flash", "read", "read"), "A loads, A commits, B loads, C loads, B commits, C commits", "·",
		"two pages at once both show the message; it is used up once"},
	{ops("flash", "read", "read"), "C loads, A loads, A commits, C commits, B loads, B commits", "·",
		"a page that was loaded before the message does not use it up; the next one does"},
	{ops("flash", "flash", "read"), "A loads, A commits, C loads, B loads, B commits, C commits", "B",
		"a page uses up the message that it has shown, and not the one that has replaced it"},
	{ops("flash", "login", "read"), "A loads, A commits, B loads, C loads, B commits, C commits", "B",
		"both show the message; the one with the old token has nothing left to store, and answers as usual"},
}

func ops(kinds ...string) []string { return kinds }

// A Case is requests by their kinds, which are called A, B and C, an order by its
// name, and what comes of it, in the words of the tables.
type Case struct {
	Ops   []string
	Order string
	Want  string
	Says  string // why, or ""
}

// Name is that of a subtest.
func (c Case) Name() string { return strings.Join(c.Ops, " × ") + ": " + c.Order }

// Pairs returns the cells of the tables, each in every order in which A commits
// first; those in which B does are in the cell across the diagonal. If few, each
// cell is there in one order for each of the three ways to meet.
func Pairs(few bool) []Case {
	var cases []Case
	turn := cells(inTurn)
	for _, t := range []struct {
		orders []string
		cells  map[[2]string]string
	}{{overlapOrders, cells(overlap)}, {inTurnOrders, turn}, {lateOrders, cells(late)}} {
		orders := t.orders
		if few {
			orders = orders[:1]
		}
		for _, a := range kinds {
			for _, b := range kinds {
				want, ok := t.cells[[2]string{a, b}]
				if !ok {
					want = turn[[2]string{a, b}]
				}
				for _, o := range orders {
					cases = append(cases, Case{Ops: ops(a, b), Order: o, Want: want})
				}
			}
		}
	}
	return cases
}

// Threes yields every three of the kinds that differ most, in every order, with
// nothing stated: only what holds in every case is checked.
func Threes() iter.Seq[Case] {
	some := []string{"write", "update", "flash", "login", "regenerate", "invalidate", "touch", "lapse"}
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

// Others returns the orders that the tables do not have.
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
	inTurnOrders = []string{"A sends, A loads, A commits, B sends, B loads, B commits"}
)

// cells reads a table: by row and column.
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
