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

// Wrap returns the data of a mark. The kind names the package that makes it, in place of an
// application; it has 1 to 64 bytes and is not UTF-8, so no application has that name.
func Wrap(kind string, field []byte) []byte {
	data := make([]byte, head, head+64+len(kind)+len(field))
	data[0], data[1] = magic, version
	data = append(data, before(kind)...)
	data = append(binary.AppendUvarint(data, uint64(len(field))), field...)
	data = append(data, end...)
	binary.BigEndian.PutUint32(data[2:], crc32.Checksum(data[head:], castagnoli))
	return data
}

// Unwrap returns the field of a mark of a kind.
func Unwrap(kind string, data []byte) (field []byte, ok bool) {
	first := before(kind)
	if len(data) < head+len(first) || !strings.HasPrefix(string(data[head:head+len(first)]), first) {
		return nil, false
	}
	rest := data[head+len(first):]
	n, w := binary.Uvarint(rest)
	if w <= 0 || n == 0 || n > uint64(len(rest)-w) {
		return nil, false
	}
	return rest[w : w+int(n)], true
}

// before returns what precedes the length of the field.
func before(kind string) string {
	return string([]byte{tagDigest, 32}) + strings.Repeat("\x00", 32) + string([]byte{tagApp, byte(len(kind))}) + kind + string([]byte{tagMark})
}
