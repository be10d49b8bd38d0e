// Package peers has one file for each library, and raw, which uses no library.
package peers

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"

	bench "github.com/expanse-go/session/benchmarks"
)

// A Table is the store of raw: it maps a 16-byte ID to bytes. Neither side modifies the bytes
// that Load returned or that were passed to Save.
type Table interface {
	Load(id [16]byte) ([]byte, error)
	Save(id [16]byte, data []byte) error
	Close() error
}

// ErrAbsent is the error of Load for an unknown ID.
var ErrAbsent = errors.New("bench: no such session")

// Raw uses no library. The cookie is an ID that is scanned by hand, the session is opaque
// bytes, and a write is a load and a save. Raw loses concurrent writes, and it signs, expires
// and checks nothing.
func Raw(t Table) (bench.Server, error) {
	handler := func(a bench.Action) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			status, body := rawDo(t, a, w, r)
			bench.Answer(w, status, body)
		})
	}
	return bench.HTTP(handler, t.Close), nil
}

const rawCookie = "session="

// rawSize is the size of the session that every peer stores, as JSON.
const rawSize = 476

func rawDo(t Table, a bench.Action, w http.ResponseWriter, r *http.Request) (status int, body string) {
	switch a {
	case bench.Untouched:
		return 200, "ok"
	case bench.Create:
		return rawCreate(t, w, 40)
	case bench.Seed:
		return rawCreate(t, w, rawSize)
	case bench.Fill:
		return rawCreate(t, w, bench.FillSize(bench.Arg(r)))
	}
	id, ok := rawID(r)
	if !ok {
		return 500, "no cookie"
	}
	data, err := t.Load(id)
	if err != nil {
		return 500, err.Error()
	}
	switch a {
	case bench.Read:
		if data[len(data)-1] == 0 {
			return 500, "lost"
		}
	case bench.Write:
		changed := bytes.Clone(data)
		binary.LittleEndian.PutUint64(changed, binary.LittleEndian.Uint64(data)+1)
		if err := t.Save(id, changed); err != nil {
			return 500, err.Error()
		}
	default:
		return 501, "raw does not support action " + strconv.Itoa(int(a))
	}
	return 200, "ok"
}

func rawCreate(t Table, w http.ResponseWriter, size int) (status int, body string) {
	var id [16]byte
	rand.Read(id[:])
	data := bytes.Repeat([]byte{'x'}, size)
	if err := t.Save(id, data); err != nil {
		return 500, err.Error()
	}
	var line [len(rawCookie) + 32]byte
	copy(line[:], rawCookie)
	hex.Encode(line[len(rawCookie):], id[:])
	w.Header()["Set-Cookie"] = []string{string(line[:]) + "; Path=/; HttpOnly"}
	return 200, "ok"
}

func rawID(r *http.Request) (id [16]byte, ok bool) {
	for _, line := range r.Header["Cookie"] {
		i := strings.Index(line, rawCookie)
		if i < 0 || len(line) < i+len(rawCookie)+32 {
			continue
		}
		var digits [32]byte
		copy(digits[:], line[i+len(rawCookie):])
		_, err := hex.Decode(id[:], digits[:])
		return id, err == nil
	}
	return id, false
}
