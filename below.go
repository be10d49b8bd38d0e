package session

import (
	"io"
	"net/http"
	"reflect"
	"sync/atomic"
)

// An offer is what a writer can do beyond an [http.ResponseWriter]. Deadlines and full
// duplex are not part of it: handlers use a [http.ResponseController] for them, which
// unwraps.
type offer byte

const (
	flushes       offer = 1 << iota // http.Flusher and FlushError, each of which can do for the other
	hijacks                         // http.Hijacker
	pushes                          // http.Pusher
	notifies                        // http.CloseNotifier
	reads                           // io.ReaderFrom
	writesStrings                   // io.StringWriter
	tells                           // whether the response has begun; only for the middleware
	unwraps                         // to another writer
)

// A closeNotifier is an http.CloseNotifier. That is deprecated, but gin needs it.
type closeNotifier interface{ CloseNotify() <-chan bool }

type unwrapper interface{ Unwrap() http.ResponseWriter }

type teller interface{ Written() bool }

// A known is the offer of a type of writers.
type known struct {
	of reflect.Type
	offer
}

// offers is offerOf with a memory of one entry: the writers of a server are all of one type.
// It doesn't remember writers that unwrap, because those of one type can differ.
func offers(last *atomic.Pointer[known], w http.ResponseWriter) offer {
	t := reflect.TypeOf(w)
	if k := last.Load(); k != nil && k.of == t {
		return k.offer
	}
	o := offerOf(w)
	if o&unwraps == 0 {
		last.Store(&known{t, o})
	}
	return o
}

// offerOf says what a writer can do. For Flush and Hijack, what it unwraps to counts as
// well: a [http.ResponseController] looks there too, and would get past the commit.
func offerOf(w http.ResponseWriter) (o offer) {
	note := func(ok bool, what offer) {
		if ok {
			o |= what
		}
	}
	_, push := w.(http.Pusher)
	_, notify := w.(closeNotifier)
	_, read := w.(io.ReaderFrom)
	_, str := w.(io.StringWriter)
	note(push, pushes)
	note(notify, notifies)
	note(read, reads)
	note(str, writesStrings)
	for {
		_, flush := w.(http.Flusher)
		_, flushError := w.(interface{ FlushError() error })
		_, hijack := w.(http.Hijacker)
		_, tell := w.(teller)
		note(flush || flushError, flushes)
		note(hijack, hijacks)
		note(tell, tells)
		u, ok := w.(unwrapper)
		if !ok {
			return o
		}
		o |= unwraps
		w = u.Unwrap()
	}
}

// passedBy reports whether a response has begun without the middleware: somebody has
// written to the writer below. The writers of gin and negroni report this.
func passedBy(w http.ResponseWriter) bool {
	for {
		if below, ok := w.(teller); ok {
			return below.Written()
		}
		u, ok := w.(unwrapper)
		if !ok {
			return false
		}
		w = u.Unwrap()
	}
}

// A tracker notes whether an error handler has answered.
type tracker struct {
	http.ResponseWriter
	wrote bool
}

// Unwrap is for [http.ResponseController].
func (t *tracker) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *tracker) WriteHeader(status int) {
	t.wrote = t.wrote || status >= 200
	t.ResponseWriter.WriteHeader(status)
}

func (t *tracker) Write(b []byte) (int, error) {
	t.wrote = true
	return t.ResponseWriter.Write(b)
}

// answering returns an error handler that answers as [DefaultError] does where f writes nothing:
// no answer would be a 200.
func answering(f func(http.ResponseWriter, *http.Request, error)) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		t := tracker{ResponseWriter: w}
		f(&t, r, err)
		if !t.wrote {
			DefaultError(w, r, err)
		}
	}
}

// headers remembers the response headers without copying their values: values are
// replaced, not changed in place.
type headers []header

type header struct {
	name   string
	values []string
}

func (h *headers) take(from http.Header) {
	if len(from) == 0 {
		return
	}
	*h = make(headers, 0, len(from))
	for name, values := range from {
		*h = append(*h, header{name, values[:len(values):len(values)]})
	}
}

func (h headers) restore(to http.Header) {
	clear(to)
	for _, e := range h {
		to[e.name] = e.values
	}
}
