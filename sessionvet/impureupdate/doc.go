// Package impureupdate reports functions of Update that do more than compute a value:
//
//	session.Update(s, "orders", func(n int) int {
//		db.ExecContext(ctx, "INSERT …") // runs again if another request commits first
//		return n + 1
//	})
//
// If another request has committed in the meantime, the function of session.Update or Key.Update
// runs again on the newer value, as often as necessary, also after the handler has returned. So
// it must depend only on its argument, and must change nothing else.
//
// It checks function literals, and functions of the same package that are passed by name. It
// reports:
//
//   - assignments to variables that are declared outside of the function, also to their fields
//     and elements, and delete and clear of them
//   - calls of package session that read or change a session
//   - go statements, and sends to channels that come from outside
//   - calls that do I/O, log, read the clock, or return random values: of fmt (printing), log,
//     log/slog, os, net/http, database/sql, time, math/rand and crypto/rand
//
// It does not look into the functions that these functions call, and, like all analyzers here,
// not into test files.
package impureupdate
