// Package latewrite reports changes of a session after the response has begun in the same
// function:
//
//	fmt.Fprintln(w, "Saved.")
//	s.Set("saved", true)
//
// The first byte of the response commits the session and sends its cookie. A later change is
// committed when the handler returns. If that fails, the client has got a success already. A
// change that needs a new cookie always fails: a login, a logout, or the first value of a new
// visitor.
//
// The response begins with Write and WriteHeader (except an informational status) of an
// http.ResponseWriter, fmt.Fprint and its kin, io.WriteString, io.Copy, http.Error,
// http.Redirect, http.NotFound, the http.Serve functions, Execute of a template, an Encode of
// json.NewEncoder(w), and session.Error.
//
// It reports only changes that the response precedes on every path: not those after an if
// statement or a loop that responds in its body, and none in a closure or a deferred call. It
// leaves alone functions that call Manager.Commit or CommitToken themselves, as handlers of
// streams do, and, like all analyzers here, test files. FlashNow stores nothing, so it is not
// a change.
package latewrite
