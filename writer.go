package session

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
)

// responseWriter commits the session before anything final goes out. It offers
// what the writer below offers: a Flusher or Hijacker only if there is one, so that
// a handler which asks gets an honest answer.
type responseWriter struct{ x *exchange }

type (
	flushWriter  struct{ responseWriter }
	hijackWriter struct{ responseWriter }
	fullWriter   struct{ responseWriter }
)

func (x *exchange) writer() http.ResponseWriter {
	w := responseWriter{x}
	f, h := offers(x.w)
	switch {
	case f && h:
		return fullWriter{w}
	case f:
		return flushWriter{w}
	case h:
		return hijackWriter{w}
	}
	return w
}

// offers says what a writer can do, itself or by what it unwraps to: a
// [http.ResponseController] looks there too, and would get past the commit.
func offers(w http.ResponseWriter) (flush, hijack bool) {
	for {
		switch w.(type) {
		case http.Flusher, interface{ FlushError() error }:
			flush = true
		}
		if _, ok := w.(http.Hijacker); ok {
			hijack = true
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok || flush && hijack {
			return flush, hijack
		}
		w = u.Unwrap()
	}
}

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

// WriteString spares the copy if the writer below can.
func (w responseWriter) WriteString(s string) (int, error) {
	if err := w.x.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return io.WriteString(w.x.w, s)
}

// ReadFrom keeps sendfile at work.
func (w responseWriter) ReadFrom(r io.Reader) (int64, error) {
	if err := w.x.begin(http.StatusOK); err != nil {
		return 0, err
	}
	return io.Copy(w.x.w, r)
}

// Push is HTTP/2 server push, if the writer below can.
func (w responseWriter) Push(target string, opts *http.PushOptions) error {
	if p, ok := w.x.w.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}

// Unwrap lets [http.ResponseController] reach deadlines and full duplex.
func (w responseWriter) Unwrap() http.ResponseWriter { return w.x.w }

// flush commits: a flush sends the headers.
func (w responseWriter) flush() error {
	if err := w.x.begin(http.StatusOK); err != nil {
		return err
	}
	return http.NewResponseController(w.x.w).Flush()
}

// hijack commits: the handler then owns the connection, and no cookie goes out
// but in the response that it writes itself, from the headers.
func (w responseWriter) hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.x.begin(http.StatusSwitchingProtocols); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.x.w).Hijack()
}

func (w flushWriter) Flush()            { w.flush() }
func (w flushWriter) FlushError() error { return w.flush() }
func (w fullWriter) Flush()             { w.flush() }
func (w fullWriter) FlushError() error  { return w.flush() }

func (w hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
func (w fullWriter) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }

// serve runs the handler. After a failed commit the error handler has answered, so
// one that aborts because its writes fail, as httputil.ReverseProxy does, must not
// abort that answer as well.
func (x *exchange) serve(next http.Handler, r *http.Request) {
	defer func() {
		v := recover()
		if err, _ := v.(error); v != nil && (!errors.Is(err, http.ErrAbortHandler) || !x.hasFailed()) {
			panic(v)
		}
	}()
	next.ServeHTTP(x.writer(), r)
}
