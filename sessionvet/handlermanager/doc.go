// Package handlermanager reports managers that are made in an HTTP handler:
//
//	func show(w http.ResponseWriter, r *http.Request) {
//		manager, err := session.New(store, session.Config{})
//		…
//	}
//
// Each request would get a manager of its own. It does not know the requests of the others, so
// their changes no longer form batches; its periodic deletion of expired sessions runs until
// Close; and with a store that is opened with it, such as one in memory, the sessions of other
// requests are not there.
//
// It checks session.New and sessionconfig.Open (also Config.Open) in functions and closures with
// the parameters (http.ResponseWriter, *http.Request), also followed by a *session.Session, and
// in handlers of Echo, Fiber and Gin. It leaves alone what does not run once for each request: a
// closure inside of the handler, for example one for sync.Once, and the middleware around a
// handler. Like all analyzers here, it leaves test files alone.
package handlermanager
