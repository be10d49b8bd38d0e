package bench

import "fmt"

// Processes is what several processes do together that write to one database.
type Processes struct {
	Store      string  `json:"store"`
	Processes  int     `json:"processes"`
	OneSession bool    `json:"one_session"` // all write the same one; else each its own
	Requests   int     `json:"requests"`    // answered with success
	Refused    int     `json:"refused"`     // with 503: too many conflicts
	Nanos      float64 `json:"nanos"`       // of time for a request of all
	Updates    float64 `json:"updates"`     // calls of Update for a request: below 1, requests share them
	Conflicts  float64 `json:"conflicts"`   // of these calls, how many were in vain
	Lost       int     `json:"lost"`        // requests that the counter does not show
}

// Key tells measurements apart.
func (p Processes) Key() string { return fmt.Sprint(p.Store, "/", p.Processes, "/", p.OneSession) }
