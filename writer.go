package session

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A responseWriter commits the session before anything final goes out. What the writer
// below offers beyond an [http.ResponseWriter] is added by the types in offers.go, which
// call the unexported methods.
type responseWriter struct{ x *exchange }

func (w responseWriter) Header() http.Header { return w.x.w.Header() }

// WriteHeader commits before a final status. Of the 1xx only 101 is final (RFC
// 9110, section 15.2).
func (w responseWriter) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.x.w.WriteHeader(status)
		return
	}
	if w.x.begin(status) == nil {
		w.x.w.WriteHeader(status)
	}
}

func (w responseWriter) Write(b []byte) (int, error) {
	if err := w.x.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return w.x.w.Write(b)
}

// Unwrap lets [http.ResponseController] reach deadlines and full duplex.
func (w responseWriter) Unwrap() http.ResponseWriter { return w.x.w }

// writeString spares the copy.
func (w responseWriter) writeString(s string) (int, error) {
	if err := w.x.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return io.WriteString(w.x.w, s)
}

// readFrom keeps sendfile at work.
func (w responseWriter) readFrom(r io.Reader) (int64, error) {
	if err := w.x.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return io.Copy(w.x.w, r)
}

// flush commits: a flush sends the headers.
func (w responseWriter) flush() error {
	if err := w.x.begin(http.StatusOK); err != nil {
		return err
	}
	return http.NewResponseController(w.x.w).Flush()
}

// hijack commits: the handler then owns the connection, and a cookie goes out only if
// the handler writes the headers itself.
func (w responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.x.beginHijacked(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.x.w).Hijack()
}

// push is HTTP/2 server push. It commits nothing.
func (w responseWriter) push(target string, opts *http.PushOptions) error {
	return w.x.w.(http.Pusher).Push(target, opts)
}

func (w responseWriter) closeNotify() <-chan bool { return w.x.w.(closeNotifier).CloseNotify() }
