package session

import "context"

// A tally is what a commit has done so far, for the event at its end. It belongs to the
// goroutine that commits.
type tally struct {
	called  bool    // the store was called, or the patch has waited for that
	outcome Outcome // "" as long as nothing has succeeded
	bytes   int     // of the stored document
	batch   int
	replays int
	winner  context.Context
	err     error // what the request did not ask for has failed, so its commit succeeds
}

// add notes what came of a patch.
func (t *tally) add(p *patch) {
	t.batch = p.batch
	t.replays += p.replays
	t.winner = p.winner
	if p.outcome == isStored {
		t.outcome, t.bytes = OutcomeUpdated, p.at.doc.Len()
	}
}
