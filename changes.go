package session

import (
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxLoggedValue is how many bytes of a value are logged.
const maxLoggedValue = 100

// shown returns what an op changes, as it is in a draft.
func shown(d *draft, o *op) string {
	switch o.kind {
	case opLogin:
		return strconv.Quote(d.owner)
	case opConfirm:
		if d.authAt == 0 {
			return "unknown"
		}
		return time.Unix(0, d.authAt).UTC().Format(time.RFC3339)
	case opTimeouts:
		return fmt.Sprintf("idle %v, absolute %v", d.idle, d.absolute)
	case opPersist:
		return strconv.FormatBool(d.persist == persistent)
	case opClear:
		return clip(d.doc.Text())
	}
	raw, ok := d.doc.Lookup(o.path)
	if !ok {
		return "absent"
	}
	return clip(raw)
}

func clip(raw []byte) string {
	if len(raw) <= maxLoggedValue {
		return string(raw)
	}
	cut := maxLoggedValue
	for cut > 0 && !utf8.RuneStart(raw[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes)", raw[:cut], len(raw))
}

// caller returns the place in the program that called this package.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "github.com/expanse-go/session.") {
			return fmt.Sprintf("%s/%s:%d", path.Base(path.Dir(f.File)), path.Base(f.File), f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}
