package session

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"
)

// has says what a writer offers, by asking it for each of it.
func has(w http.ResponseWriter) string {
	_, flush := w.(http.Flusher)
	_, flushError := w.(interface{ FlushError() error })
	_, hijack := w.(http.Hijacker)
	_, push := w.(http.Pusher)
	_, notify := w.(interface{ CloseNotify() <-chan bool })
	_, read := w.(io.ReaderFrom)
	_, str := w.(io.StringWriter)
	return fmt.Sprintf("Flush %t, FlushError %t, Hijack %t, Push %t, CloseNotify %t, ReadFrom %t, WriteString %t", flush, flushError, hijack, push, notify, read, str)
}

// TestField17Combinations: of a writer below that offers any combination of the optional
// interfaces, the middleware's writer offers the same, no more and no fewer.
func TestField17Combinations(t *testing.T) {
	m := &Manager{}
	bottom := &exchange{m: m, w: struct{ http.ResponseWriter }{httptest.NewRecorder()}}
	for i, make := range writers {
		below := make(responseWriter{bottom})
		bit := func(o offer) bool { return offer(i)&o != 0 }
		want := fmt.Sprintf("Flush %t, FlushError %t, Hijack %t, Push %t, CloseNotify %t, ReadFrom %t, WriteString %t", bit(flushes), bit(flushes), bit(hijacks), bit(pushes), bit(notifies), bit(reads), bit(writesStrings))
		if got := has(below); got != want {
			t.Errorf("%T: %s, want %s", below, got, want)
		}
		x := &exchange{m: m, w: below}
		if above := x.writer(); has(above) != want || reflect.TypeOf(above) != reflect.TypeOf(below) {
			t.Errorf("above a %T: %T: %s, want %s", below, above, has(above), want)
		}
		if allocs := testing.AllocsPerRun(10, func() { x.writer() }); allocs != 0 {
			t.Errorf("%T takes %v allocations", below, allocs)
		}
	}
	if len(writers) != 1<<6 {
		t.Errorf("%d combinations, want 64", len(writers))
	}
}
