// Package sessionecho gives the handlers of Echo (version 5) their sessions.
//
//	e := echo.New()
//	e.Use(middleware.Recover())
//	e.Use(sessionecho.Middleware(manager))
//
//	e.POST("/profile", func(c *echo.Context) error {
//		s, err := sessionecho.From(c)
//		if err != nil {
//			return err // a 503 if the store is down
//		}
//		s.Set("user.name", c.FormValue("name"))
//		s.Flash("status", "Saved.")
//		return c.Redirect(http.StatusSeeOther, "/profile")
//	})
//
// The session is committed before the first byte of the response, as with
// [session.Manager.Handler], whose rules hold here, too. A request that never calls [From]
// costs nothing.
//
// # Errors
//
// The errors of sessions go to Echo's HTTPErrorHandler as an [echo.HTTPError]: with status 503
// if the store has failed, 409 if the session ended before its changes could be stored, 403
// for a cross-origin request, and 500 for a mistake in the program. [errors.Is] finds the
// cause, such as [session.ErrEnded]. If the commit fails, the error handler responds in the
// handler's place, and the handler's own writes are refused. [session.Config].OnError is not
// called.
//
// If a handler returns an error, Echo's error handler responds when all middleware has
// returned. Before that, the changes of the handler are committed if the status of the error
// is below 500, so that a counter of failed logins is kept. They are dropped if it is 500 or
// above, as for any error that is not an [echo.HTTPError]. So the session keeps nothing from a
// handler that has failed halfway. An error that is returned after the response has begun
// drops nothing.
//
// # Order of middleware
//
// Recover works inside and outside of Middleware: nothing is committed if a handler panics.
// If Recover is inside, a panic with an HTTPError of a status below 500 is told from a
// returned error by its stack, so leave DisablePrintStack at false, or put Recover outside.
// Middleware that translates errors, such as ContextTimeout, belongs inside, so that the
// status is known when the session is committed.
//
// Don't use echo.WrapMiddleware(manager.Handler): it returns the handler's error only after
// the session is committed, so a handler that fails or panics commits its changes; and a
// failed commit does not get to Echo's error handler.
//
// # Templates
//
// Pass the session to the template. [session.Session.Value] reads a value or a flash message:
//
//	return c.Render(http.StatusOK, "page", map[string]any{"Session": s})
//
//	{{with .Session.Value "status"}}<p>{{.}}</p>{{end}}
package sessionecho
