package sessiongin

import (
	"bufio"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

// A writer is the writer of handlers. It commits the session when Gin sends the header, and not
// when a handler sets the status.
type writer struct {
	gin.ResponseWriter // of the middleware above; it has the status and the size

	// of the manager: it commits, or refuses, and then writes to the one above
	session http.ResponseWriter
}

// Unwrap lets [http.ResponseController] reach deadlines and full duplex.
func (w *writer) Unwrap() http.ResponseWriter { return w.session }

// begin commits with the status that Gin is about to send. If that fails, the error handler
// has responded when begin returns.
func (w *writer) begin() {
	if !w.Written() {
		w.session.WriteHeader(w.Status())
	}
}

func (w *writer) WriteHeaderNow() {
	w.begin()
	w.ResponseWriter.WriteHeaderNow()
}

func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	return w.session.Write(b)
}

func (w *writer) WriteString(s string) (int, error) {
	w.begin()
	return io.WriteString(w.session, s)
}

// Flush does nothing after a failed commit.
func (w *writer) Flush() {
	w.begin()
	_ = http.NewResponseController(w.session).Flush()
}

// Hijack commits as for a response of status 101.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.session).Hijack()
}

// A refusing writer stands for a response that is complete. It keeps middleware that renders
// c.Errors from adding to it.
type refusing struct {
	gin.ResponseWriter
	err error
}

// Unwrap is for [http.ResponseController].
func (w *refusing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *refusing) WriteHeader(int)                 {}
func (w *refusing) Write([]byte) (int, error)       { return 0, w.err }
func (w *refusing) WriteString(string) (int, error) { return 0, w.err }
