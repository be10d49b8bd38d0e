// Package sessionfiber gives the handlers of Fiber (version 3) their sessions.
//
//	app := fiber.New()
//	app.Use(recover.New())
//	app.Use(sessionfiber.New(manager))
//
//	app.Post("/profile", func(c fiber.Ctx) error {
//		s, err := sessionfiber.From(c)
//		if err != nil {
//			return err // a 503 if the store is down
//		}
//		s.Set("user.name", c.FormValue("name"))
//		s.Flash("status", "Saved.")
//		return c.Redirect().To("/profile")
//	})
//
// The session is committed when the handlers have returned, before Fiber sends the first byte of
// the response. The rules of [session.Manager.Handler] hold here, too. A request that never
// calls [From] causes no store call and gets no header.
//
// Code that gets a context finds the session with [session.From] in c.Context(), but not in c
// itself.
//
// # Errors
//
// The errors of sessions go to the ErrorHandler of the app as a [*fiber.Error]: with status 503
// if the store has failed, 409 if the session ended before its changes could be stored, 403
// for a cross-origin request, and 500 for a mistake in the program. [errors.Is] finds the
// cause, such as [session.ErrEnded]. If the commit fails, the error handler responds in the
// handler's place: nothing of the handler's response is sent, nor its upgrade to a WebSocket.
// [session.Config].OnError is not called.
//
// If a handler returns an error, its changes are committed if the status of the error is below
// 500, so that a counter of failed logins is kept. They are dropped if it is 500 or above, as
// for any error that is not a [*fiber.Error]. So the session keeps nothing from a handler that
// has failed halfway. The error handler of the app responds when all middleware has returned. It
// can read the session.
//
// # Order of middleware
//
// The recover middleware works before and after this one: nothing is committed if a handler
// panics, unless it panics with a [*fiber.Error] of a status below 500 and recover is
// registered after this one. Register the timeout middleware after this one. If it responds for
// a handler that is still running, nothing is committed. Middleware that translates errors
// belongs after this one, so that the status is known when the session is committed.
//
// Don't use Fiber's adaptor with [session.Manager.Handler]: the middleware ends before the
// handlers run, so it commits nothing.
//
// # Streams and WebSockets
//
// A handler that upgrades to a WebSocket needs nothing else. Before a stream, call [Commit]. The
// functions of both run when the request has ended: changes that they make to its session are
// refused and logged. Call [session.Manager.Load] and [session.Manager.Commit] for each message,
// with c.Context() and a copy of the token, both taken before.
//
// # Templates
//
// Pass the session to the template. [session.Session.Value] reads a value or a flash message:
//
//	return c.Render("page", fiber.Map{"Session": s})
//
//	{{with .Session.Value "status"}}<p>{{.}}</p>{{end}}
package sessionfiber
