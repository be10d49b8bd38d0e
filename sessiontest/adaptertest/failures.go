package adaptertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// events checks a response that is sent in parts. Each part must arrive before the next one
// is made.
func events(target, name string, next func(*bufio.Reader) (string, error)) func(context.Context, *env) error {
	return func(ctx context.Context, e *env) error {
		if err := e.begin(ctx); err != nil {
			return err
		}
		w, err := e.open(ctx, http.MethodGet, target, nil, "same-origin")
		if err != nil {
			return err
		}
		defer w.Body.Close()
		if w.StatusCode != http.StatusOK {
			return fmt.Errorf("got status %d; want 200", w.StatusCode)
		}
		if name == "sse" && !strings.HasPrefix(w.Header.Get("Content-Type"), "text/event-stream") {
			return fmt.Errorf("the response has Content-Type: %q; want text/event-stream", w.Header.Get("Content-Type"))
		}
		r := bufio.NewReader(w.Body)
		for i, part := range parts {
			if got, err := next(r); err != nil || got != part {
				return fmt.Errorf("part %d is %q, %w; want %q", i+1, got, err, part)
			}
			if sent := e.app.made(); sent != i+1 {
				return fmt.Errorf("part %d arrived only when part %d had been made: it was not flushed", i+1, sent)
			}
			if err := e.stores(ctx, name+".begun", true); err != nil {
				return fmt.Errorf("when part %d arrived: %w", i+1, err)
			}
			signal(e.app.got)
		}
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			return fmt.Errorf("after the last part: %q, %w", rest, err)
		}
		return nil
	}
}

// line reads a line of a stream.
func line(r *bufio.Reader) (string, error) {
	text, err := r.ReadString('\n')
	return strings.TrimSuffix(text, "\n"), err
}

// event reads the data of a server-sent event.
func event(r *bufio.Reader) (data string, err error) {
	for {
		text, err := line(r)
		if text == "" || err != nil {
			return data, err
		}
		if value, ok := strings.CutPrefix(text, "data:"); ok {
			data += strings.TrimPrefix(value, " ")
		}
	}
}

func lateWrites(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	e.app.dontPace()
	w, err := e.get(ctx, "/sse") // to the end, which the server sends when the handler has returned
	if err == nil {
		err = w.is(http.StatusOK, w.text)
	}
	if err != nil {
		return err
	}
	return e.stores(ctx, "sse.ended", true)
}

// halves is the body of an upload. Its second half is there only when the handler has read
// the first one.
type halves struct {
	ctx  context.Context
	app  *App
	read int
}

func (h *halves) Read(b []byte) (int, error) {
	switch {
	case h.read == uploadChunk:
		if err := h.app.await(h.ctx, h.app.reached, "the handler did not get the first half of the upload"); err != nil {
			return 0, err
		}
	case h.read >= 2*uploadChunk:
		return 0, io.EOF
	}
	limit := uploadChunk - h.read%uploadChunk
	b = b[:min(len(b), limit)]
	for i := range b {
		b[i] = 'x'
	}
	h.read += len(b)
	return len(b), nil
}

func panics(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	w, err := e.get(ctx, "/panic")
	if err == nil { // otherwise the server has closed the connection, as net/http does
		err = w.isError(http.StatusInternalServerError)
		if err != nil {
			return err
		}
	}
	if err := e.stores(ctx, "panicked", false); err != nil {
		return err
	}
	return e.stores(ctx, "begun", true)
}

func refused(ctx context.Context, e *env) error {
	w, err := e.get(ctx, "/refuse")
	if err == nil {
		err = w.is(http.StatusForbidden, ErrorText(http.StatusForbidden))
	}
	if err != nil {
		return err
	}
	return e.stores(ctx, "refused", true)
}

func failed(ctx context.Context, e *env) error {
	w, err := e.get(ctx, "/fail") // a new visitor
	if err == nil {
		err = w.isError(http.StatusInternalServerError)
	}
	if err == nil {
		err = e.begin(ctx)
	}
	if err != nil {
		return err
	}
	w, err = e.get(ctx, "/fail")
	if err == nil {
		err = w.isError(http.StatusInternalServerError)
	}
	if err != nil {
		return err
	}
	return e.stores(ctx, "failed", false)
}

func loadFails(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	e.store.fail("load")
	w, err := e.get(ctx, "/show")
	if err != nil {
		return err
	}
	return w.isError(http.StatusServiceUnavailable)
}

func commitFails(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	e.store.fail("update")
	for _, target := range []string{"/save", "/quiet", "/add?n=1"} {
		w, err := e.post(ctx, target)
		if err == nil {
			err = w.isError(http.StatusServiceUnavailable)
		}
		if err != nil {
			return fmt.Errorf("POST %s: %w", target, err)
		}
		if got := w.Header.Get("Location"); got != "" {
			return fmt.Errorf("POST %s: the error page redirects to %s", target, got)
		}
	}
	e.store.fail()
	if err := e.stores(ctx, "quiet", false); err != nil {
		return err
	}
	return e.show(ctx, "nothing new visits=0")
}

func createFails(ctx context.Context, e *env) error {
	e.store.fail("create")
	for _, target := range []string{"/save", "/quiet", "/add?n=1"} {
		w, err := e.post(ctx, target)
		if err == nil {
			err = w.isError(http.StatusServiceUnavailable)
		}
		if err != nil {
			return fmt.Errorf("POST %s: %w", target, err)
		}
	}
	return nil
}

func streamFails(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	e.app.dontPace()
	e.store.fail("update")
	for _, target := range []string{"/sse", "/stream"} {
		w, err := e.get(ctx, target)
		if err == nil {
			err = w.isError(http.StatusServiceUnavailable)
		}
		if err != nil {
			return fmt.Errorf("GET %s: %w", target, err)
		}
	}
	return nil
}

func ended(ctx context.Context, e *env) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	s, err := e.session(ctx)
	if err != nil {
		return err
	}
	release := e.app.holdAll()
	defer release()
	type answer struct {
		w   *response
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		w, err := e.post(ctx, "/add?n=1")
		answers <- answer{w, err}
	}()
	if err := e.app.await(ctx, e.app.held, "the handler of /add was not called"); err != nil {
		return err
	}
	if err := e.app.Manager.Revoke(ctx, s.ID()); err != nil {
		return err
	}
	release()
	a := <-answers
	if a.err != nil {
		return a.err
	}
	if err := a.w.isError(http.StatusConflict); err != nil {
		return err
	}
	return e.stores(ctx, "added.n1", false)
}
