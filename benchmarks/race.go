package bench

import (
	"fmt"
	"strings"
)

// A Race is what "beam race" has found of one of the programs in the folder race.
type Race struct {
	Program string `json:"program"`
	Sent    int    `json:"sent"`
	Kept    int    `json:"kept"`
	Refused int    `json:"refused"`
	Lost    int    `json:"lost"`   // answered as done, and not there
	Rounds  int    `json:"rounds"` // with a logout among the writes
	Undone  int    `json:"undone"` // of these, those after which the session was alive again
}

// RaceArgs are the arguments of beam for a program that listens at url.
func RaceArgs(url string) []string {
	return []string{"race", url + "/set?key={n}", "--read", "/all", "--login", "/login user=ada", "--logout", "/logout", "--rounds", "10"}
}

const raceText = `"beam race" does the same to any running application, over HTTP, and knows nothing of its
library. The folder race has a small program on each of four; their handlers wait 20 ms
before they write, and keep sessions in memory, that of gorilla in files. In two terminals:

    go run ./benchmarks/race/scs
    ./beam race 'http://127.0.0.1:8002/set?key={n}' --read /all --login '/login user=ada' --logout /logout

A write is lost if it was answered by 200 and is not there; refused is one that was
answered by an error. In each round 50 writes are sent at once, and then 50 with a logout
among them; what is counted is whether the cookie from before the logout works afterwards.

`

func (r Results) races(b *strings.Builder) {
	b.WriteString("| program | writes | kept | refused | lost | a logout among writes |\n|---|---:|---:|---:|---:|---|\n")
	for _, c := range r.Races {
		end := fmt.Sprintf("stays one in %d of %d rounds", c.Rounds-c.Undone, c.Rounds)
		if c.Undone > 0 {
			end = fmt.Sprintf("**undone in %d of %d rounds**", c.Undone, c.Rounds)
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %s |\n", c.Program, c.Sent, c.Kept, c.Refused, c.Lost, end)
	}
}
