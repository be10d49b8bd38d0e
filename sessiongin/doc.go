// Package sessiongin gives the handlers of Gin their sessions.
//
//	r := gin.Default()
//	r.Use(sessiongin.Middleware(manager))
//
//	r.POST("/profile", func(c *gin.Context) {
//		s, err := sessiongin.From(c)
//		if err != nil {
//			sessiongin.Error(c, err) // a 503 if the store is down
//			return
//		}
//		s.Set("user.name", c.PostForm("name"))
//		s.Flash("status", "Saved.")
//		c.Redirect(http.StatusSeeOther, "/profile")
//	})
//
// The session is committed before the first byte of the response, as with
// [session.Manager.Handler], whose rules hold here, too. Gin sends the header late: c.Status
// and c.Header only note what to send. So the commit happens at the first Write,
// WriteHeaderNow, Flush or Hijack of c.Writer, or when all handlers inside of Middleware have
// returned. A request that never calls [From] costs nothing.
//
// # Errors
//
// [Error] is for a handler that fails: it drops the changes of the handler, aborts the chain,
// and responds. If the commit fails, or if the request is refused as cross-origin,
// Config.ErrorHandler responds in the handler's place, and the handler's own writes are refused.
// In all these cases, the error is added to c.Errors, for a logger. Without an ErrorHandler,
// [session.Config].OnError responds, which is [session.DefaultError] by default. The status is
// 503 if the store has failed, 409 if the session ended before its changes could be stored, 403
// for a cross-origin request, and 500 for a mistake in the program.
//
// An error response that a handler writes, for example with c.AbortWithStatusJSON, commits the
// changes that the handler has made before, like any other response.
//
// # Order of middleware
//
// Recovery works inside and outside of Middleware: nothing is committed if a handler panics.
// Middleware that wraps c.Writer works inside and outside, too. Middleware that renders
// c.Errors after c.Next may be on either side; if it is outside, the session is committed before
// it responds.
//
// Don't use a wrapper that turns manager.Handler into a middleware of Gin. The handler would
// write to Gin's own writer, past the wrapper, and a redirect without a body is sent by Gin
// after the middleware.
//
// # Templates
//
// Pass the session to the template. [session.Session.Value] reads a value or a flash message:
//
//	c.HTML(http.StatusOK, "page", gin.H{"Session": s})
//
//	{{with .Session.Value "status"}}<p>{{.}}</p>{{end}}
package sessiongin
