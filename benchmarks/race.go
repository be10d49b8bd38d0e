package bench

import (
	"fmt"
	"strings"
)

// A Race is the result of "beam race" for one of the programs in the directory race.
type Race struct {
	Program string `json:"program"`
	Sent    int    `json:"sent"`
	Kept    int    `json:"kept"`
	Refused int    `json:"refused"`
	Lost    int    `json:"lost"`   // acknowledged but not stored
	Rounds  int    `json:"rounds"` // each with a logout among the writes
	Undone  int    `json:"undone"` // rounds after which the session was alive again
}

// RaceArgs returns the arguments of beam for a program that listens at url.
func RaceArgs(url string) []string {
	return []string{"race", url + "/set?key={n}", "--read", "/all", "--login", "/login user=ada", "--logout", "/logout", "--rounds", "10"}
}

const raceText = `"beam race" runs the same test over HTTP with any running application, whatever library it
uses. The directory race has small programs for four libraries. Their handlers wait 20 ms
before they write. They keep sessions in memory, except gorilla, which uses files. Run this
in two terminals:

    go run ./benchmarks/race/scs
    ./beam race 'http://127.0.0.1:8002/set?key={n}' --read /all --login '/login user=ada' --logout /logout

A write is lost if its response was 200 but its value is missing. It is refused if its
response was an error. Each round sends 50 concurrent writes, and then 50 with a logout
among them. The logout is undone if the cookie from before the logout works afterwards.

`

func (r Results) races(b *strings.Builder) {
	b.WriteString("| program | writes | kept | refused | lost | logout among writes |\n|---|---:|---:|---:|---:|---|\n")
	for _, c := range r.Races {
		end := fmt.Sprintf("effective in %d of %d rounds", c.Rounds-c.Undone, c.Rounds)
		if c.Undone > 0 {
			end = fmt.Sprintf("**undone in %d of %d rounds**", c.Undone, c.Rounds)
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %s |\n", c.Program, c.Sent, c.Kept, c.Refused, c.Lost, end)
	}
}
