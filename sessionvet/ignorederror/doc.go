// Package ignorederror reports calls of From whose error is assigned to the blank identifier:
//
//	s, _ := session.From(r.Context())
//
// If the store is down, s is nil, and the handler panics at the first use of the session, or
// treats the visitor as not signed in.
//
// It checks session.From, Manager.From, and the functions From of the adapters sessionecho,
// sessionfiber and sessiongin. It leaves alone a session that is assigned to a field, where
// other code may check it, and, like all analyzers here, test files.
package ignorederror
