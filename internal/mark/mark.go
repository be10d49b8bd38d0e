// Package mark writes records that are not sessions: what a package has to remember in a store,
// under an ID.
package mark

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// A mark is an envelope without a session: no token has its digest, and no application has its
// name. So a manager treats a mark as an unknown session, and lists it nowhere. The mark itself
// is in a field that the manager does not know. The root package's envelope.go draws the format.
const (
	magic     = 0xE5
	version   = 1
	head      = 6 // magic, version, checksum of the rest
	tagDigest = 1
	tagApp    = 11
	tagMark   = 200
	end       = "\x00{}"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Kind is what a package uses marks for.
type Kind struct {
	before string // what precedes the length of the field
}

// NewKind returns the kind of a name, which is in place of an application. The name has 1 to 64
// bytes and is not UTF-8, so no application has it.
func NewKind(name string) Kind {
	return Kind{string([]byte{tagDigest, 32}) + strings.Repeat("\x00", 32) + string([]byte{tagApp, byte(len(name))}) + name + string([]byte{tagMark})}
}

// Wrap returns the data of a mark.
func (k Kind) Wrap(field []byte) []byte {
	data := make([]byte, head, head+len(k.before)+binary.MaxVarintLen64+len(field)+len(end))
	data[0], data[1] = magic, version
	data = append(data, k.before...)
	data = append(binary.AppendUvarint(data, uint64(len(field))), field...)
	data = append(data, end...)
	binary.BigEndian.PutUint32(data[2:], crc32.Checksum(data[head:], castagnoli))
	return data
}

// Unwrap returns the field of a mark of this kind.
func (k Kind) Unwrap(data []byte) (field []byte, ok bool) {
	if len(data) < head+len(k.before) || string(data[head:head+len(k.before)]) != k.before {
		return nil, false
	}
	rest := data[head+len(k.before):]
	n, w := binary.Uvarint(rest)
	if w <= 0 || n == 0 || n > uint64(len(rest)-w) {
		return nil, false
	}
	return rest[w : w+int(n)], true
}
