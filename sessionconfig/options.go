package sessionconfig

import (
	"log/slog"

	"github.com/expanse-go/session"
)

// An Option changes what [Load] and [Open] read, or what they do with it.
type Option func(*loader)

// loader holds what the options say.
type loader struct {
	report
	environ   []string
	logger    *slog.Logger
	configure []func(*session.Config)
	foreign   map[string]foreign
}

// WithEnv replaces the environment by environ, in the form of [os.Environ]. Tests
// use it, so that they neither see nor change the real one. The .env file is read
// all the same.
func WithEnv(environ []string) Option {
	return func(l *loader) { l.environ = environ }
}

// WithLogger sets where warnings go, and [session.Config.Logger].
// Defaults to [slog.Default].
func WithLogger(logger *slog.Logger) Option {
	return func(l *loader) { l.logger = logger }
}

// Configure lets code have the last word on the manager's settings, and set those
// that no file can: OnEvent, OnError, Client, Now.
func Configure(f func(*session.Config)) Option {
	return func(l *loader) { l.configure = append(l.configure, f) }
}
