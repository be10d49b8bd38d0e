package fallbackstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/expanse-go/session"
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

// A mark is an envelope without a session: no token has this digest, and no application has this
// name. So a manager that uses one of the stores alone treats a mark as an unknown session,
// and lists it nowhere. The mark itself is in a field that the manager does not know.
var (
	digest      = append([]byte{1, 32}, make([]byte, 32)...)
	application = "\x0b\x1a(moved to another store \xe5)"
	head        = string(digest) + application + "\xc8" // then the length of the field

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

const (
	beginning = "\xe5\x01" // then the checksum of the rest
	end       = "\x00{}"
)

// wrap returns the data of a mark.
func wrap(field []byte) []byte {
	data := append(make([]byte, 0, 128+len(field)), beginning+"\x00\x00\x00\x00"+head...)
	data = append(binary.AppendUvarint(data, uint64(len(field))), field...)
	data = append(data, end...)
	binary.BigEndian.PutUint32(data[2:], crc32.Checksum(data[6:], castagnoli))
	return data
}

// unwrap returns the field of a mark.
func unwrap(data []byte) (field []byte, ok bool) {
	if len(data) < 6 || !strings.HasPrefix(string(data[6:min(len(data), 6+len(head))]), head) {
		return nil, false
	}
	rest := data[6+len(head):]
	n, w := binary.Uvarint(rest)
	if w <= 0 || n == 0 || n > uint64(len(rest)-w) {
		return nil, false
	}
	return rest[w : w+int(n)], true
}

// markLife is how much longer than its session a mark lives. No process that moves the session
// sleeps as long.
const markLife = 24 * time.Hour

// timeSize is the length of an instant in a mark of the kind moved.
const timeSize = 15

// mark returns a record that takes the place of r, under its version. It keeps the owner while
// the session lives, so that a list of the owner's sessions finds it.
func mark(k kind, r session.Record) session.Record {
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
	r.ExpiresAt, r.Data = r.ExpiresAt.Add(markLife), wrap(field)
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
	field, ok := unwrap(r.Data)
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
	_, ok := unwrap(r.Data)
	return ok
}
