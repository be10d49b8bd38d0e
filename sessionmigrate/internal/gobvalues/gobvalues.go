// Package gobvalues decodes the values that session libraries have encoded with encoding/gob.
package gobvalues

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"strings"
	"time"

	"github.com/expanse-go/session"
)

// Types that applications often store, and that the old libraries or their users register. To
// register a type again is no error.
func init() {
	gob.Register(time.Time{})
	gob.Register([]any{})
	gob.Register(map[string]any{})
	gob.Register(map[string]string{})
	gob.Register(map[string]int{})
	gob.Register(map[string]bool{})
	gob.Register(map[any]any{})
}

// Decode decodes into a pointer. The error matches [session.ErrCorrupt], and names a type that
// is not registered.
func Decode(data []byte, into any) (err error) {
	defer func() { // data of an attacker who can write to the old store
		if p := recover(); p != nil {
			err = fmt.Errorf("session: the old session makes encoding/gob panic (%v): %w", p, session.ErrCorrupt)
		}
	}()
	err = gob.NewDecoder(bytes.NewReader(data)).Decode(into)
	if err == nil {
		return nil
	}
	if _, name, ok := strings.Cut(err.Error(), "name not registered for interface: "); ok {
		return fmt.Errorf("session: the old session has a value of type %s, which this program has not registered; call gob.Register with it, as the old program does: %w", name, session.ErrCorrupt)
	}
	return fmt.Errorf("session: the old session does not decode: %w: %w", err, session.ErrCorrupt)
}

// Strings returns a map whose keys are strings. Other scalars become strings; if two keys then are
// equal, or a key is no scalar, that is an error.
func Strings(m map[any]any) (map[string]any, error) {
	out := make(map[string]any, len(m))
	for k, v := range m {
		name := fmt.Sprint(k)
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("session: two keys of the old session both become %q: %w", name, session.ErrCorrupt)
		}
		out[name] = v
	}
	return out, nil
}
