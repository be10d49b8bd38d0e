package session

import (
	"context"
	"log/slog"
	"runtime"
	"time"
)

// A log line has a constant message, so that lines can be counted and alerts can match them.
// What varies is in one group, "session". The context is that of the request, so that a handler
// can add its trace. No line contains a token, a digest or a value of a session.

// log writes a line.
func (s *settings) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	h := s.Logger.Handler()
	if !h.Enabled(ctx, level) {
		return
	}
	var pc [1]uintptr
	runtime.Callers(2, pc[:]) // the source of the line is the caller
	r := slog.NewRecord(time.Now(), level, message, pc[0])
	r.AddAttrs(slog.Attr{Key: "session", Value: slog.GroupValue(attrs...)})
	_ = h.Handle(ctx, r) // as slog itself does
}

// logError is the attribute of an error. Only its text is logged: a handler that writes JSON
// would write the fields of an error, and those of an error of a store may be anything.
func logError(err error) slog.Attr { return slog.String("error", err.Error()) }

func logID(id ID) slog.Attr { return slog.String("id", id.String()) }

// logStoreFailure writes the line of a failed store call.
func (s *settings) logStoreFailure(ctx context.Context, err error) {
	s.log(ctx, slog.LevelError, "session: store failed", logError(err))
}
