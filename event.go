package session

import (
	"context"
	"time"
)

// An Event describes something that happened to a session. It contains no secret.
//
// Each load and each commit that calls the store, and each sweep that deletes records, ends
// with exactly one event that has an Op. That event also has the outcome and the duration;
// these events alone suffice for metrics and traces.
type Event struct {
	Kind  EventKind // what happened
	Time  time.Time // when, by the manager's clock
	ID    ID        // zero if no session is concerned
	Owner string    // "" if the session is anonymous or unknown
	Err   error     // the cause, for the kinds that have one

	Op       Op            // the operation that ends with this event; "" if it ends none
	Outcome  Outcome       // of the operation
	Duration time.Duration // of the operation, with the store calls, the pauses between tries and the wait for other requests
	Bytes    int           // of the session's document that was loaded or stored; 0 if there is none
	Batch    int           // how many requests' changes the store call contained; 0 if another request has made it
	Replays  int           // how often changes were applied again because another process had committed first
	Pruned   int           // how many records a sweep has deleted

	// Winner is the context of another request of this process whose commit came first, so
	// that this commit was applied to its result, or which stored this commit in its batch. A
	// tracer can link to it. The context may have ended. Don't keep it, because it keeps that
	// request in memory.
	Winner context.Context `json:"-"`
}

// An Op is an operation of a manager that calls the store.
type Op string

// The operations.
const (
	OpLoad   Op = "load"   // of a token, by the first From of a request or by Load
	OpCommit Op = "commit" // of a request's changes, or of its activity
	OpPrune  Op = "prune"  // a sweep
)

// An Outcome says how an operation ended.
type Outcome string

// The outcomes. A load is found, unknown, expired, replaced, corrupt or failed. A commit is
// created, updated, touched, ended, conflict, dropped or failed. A sweep is pruned or failed.
const (
	OutcomeFound    Outcome = "found"
	OutcomeUnknown  Outcome = "unknown"  // no such session, or a wrong secret
	OutcomeExpired  Outcome = "expired"  // the request came too late
	OutcomeReplaced Outcome = "replaced" // a login has replaced the token
	OutcomeCorrupt  Outcome = "corrupt"  // the stored record does not decode
	OutcomeCreated  Outcome = "created"  // a new record
	OutcomeUpdated  Outcome = "updated"  // an update of a record, alone or in a batch
	OutcomeTouched  Outcome = "touched"  // only the times of a record
	OutcomeEnded    Outcome = "ended"    // a logout that begins no new session
	OutcomeConflict Outcome = "conflict" // other requests were faster until the time was over, or PopOnce came too late
	OutcomeDropped  Outcome = "dropped"  // the session had ended, or a login had replaced the token
	OutcomePruned   Outcome = "pruned"
	OutcomeFailed   Outcome = "error" // see Err
)

// An EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	EventLoaded       EventKind = "loaded"        // a request has loaded its session
	EventCommitted    EventKind = "committed"     // a request's changes or activity are stored; see Outcome
	EventCreated      EventKind = "created"       // the first commit of a session
	EventRotated      EventKind = "rotated"       // the token was replaced
	EventLoggedOut    EventKind = "logged-out"    // by Invalidate
	EventRevoked      EventKind = "revoked"       // by Revoke, RevokeOwner, MaxPerOwner or RevokeOnReuse, or because its login has failed; see Err
	EventExpired      EventKind = "expired"       // a request came too late
	EventUnknownToken EventKind = "unknown-token" // well-formed, but no such session, or a wrong secret
	EventBadCookie    EventKind = "bad-cookie"    // malformed, or several with different values; see Err
	EventReplaced     EventKind = "replaced"      // a request presented a token that Login, Confirm or Regenerate has just replaced
	EventTokenReuse   EventKind = "token-reuse"   // a token that was replaced more than Config.Grace ago: it may be stolen
	EventCorrupt      EventKind = "corrupt"       // the stored record or a value does not decode, or a write replaced a scalar along its path
	EventReplayed     EventKind = "replayed"      // a commit was applied again, to a newer version
	EventConflict     EventKind = "conflict"      // a commit has failed with ErrConflict
	EventDropped      EventKind = "dropped"       // writes were not stored: the session had ended or got another token, the handler panicked, or a timeout responded for it; see Err
	EventLate         EventKind = "late"          // changed after the response began; see ErrCommitted
	EventCrossOrigin  EventKind = "cross-origin"  // a request was refused; Err names its origin and what to do
	EventNotCreated   EventKind = "not-created"   // what was written is not stored, because the browser may have another session; see Err
	EventRejected     EventKind = "rejected"      // browsers reject the cookie that was sent; see Err
	EventPruned       EventKind = "pruned"        // a sweep has deleted expired records; see Pruned
	EventFailed       EventKind = "failed"        // a load, commit, touch or sweep failed, or a look at watched sessions; see Err
)

// Routine reports whether events of a kind are part of normal operation: a hook that writes a
// log or an audit trail can skip them. There are about as many of them as requests that use a
// session.
func (k EventKind) Routine() bool {
	return k == EventLoaded || k == EventCommitted || k == EventPruned
}
