package demo

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/expanse-go/session"
)

// racers is how many requests the page sends at once.
const racers = 50

// thinking is how long a racer's handler takes between looking at its session
// and writing to it, as a real one asks a database. It makes the requests
// overlap on a machine where they would otherwise just miss each other. (A
// browser keeps six connections to a server, so six at least are under way.)
const thinking = 20 * time.Millisecond

// race is the page, and what its script asks for.
type race struct {
	Of      int      `json:"of"`
	Kept    []string `json:"kept"`    // the keys that are there, sorted
	Counter int      `json:"counter"` // what 50 increments made
}

func resultOf(s *session.Session) race {
	writers := session.Get(s, "race.writers", map[string]int{})
	kept := slices.AppendSeq([]string{}, maps.Keys(writers)) // [] in JSON, not null
	slices.Sort(kept)
	return race{
		Of:      racers,
		Kept:    kept,
		Counter: session.Get(s, "race.counter", 0),
	}
}

// racePage is the last run, and the address for the command line that does the same.
type racePage struct {
	race

	Host string
}

func (a *app) showRace(w http.ResponseWriter, r *http.Request, s *session.Session) {
	a.show(w, s, "race", "Fifty at once", false, racePage{resultOf(s), r.Host})
}

// resetRace prepares a run. It writes something, so that a new visitor has a
// session, and its cookie, before fifty requests ask for one.
func (a *app) resetRace(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	s.Set("race", map[string]any{"counter": 0, "writers": map[string]int{}})
	w.WriteHeader(http.StatusNoContent)
}

var racerName = regexp.MustCompile(`^w[0-9]{2}$`)

// writeRace is one of the fifty: it sets a key of its own and counts one on.
func (a *app) writeRace(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "writer")
	if !ok {
		return
	}
	name := f.Value("writer")
	if !racerName.MatchString(name) {
		a.fail(w, http.StatusBadRequest, "A writer is called w00 to w99.")
		return
	}
	seen := session.Get(s, "race.counter", 0) // what a naive handler would add one to
	select {
	case <-time.After(thinking):
	case <-r.Context().Done():
		return
	}
	s.Set(session.Join("race", "writers", name), seen)
	session.Update(s, "race.counter", func(n int) int { return n + 1 })
	w.WriteHeader(http.StatusNoContent)
}

func (a *app) raceResult(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	body, err := json.Marshal(resultOf(s))
	if err != nil { // it holds strings and numbers
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	a.send(w, body)
}
