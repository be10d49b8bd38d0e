package session

import "time"

// An Event describes something that happened to a session. It contains no secret.
type Event struct {
	Kind  EventKind // what happened
	Time  time.Time // when, by the manager's clock
	ID    ID        // zero if no session is concerned
	Owner string    // "" if the session is anonymous or unknown
	Err   error     // the cause, for the kinds that have one
}

// An EventKind says what happened.
type EventKind string

// The kinds of events.
const (
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
	EventDropped      EventKind = "dropped"       // writes were not stored: the session had ended or got another token, the handler panicked, or a timeout responded for it; see Err
	EventLate         EventKind = "late"          // changed after the response began; see ErrCommitted
	EventCrossOrigin  EventKind = "cross-origin"  // a request was refused; Err names its origin and what to do
	EventNotCreated   EventKind = "not-created"   // what was written is not stored, because the browser may have another session; see Err
	EventRejected     EventKind = "rejected"      // browsers reject the cookie that was sent; see Err
	EventFailed       EventKind = "failed"        // a load, commit, touch or sweep failed, or a look at watched sessions; see Err
)
