package filestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"github.com/expanse-go/session"
)

// A record's file, format 1. Integers are little-endian.
//
//	offset  bytes
//	     0      7  "session"
//	     7      1  1, the format
//	     8      4  CRC-32C of the head from offset 12 on, strings included
//	    12      4  CRC-32C of Data
//	    16     16  ID
//	    32      8  Version
//	    40     12  CreatedAt: seconds since 1970, signed (8), nanoseconds (4)
//	    52     12  LastActivity
//	    64     12  ExpiresAt
//	    76      4  length of Data
//	    80      2  length of Owner
//	    82      2  length of Client.Address
//	    84      2  length of Client.UserAgent
//	    86         Owner, Client.Address, Client.UserAgent: the end of the head
//	               Data to the end of the file
//
// A checksum, the magic, or the length of the file covers every bit, so a damaged file is
// never taken for a record. The head has a checksum of its own, because versions, owners
// and expiries are often read without the data. The checksums detect accidents. They do
// not protect against users who can write to the folder, who are trusted.
const (
	magic     = "session"
	format    = 1
	fixedHead = 86
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A head is a record without its data.
type head struct {
	id                        session.ID
	version                   uint64
	created, active, expires  time.Time
	owner, address, userAgent string
	dataLen, dataSum          uint32
}

// encode returns the content of the file of a record.
func encode(r *session.Record, version uint64) ([]byte, error) {
	strings := []string{r.Owner, r.Client.Address, r.Client.UserAgent}
	size := fixedHead
	for _, s := range strings {
		if len(s) > math.MaxUint16 {
			return nil, fmt.Errorf("session: the owner or the client has %d bytes, and the file format allows at most 65535", len(s))
		}
		size += len(s)
	}
	if len(r.Data) > math.MaxUint32-1 {
		return nil, fmt.Errorf("%w: the data has %d bytes, which does not fit into the file format", session.ErrTooLarge, len(r.Data))
	}
	le := binary.LittleEndian
	b := make([]byte, 0, size+len(r.Data))
	b = append(b, magic...)
	b = append(b, format, 0, 0, 0, 0) // the checksum of the head is filled in below
	b = le.AppendUint32(b, crc32.Checksum(r.Data, castagnoli))
	b = append(b, r.ID[:]...)
	b = le.AppendUint64(b, version)
	for _, t := range []time.Time{r.CreatedAt, r.LastActivity, r.ExpiresAt} {
		b = le.AppendUint64(b, uint64(t.Unix()))
		b = le.AppendUint32(b, uint32(t.Nanosecond()))
	}
	b = le.AppendUint32(b, uint32(len(r.Data)))
	for _, s := range strings {
		b = le.AppendUint16(b, uint16(len(s)))
	}
	for _, s := range strings {
		b = append(b, s...)
	}
	le.PutUint32(b[8:], crc32.Checksum(b[12:], castagnoli))
	return append(b, r.Data...), nil
}

// readHead reads the head of a record. It tries to read hint bytes at once, and returns
// the bytes that it has read beyond the head.
func readHead(from io.Reader, hint int) (h head, rest []byte, err error) {
	b := make([]byte, max(hint, fixedHead))
	n, err := readUpTo(from, b)
	if b = b[:n]; err != nil {
		return head{}, nil, err
	}
	if n < fixedHead || string(b[:len(magic)]) != magic {
		return head{}, nil, corrupt("it does not begin like a record")
	}
	if b[len(magic)] != format {
		return head{}, nil, corrupt("it has format %d, but this program knows %d", b[len(magic)], format)
	}
	le := binary.LittleEndian
	end := fixedHead + int(le.Uint16(b[80:])) + int(le.Uint16(b[82:])) + int(le.Uint16(b[84:]))
	if n < end {
		b = append(b, make([]byte, end-n)...)
		m, err := readUpTo(from, b[n:])
		if err != nil {
			return head{}, nil, err
		}
		if n+m < end {
			return head{}, nil, corrupt("%d bytes of its head are missing", end-n-m)
		}
	}
	if crc32.Checksum(b[12:end], castagnoli) != le.Uint32(b[8:]) {
		return head{}, nil, corrupt("the checksum of its head does not match")
	}
	h = head{
		id:      session.ID(b[16:32]),
		version: le.Uint64(b[32:]),
		created: instant(b[40:]), active: instant(b[52:]), expires: instant(b[64:]),
		dataLen: le.Uint32(b[76:]), dataSum: le.Uint32(b[12:]),
	}
	at := fixedHead
	for i, s := range []*string{&h.owner, &h.address, &h.userAgent} {
		next := at + int(le.Uint16(b[80+2*i:]))
		*s = string(b[at:next])
		at = next
	}
	return h, b[end:], nil
}

// readData reads the data after a head, up to the end of the file. It allocates memory for
// the length in the head, which the checksum of the head protects.
func readData(from io.Reader, h *head, rest []byte) ([]byte, error) {
	missing := int64(h.dataLen) - int64(len(rest))
	switch {
	case missing < 0:
		return nil, corrupt("there are bytes after its end")
	case missing > 0:
		whole := make([]byte, h.dataLen)
		n := copy(whole, rest)
		m, err := readUpTo(from, whole[n:])
		if err != nil {
			return nil, err
		}
		if n+m < len(whole) {
			return nil, corrupt("%d bytes are missing at its end", len(whole)-n-m)
		}
		rest = whole
	}
	if n, err := readUpTo(from, make([]byte, 1)); n > 0 || err != nil {
		return nil, errors.Join(err, corrupt("there are bytes after its end"))
	}
	if crc32.Checksum(rest, castagnoli) != h.dataSum {
		return nil, corrupt("the checksum of its data does not match")
	}
	return rest[:len(rest):len(rest)], nil
}

func (h *head) record(data []byte) session.Record {
	return session.Record{
		ID: h.id, Version: h.version, Owner: h.owner,
		Client:    session.Client{Address: h.address, UserAgent: h.userAgent},
		CreatedAt: h.created, LastActivity: h.active, ExpiresAt: h.expires,
		Data: data,
	}
}

func instant(b []byte) time.Time {
	return time.Unix(int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint32(b[8:]))).UTC()
}

// readUpTo is like [io.ReadFull], but the end of the file is not an error.
func readUpTo(from io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(from, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

// corrupt returns an error that says why a file is not a record.
func corrupt(reason string, args ...any) error {
	return fmt.Errorf("%w: %s", session.ErrCorrupt, fmt.Sprintf(reason, args...))
}
