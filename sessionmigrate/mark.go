package sessionmigrate

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/expanse-go/session"
	"github.com/expanse-go/session/internal/mark"
)

// A mark remembers that an old session was taken over. It is a record whose ID is a hash of the
// old session's ID, so that it can be created only once. It holds the token of the new session,
// encrypted with a key that is derived from the old cookie: who has the old cookie can go on, and
// a copy of the store lets nobody in. A mark is never changed and outlives the new session. So an
// old session is taken over once, and does not come back after a logout.
var marks = mark.NewKind("(taken over from another library \xe5)")

// slack is how much longer than Config.Until marks live, because clocks may differ.
const slack = 24 * time.Hour

func markID(k Key) (id session.ID) {
	sum := sha256.Sum256([]byte("session/takeover/1\x00" + k.ID))
	copy(id[:], sum[:])
	return id
}

func aead(k Key) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(k.Secret), nil, "session/takeover/1\x00"+k.ID, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// newMark returns the record that remembers a token.
func newMark(k Key, t session.Token, now, until time.Time) (session.Record, error) {
	box, err := aead(k)
	if err != nil {
		return session.Record{}, err
	}
	return session.Record{
		ID: markID(k), Version: 1, CreatedAt: now.UTC(), LastActivity: now.UTC(), ExpiresAt: until.Add(slack).UTC(),
		Data: marks.Wrap(box.Seal(nil, nil, []byte(t), nil)),
	}, nil
}

// tokenIn returns the token that a mark remembers.
func tokenIn(r session.Record, k Key) (session.Token, error) {
	field, ok := marks.Unwrap(r.Data)
	if !ok {
		return "", fmt.Errorf("session: record %v is not the mark of a session that was taken over: %w", r.ID, session.ErrCorrupt)
	}
	box, err := aead(k)
	if err != nil {
		return "", err
	}
	t, err := box.Open(nil, nil, field, nil)
	if err != nil {
		return "", fmt.Errorf("session: the mark %v does not open; while sessions are taken over, keep the old library's keys in the same order, and give beam the same ones: %w", r.ID, session.ErrCorrupt)
	}
	return session.Token(t), nil
}

// IsMark reports whether a record is not a session, but the mark of one that was taken over.
func IsMark(r session.Record) bool {
	_, ok := marks.Unwrap(r.Data)
	return ok
}
