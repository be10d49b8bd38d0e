package huma_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// TestSuite runs the suite of the adapters on the middleware around the router of an API.
func TestSuite(t *testing.T) {
	t.Parallel()
	adaptertest.Run(t, adaptertest.Harness{
		Serve: func(tb testing.TB, app *adaptertest.App) string {
			mux := http.NewServeMux()
			cfg := huma.DefaultConfig("Suite", "1.0.0")
			cfg.CreateHooks = nil // they add a $schema to each object
			cfg.Formats, cfg.DefaultFormat = map[string]huma.Format{"text/plain": {Marshal: text}}, "text/plain"
			routes(humago.New(mux, cfg), app)
			mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) })
			server := httptest.NewServer(recoverer(app.Manager.Handler(mux)))
			tb.Cleanup(server.Close)
			return server.URL
		},
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			status, _ := session.ErrorStatus(err)
			refuse(w, status)
		},
	})
}

// text is the format of the suite: texts as they are, the texts of its error pages, and JSON.
func text(w io.Writer, v any) error {
	switch v := v.(type) {
	case string:
		_, err := io.WriteString(w, v)
		return err
	case huma.StatusError:
		_, err := io.WriteString(w, adaptertest.ErrorText(v.GetStatus()))
		return err
	}
	return json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int) {
	w.WriteHeader(status)
	io.WriteString(w, adaptertest.ErrorText(status))
}

func recoverer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				refuse(w, http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

type (
	none   struct{}
	page   struct{ Body string }
	number struct {
		N string `query:"n"`
	}
	added struct {
		Body struct {
			Added string `json:"added"`
		}
	}
	redirect struct {
		Status   int
		Location string `header:"Location"`
	}
)

// An upload is a request whose body is read by the operation.
type upload struct{ reader }

type reader struct{ io.Reader }

func (u *upload) Resolve(ctx huma.Context) []error {
	u.reader = reader{ctx.BodyReader()}
	return nil
}

// from returns the session, or the error as one of Huma.
func from(ctx context.Context) (*session.Session, error) {
	s, err := session.From(ctx)
	if err != nil {
		return nil, failure(nil, err)
	}
	return s, nil
}

// failure drops the changes of an operation that has failed.
func failure(s *session.Session, err error) error {
	if s != nil {
		s.Rollback()
	}
	status, advice := session.ErrorStatus(err)
	return huma.NewError(status, advice)
}

// get and post register an operation that gets the session.
func get[In, Out any](api huma.API, path string, op func(ctx context.Context, s *session.Session, in *In) (*Out, error)) {
	huma.Get(api, path, with(op))
}

func post[In, Out any](api huma.API, path string, op func(ctx context.Context, s *session.Session, in *In) (*Out, error)) {
	huma.Post(api, path, with(op))
}

func with[In, Out any](op func(context.Context, *session.Session, *In) (*Out, error)) func(context.Context, *In) (*Out, error) {
	return func(ctx context.Context, in *In) (*Out, error) {
		s, err := from(ctx)
		if err != nil {
			return nil, err
		}
		return op(ctx, s, in)
	}
}

func routes(api huma.API, app *adaptertest.App) {
	huma.Get(api, "/plain", func(context.Context, *none) (*page, error) { return &page{"plain"}, nil })
	get(api, "/show", func(_ context.Context, s *session.Session, _ *none) (*page, error) { return &page{app.Show(s)}, nil })
	post(api, "/save", func(_ context.Context, s *session.Session, _ *none) (*redirect, error) {
		app.Save(s)
		return &redirect{http.StatusSeeOther, "/show"}, nil
	})
	post(api, "/hop", func(_ context.Context, s *session.Session, _ *none) (*redirect, error) {
		app.Hop(s)
		return &redirect{http.StatusSeeOther, "/show"}, nil
	})
	post(api, "/add", func(_ context.Context, s *session.Session, in *number) (*added, error) {
		app.Add(s, in.N)
		out := &added{}
		out.Body.Added = in.N
		return out, nil
	})
	post(api, "/quiet", func(_ context.Context, s *session.Session, _ *none) (*none, error) {
		app.Quiet(s)
		return nil, nil
	})
	post(api, "/upload", func(_ context.Context, s *session.Session, in *upload) (*page, error) {
		n, err := app.Upload(s, in.reader)
		if err != nil {
			return nil, failure(s, err)
		}
		return &page{fmt.Sprint(n)}, nil
	})
	get(api, "/sse", func(_ context.Context, s *session.Session, _ *none) (*huma.StreamResponse, error) {
		return stream("text/event-stream", "data: %s\n\n", app.Events(s)), nil
	})
	get(api, "/stream", func(_ context.Context, s *session.Session, _ *none) (*huma.StreamResponse, error) {
		return stream("text/plain", "%s\n", app.Lines(s)), nil
	})
	get(api, "/socket", func(_ context.Context, s *session.Session, _ *none) (*huma.StreamResponse, error) {
		app.Socket(s)
		return &huma.StreamResponse{Body: func(ctx huma.Context) { echo(humago.Unwrap(ctx)) }}, nil
	})
	get(api, "/panic", func(_ context.Context, s *session.Session, _ *none) (*page, error) {
		app.Panic(s)
		return nil, nil
	})
	get(api, "/refuse", func(_ context.Context, s *session.Session, _ *none) (*page, error) {
		app.Refuse(s)
		return nil, huma.Error403Forbidden("refused")
	})
	get(api, "/fail", func(_ context.Context, s *session.Session, _ *none) (*page, error) {
		return nil, failure(s, app.Fail(s))
	})
}

func stream(contentType, format string, parts iter.Seq[string]) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", contentType)
		for part := range parts {
			fmt.Fprintf(ctx.BodyWriter(), format, part)
			ctx.BodyWriter().(http.Flusher).Flush()
		}
	}}
}

// echo upgrades to a WebSocket that sends one message back.
func echo(r *http.Request, w http.ResponseWriter) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer conn.CloseNow()
	kind, message, err := conn.Read(r.Context())
	if err == nil {
		_ = conn.Write(r.Context(), kind, message)
	}
}
