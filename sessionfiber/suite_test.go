package sessionfiber_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strconv"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/expanse-go/session/sessionfiber"
	"github.com/expanse-go/session/sessiontest/adaptertest"
)

// TestAdapter runs the suite for each place of fiber's recover middleware.
func TestAdapter(t *testing.T) {
	for name, order := range map[string]func(*adaptertest.App) []any{
		"recover outside": func(app *adaptertest.App) []any {
			return []any{recover.New(), sessionfiber.New(app.Manager)}
		},
		"recover inside": func(app *adaptertest.App) []any {
			return []any{sessionfiber.New(app.Manager), recover.New()}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.Run(t, adaptertest.Harness{
				Serve: func(tb testing.TB, app *adaptertest.App) string {
					f := fiber.New(fiber.Config{StreamRequestBody: true, ErrorHandler: errorPage})
					f.Use(order(app)...)
					routes(f, app)
					return serve(tb, f)
				},
				Except: map[string]string{
					"LateWrites": "fasthttp sends a stream when the handler has returned, so the function of the stream uses Load and Commit",
				},
			})
		})
	}
}

// serve serves an app on a loopback address until the test ends.
func serve(tb testing.TB, f *fiber.App) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- f.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}) }()
	tb.Cleanup(func() {
		if err := errors.Join(f.Shutdown(), <-done); err != nil {
			tb.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func errorPage(c fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	var e *fiber.Error
	if errors.As(err, &e) {
		status = e.Code
	}
	return c.Status(status).SendString(adaptertest.ErrorText(status))
}

func routes(f *fiber.App, app *adaptertest.App) {
	f.Get("/plain", func(c fiber.Ctx) error { return c.SendString("plain") })
	f.Get("/show", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		return c.SendString(app.Show(s))
	})
	f.Post("/save", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		app.Save(s)
		return c.Redirect().Status(fiber.StatusSeeOther).To("/show")
	})
	f.Post("/hop", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		app.Hop(s)
		return c.Redirect().Status(fiber.StatusSeeOther).To("/show")
	})
	f.Post("/add", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		n := fiber.Query[int](c, "n")
		app.Add(s, strconv.Itoa(n))
		return c.JSON(fiber.Map{"added": n})
	})
	f.Post("/quiet", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		app.Quiet(s)
		c.Status(fiber.StatusNoContent)
		return nil
	})
	f.Post("/upload", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		n, err := app.Upload(s, c.RequestCtx().RequestBodyStream())
		if err != nil {
			return err
		}
		return c.SendString(strconv.FormatInt(n, 10))
	})
	streams(f, app)
	failures(f, app)
}

func streams(f *fiber.App, app *adaptertest.App) {
	f.Get("/sse", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "text/event-stream")
		return stream(c, "data: %s\n\n", app.Events(s))
	})
	f.Get("/stream", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		return stream(c, "%s\n", app.Lines(s))
	})
	f.Get("/socket", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		app.Socket(s)
		return upgrade(c, echo)
	})
}

// stream sends the parts of a sequence. The first part is made, and the session committed,
// before the stream begins.
func stream(c fiber.Ctx, format string, parts iter.Seq[string]) error {
	next, stop := iter.Pull(parts)
	part, ok := next()
	if err := sessionfiber.Commit(c); err != nil {
		stop()
		return err
	}
	return c.SendStreamWriter(func(w *bufio.Writer) {
		defer stop()
		for ; ok; part, ok = next() {
			fmt.Fprintf(w, format, part)
			if w.Flush() != nil {
				return // the client has gone
			}
		}
	})
}

// upgrade does what the libraries for WebSockets do on fasthttp.
func upgrade(c fiber.Ctx, serve func(conn net.Conn)) error {
	sum := sha1.Sum([]byte(c.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	c.Set("Connection", "Upgrade")
	c.Set("Upgrade", "websocket")
	c.Set("Sec-WebSocket-Accept", base64.StdEncoding.EncodeToString(sum[:]))
	c.Status(fiber.StatusSwitchingProtocols)
	c.RequestCtx().Hijack(serve)
	return nil
}

// echo sends one short message back.
func echo(conn net.Conn) {
	defer conn.Close()
	head := make([]byte, 6)
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	data := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(conn, data); err != nil {
		return
	}
	for i := range data {
		data[i] ^= head[2+i%4]
	}
	_, _ = conn.Write(append([]byte{0x81, byte(len(data))}, data...))
}

func failures(f *fiber.App, app *adaptertest.App) {
	f.Get("/panic", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		app.Panic(s)
		return nil
	})
	f.Get("/refuse", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		app.Refuse(s)
		return fiber.ErrForbidden
	})
	f.Get("/fail", func(c fiber.Ctx) error {
		s, err := sessionfiber.From(c)
		if err != nil {
			return err
		}
		return app.Fail(s)
	})
}
