package redisstore

import (
	"net/url"
	"strings"

	"github.com/expanse-go/session"
)

// DefaultPrefix is what every key begins with if [Config].Prefix is not set.
const DefaultPrefix = "session:"

// maxPrefix is the length of the longest prefix.
const maxPrefix = 64

// owners is what the keys of the index have after the prefix. An ID has only hexadecimal
// digits, so no session has such a key.
const owners = "owner:"

// checkPrefix returns what is wrong with a prefix. A hash tag in it would put all sessions
// into one slot of a cluster, and SCAN would take other characters for a pattern.
func checkPrefix(prefix string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._-/"
	if len(prefix) <= maxPrefix && strings.Trim(prefix, letters) == "" {
		return nil
	}
	return &session.ConfigError{Field: "Prefix", Value: prefix,
		Reason: "use at most 64 letters, digits and the characters : . _ - /"}
}

// key returns the key of a session, such as "session:1f…", with the ID as logs show it.
func (s *Store) key(id session.ID) string { return s.prefix + id.String() }

// idOf returns the ID of a key. It is not ok for the keys of an index and for those of others.
func (s *Store) idOf(key string) (id session.ID, ok bool) {
	text, ok := strings.CutPrefix(key, s.prefix)
	if !ok {
		return id, false
	}
	id, err := session.ParseID(text)
	return id, err == nil && id.String() == text
}

// ownerKey returns the key of an owner's index. The escaping keeps letters, digits and "-_.~"
// and is one to one. No brace is left, so an owner's name cannot choose a slot.
func (s *Store) ownerKey(owner string) string { return s.prefix + owners + url.QueryEscape(owner) }
