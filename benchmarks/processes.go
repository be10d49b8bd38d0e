package bench

import "fmt"

// Processes is the result of several processes that write to one database.
type Processes struct {
	Store      string  `json:"store"`
	Processes  int     `json:"processes"`
	OneSession bool    `json:"one_session"` // all clients share one session; otherwise each has its own
	Requests   int     `json:"requests"`    // successful
	Refused    int     `json:"refused"`     // status 503: too many conflicts
	Nanos      float64 `json:"nanos"`       // elapsed time per request of all processes
	Updates    float64 `json:"updates"`     // calls of Update per request; below 1 if requests share updates
	Conflicts  float64 `json:"conflicts"`   // per call of Update
	Lost       int     `json:"lost"`        // successful requests that the counter lacks
}

// Key identifies a measurement.
func (p Processes) Key() string { return fmt.Sprint(p.Store, "/", p.Processes, "/", p.OneSession) }
