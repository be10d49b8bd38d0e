package sessionconfig

import (
	"context"
	"log/slog"

	"github.com/expanse-go/session"
)

// An Option changes what [Load] and [Open] read, or how they use it.
type Option func(*loader)

// loader collects the options and the mistakes found while loading.
type loader struct {
	report
	environ   []string
	logger    *slog.Logger
	configure []func(*session.Config)
	readOnly  bool
	foreign   map[string]foreign
	postgres  func(ctx context.Context, dsn, schema, table string) (session.Store, error)
	redis     func(ctx context.Context, url, prefix string) (session.Store, error)
}

// WithEnv replaces the environment with environ, which has the form of [os.Environ].
// It lets tests run without reading or changing the real environment. The .env file is
// still read.
func WithEnv(environ []string) Option {
	return func(l *loader) { l.environ = environ }
}

// WithLogger sets the logger for warnings and [session.Config.Logger].
// The default is [slog.Default].
func WithLogger(logger *slog.Logger) Option {
	return func(l *loader) { l.logger = logger }
}

// Configure calls f with the manager's settings after everything else has been applied.
// f can override any of them, and set those that a file cannot: OnEvent, OnError, Client,
// Now. If Configure is used more than once, the functions run in order.
func Configure(f func(*session.Config)) Option {
	return func(l *loader) { l.configure = append(l.configure, f) }
}

// ReadOnly is for a program that reads the sessions of another program, perhaps as another
// user. [Open] and [Config.OpenStore] then open the file store with filestore.OpenReadOnly.
// Other stores are opened as usual.
func ReadOnly() Option {
	return func(l *loader) { l.readOnly = true }
}
