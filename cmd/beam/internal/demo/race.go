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

// handlerDelay is the time between reading and writing in each handler, as if it queried a
// database. It makes the requests overlap even on a fast machine. A browser opens six
// connections to a server, so about six requests overlap.
const handlerDelay = 20 * time.Millisecond

// race is the result, for the page and for its script.
type race struct {
	Of      int      `json:"of"`
	Kept    []string `json:"kept"`    // the keys that were kept, sorted
	Counter int      `json:"counter"` // the result of 50 increments
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

// racePage is the result of the last run, and the host for the equivalent command line.
type racePage struct {
	race

	Host string
}

func (a *app) showRace(w http.ResponseWriter, r *http.Request, s *session.Session) {
	a.show(w, s, "race", "Fifty at once", false, racePage{resultOf(s), r.Host})
}

// resetRace prepares a run. It writes to the session, so that a new visitor has a session and
// its cookie before the fifty requests start.
func (a *app) resetRace(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	s.Set("race", map[string]any{"counter": 0, "writers": map[string]int{}})
	w.WriteHeader(http.StatusNoContent)
}

var racerName = regexp.MustCompile(`^w[0-9]{2}$`)

// writeRace handles one of the fifty writes: it sets its own key and increments the counter.
func (a *app) writeRace(w http.ResponseWriter, r *http.Request, s *session.Session) {
	f, ok := a.readForm(w, r, "writer")
	if !ok {
		return
	}
	name := f.Value("writer")
	if !racerName.MatchString(name) {
		a.fail(w, http.StatusBadRequest, "The writer must be w00 to w99.")
		return
	}
	seen := session.Get(s, "race.counter", 0) // a naive handler would store this value plus one
	select {
	case <-time.After(handlerDelay):
	case <-r.Context().Done():
		return
	}
	s.Set(session.Join("race", "writers", name), seen)
	session.Update(s, "race.counter", func(n int) int { return n + 1 })
	w.WriteHeader(http.StatusNoContent)
}

func (a *app) raceResult(w http.ResponseWriter, _ *http.Request, s *session.Session) {
	body, err := json.Marshal(resultOf(s))
	if err != nil { // cannot fail: only strings and numbers
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	a.send(w, body)
}
