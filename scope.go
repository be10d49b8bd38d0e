package session

import "crypto/sha256"

// A scope is where browsers send a cookie, or the header that clients send in its place. A
// token is valid only in the scope that it was issued for. So after a change of the settings,
// the old cookie is invalid, and cannot be mistaken for the new one of the same name, and
// nobody can turn the token of a header into a cookie.
type scope struct {
	name      string // of the cookie, with prefix
	domain    string // in lower case, without a leading dot; "" for the host alone
	secure    bool
	header    string // the response header that carries tokens in place of a cookie; "": there is a cookie
	namespace namespace
}

// digestOf binds the secret to its record and to the namespace: a record that is copied
// under another ID, or read by another application on the same store, does not match.
func (sc *scope) digestOf(id ID, sec *secret) digest {
	var b [len(sc.namespace) + len(id) + len(sec)]byte
	copy(b[:], sc.namespace[:])
	copy(b[len(sc.namespace):], id[:])
	copy(b[len(sc.namespace)+len(id):], sec[:])
	return sha256.Sum256(b[:])
}

// A namespace stands for the application and the name and scope of the cookie in a digest.
// It is short so that a digest's input fits into one block of SHA-256 (55 bytes). That is
// enough: the application chooses them, so no attacker can search for others with the same
// 56 bits.
type namespace [7]byte

func namespaceOf(scope string) (n namespace) {
	sum := sha256.Sum256([]byte("session/1\x00" + scope))
	copy(n[:], sum[:])
	return n
}
