package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// A Token is the value of the session cookie: the record ID (16 bytes) and a secret (32
// bytes), in base64url without padding. Anyone who holds it can act as the user. It cannot
// be printed by accident: formatting, logging and marshaling give "[redacted]". To send it,
// convert it to a string.
type Token string

// tokenLen is the only length of a token: 48 bytes in base64url, which needs no
// padding.
const tokenLen = 64

const redacted = "[redacted]"

// String returns "[redacted]".
func (Token) String() string { return redacted }

// GoString returns "[redacted]".
func (Token) GoString() string { return redacted }

// Format writes "[redacted]" for every verb, %x and %q included.
func (Token) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]", so that a token inside a struct does not
// reach a JSON log.
func (Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// An ID identifies the record of a session for its whole life. It is random (128 bits)
// and public: it gives no access.
type ID [16]byte

// ParseID parses the text that [ID.String] returns.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return id, errors.New("session: an ID has 32 hexadecimal digits")
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, errors.New("session: an ID has 32 hexadecimal digits")
	}
	return id, nil
}

// String returns the ID as 32 lowercase hexadecimal digits, as hex(id) or
// encode(id, 'hex') show it in a database.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether the ID is the zero ID, which no session has.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText is [ID.String].
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText is [ParseID].
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = ParseID(string(b))
	return err
}

// secret is the second part of a token, and digest what the store keeps of it.
// Because the store has the digest in place of the secret, nobody can log in with a copy of
// the store (CVE-2019-16782).
type (
	secret [32]byte
	digest [sha256.Size]byte
)

func (d *digest) equal(e *digest) bool {
	return subtle.ConstantTimeCompare(d[:], e[:]) == 1
}

func newToken(id ID, sec *secret) Token {
	var raw [48]byte
	copy(raw[:], id[:])
	copy(raw[len(id):], sec[:])
	var text [tokenLen]byte
	base64.RawURLEncoding.Encode(text[:], raw[:])
	return Token(text[:])
}

// split refuses everything but the one form that newToken writes, so that no
// store ever sees what a client made up (CVE-2024-3400 began with a session
// cookie that became a file name).
func (t Token) split() (id ID, sec secret, ok bool) {
	if len(t) != tokenLen {
		return id, sec, false
	}
	var in [tokenLen]byte
	var raw [48]byte
	copy(in[:], t)
	// The decoder skips line breaks; the full length shows that there was none.
	n, err := base64.RawURLEncoding.Decode(raw[:], in[:])
	if err != nil || n != len(raw) {
		return id, sec, false
	}
	copy(id[:], raw[:16])
	copy(sec[:], raw[16:])
	return id, sec, id != ID{}
}

// randomID and randomSecret never fail: crypto/rand ends the program rather than
// return weak bytes (CVE-2025-66630 was a fallback).
func randomID() (id ID) {
	for id.IsZero() {
		rand.Read(id[:])
	}
	return id
}

func randomSecret() (sec secret) {
	rand.Read(sec[:])
	return sec
}
