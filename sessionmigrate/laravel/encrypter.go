package laravel

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// An encrypter opens what Laravel's Encrypter has encrypted, with AES in CBC mode and an HMAC, or
// in GCM mode.
type encrypter struct {
	keys [][]byte
}

// newEncrypter parses keys as they are in APP_KEY: "base64:…", or the bytes themselves.
func newEncrypter(keys []string) (*encrypter, error) {
	e := &encrypter{}
	for i, k := range keys {
		key := []byte(k)
		if text, ok := strings.CutPrefix(k, "base64:"); ok {
			var err error
			if key, err = base64.StdEncoding.DecodeString(text); err != nil {
				return nil, fmt.Errorf("session: laravel.Config.Keys[%d]: the text after base64: is not base64", i)
			}
		}
		if len(key) != 16 && len(key) != 32 {
			return nil, fmt.Errorf("session: laravel.Config.Keys[%d] has %d bytes; a Laravel key has 16 or 32", i, len(key))
		}
		e.keys = append(e.keys, key)
	}
	if len(e.keys) == 0 {
		return nil, errors.New("session: laravel.Config.Keys is empty; it has the APP_KEY of the old program")
	}
	return e, nil
}

var errSealed = errors.New("session: no key of the old program has encrypted this")

// open returns the plain text, and the key.
func (e *encrypter) open(text string) (plain string, key []byte, err error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", nil, errSealed
	}
	var p struct{ IV, Value, MAC, Tag string }
	if json.Unmarshal(raw, &p) != nil {
		return "", nil, errSealed
	}
	iv, err1 := base64.StdEncoding.DecodeString(p.IV)
	value, err2 := base64.StdEncoding.DecodeString(p.Value)
	tag, err3 := base64.StdEncoding.DecodeString(p.Tag)
	if errors.Join(err1, err2, err3) != nil {
		return "", nil, errSealed
	}
	for _, key := range e.keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return "", nil, err
		}
		var b []byte
		var ok bool
		if len(tag) > 0 {
			b, ok = openGCM(block, iv, value, tag)
		} else {
			b, ok = openCBC(block, key, iv, value, p.MAC, p.IV+p.Value)
		}
		if ok {
			return string(b), key, nil
		}
	}
	return "", nil, errSealed
}

func openGCM(block cipher.Block, iv, value, tag []byte) ([]byte, bool) {
	box, err := cipher.NewGCM(block)
	if err != nil || len(iv) != box.NonceSize() || len(tag) != box.Overhead() {
		return nil, false
	}
	b, err := box.Open(nil, iv, append(value[:len(value):len(value)], tag...), nil)
	return b, err == nil
}

func openCBC(block cipher.Block, key, iv, value []byte, mac, signed string) ([]byte, bool) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(signed))
	got, err := hex.DecodeString(mac)
	if err != nil || !hmac.Equal(got, h.Sum(nil)) || len(iv) != block.BlockSize() || len(value) == 0 || len(value)%block.BlockSize() != 0 {
		return nil, false
	}
	b := make([]byte, len(value))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(b, value)
	n := int(b[len(b)-1]) // PKCS #7; the MAC has been checked, so this tells nobody anything
	if n == 0 || n > block.BlockSize() || n > len(b) {
		return nil, false
	}
	return b[:len(b)-n], true
}

// cookiePrefix is what Laravel puts before the value of a cookie, so that the value of one cookie is
// not accepted in another.
func cookiePrefix(name string, key []byte) string {
	h := hmac.New(sha1.New, key)
	h.Write([]byte(name + "v2"))
	return hex.EncodeToString(h.Sum(nil)) + "|"
}
