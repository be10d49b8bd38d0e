package fallbackstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/mark"
)

// An entry is what one store has of a session.
type entry struct {
	kind kind
	rec  session.Record // of live and moved, the session; otherwise only the ID and the version count
}

type kind byte

const (
	absent kind = iota
	live
	reserved
	moved
	ended
)

// marks tells the marks of this package from others. What a mark says is its first byte.
var marks = mark.NewKind("(moved to another store \xe5)")

// markLife is how much longer than its session a mark lives. No process that moves the session
// sleeps as long.
const markLife = 24 * time.Hour

// timeSize is the length of an instant in a mark of the kind moved.
const timeSize = 15

// markOf returns a record that takes the place of r, under its version. It keeps the owner while
// the session lives, so that a list of the owner's sessions finds it.
func markOf(k kind, r session.Record) session.Record {
	field := []byte{byte(k)}
	switch k {
	case moved:
		at, err := r.ExpiresAt.UTC().MarshalBinary()
		if err != nil || len(at) != timeSize {
			panic(fmt.Sprintf("session: an instant in UTC has %d bytes: %v", len(at), err)) // cannot happen
		}
		field = append(append(field, at...), r.Data...)
	case ended:
		r.Owner, r.Client = "", session.Client{}
	default:
		r.Client = session.Client{}
	}
	r.ExpiresAt, r.Data = r.ExpiresAt.Add(markLife), marks.Wrap(field)
	return r
}

// read returns what a store has of a session.
func read(ctx context.Context, s session.Store, id session.ID) (entry, error) {
	r, err := s.Load(ctx, id)
	if errors.Is(err, session.ErrNotFound) {
		return entry{}, nil
	}
	if err != nil {
		return entry{}, err
	}
	return parse(r)
}

// parse returns the entry of a stored record.
func parse(r session.Record) (entry, error) {
	field, ok := marks.Unwrap(r.Data)
	if !ok {
		return entry{live, r}, nil
	}
	k, rest := kind(field[0]), field[1:]
	if k != moved {
		return entry{k, r}, nil
	}
	if len(rest) < timeSize || r.ExpiresAt.UnmarshalBinary(rest[:timeSize]) != nil {
		return entry{}, fmt.Errorf("session: mark of session %v is damaged: %w", r.ID, session.ErrCorrupt)
	}
	r.Data = rest[timeSize:]
	return entry{moved, r}, nil
}

// IsMark reports whether a record is not a session, but a mark that this package has left in one
// of the stores, perhaps of a move that is still to be finished; see [Store.Move].
func IsMark(r session.Record) bool {
	_, ok := marks.Unwrap(r.Data)
	return ok
}
