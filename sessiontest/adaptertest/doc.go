// Package adaptertest tests whether an adapter, which gives the handlers of a web framework
// their sessions, keeps all promises of package session.
//
// The test of an adapter implements a fixed table of routes with its framework, serves them
// on a loopback address, and calls [Run]:
//
//	func TestAdapter(t *testing.T) {
//		adaptertest.Run(t, adaptertest.Harness{Serve: func(tb testing.TB, app *adaptertest.App) string {
//			server := httptest.NewServer(routes(app))
//			tb.Cleanup(server.Close)
//			return server.URL
//		}})
//	}
//
// Run the suite once for each order of middleware that the adapter supports, for example
// with the framework's recovery from panics inside and outside the adapter. Run it with
// -race.
//
// # Routes
//
// Each handler except that of /plain gets its session s from the adapter, and then calls a
// method of [App], which changes the session and may wait for the client of the test. If
// there is no session, because the store has failed, the handler passes the error on in the
// framework's own way.
//
//	GET  /plain    nothing                             200 and the text "plain"
//	GET  /show     text := app.Show(s)                 200 and the text
//	POST /save     app.Save(s)                         303 to /show
//	POST /hop      app.Hop(s)                          303 to /show
//	POST /add      app.Add(s, n), n from the query     200 and the JSON object {"added": n}
//	POST /quiet    app.Quiet(s)                        204 without a body, by setting the status only
//	POST /upload   n, err := app.Upload(s, body)       200 and the text of n, in decimal
//	GET  /sse      for event := range app.Events(s)    200, text/event-stream; an event with this data, flushed
//	GET  /stream   for line := range app.Lines(s)      200, text/plain; the line and a newline, flushed
//	GET  /socket   app.Socket(s), then the upgrade     101, then a WebSocket that sends one text message back
//	GET  /panic    app.Panic(s)                        panics
//	GET  /refuse   app.Refuse(s)                       an error of status 403, in the way of the framework
//	GET  /fail     err := app.Fail(s)                  fails with err, in the way of the framework
//
// Use the framework's functions for redirects, JSON, streams and events if it has them.
// The handler of /stream begins its response with the first line, and that of /sse with the
// first event.
//
// The text of every error response is [ErrorText] of its status and nothing else. It
// comes from the error handler of the framework, so the test shows that the adapter's own
// errors get there, with a status: 403 for a cross-origin request, 409 for a session that
// has ended, 503 for a store that has failed. A path without a route gets a 404, and a panic
// a 500.
//
// # What an error commits
//
// A response with an error status commits the changes that its handler has made before, like
// any other response (/refuse). A handler that fails unexpectedly does not (/fail): where
// handlers return errors, that is an error of status 500 or above, and elsewhere a call of
// [session.Error] or the adapter's equivalent.
package adaptertest
