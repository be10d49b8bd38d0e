package sessionconfig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// secrets lists all secrets of a connection: the password, the dsn, the passwords within
// the dsn and the options, and options that are secret themselves.
func (c *connection) secrets() []string {
	s := &c.settings
	found := []string{s.text("password"), s.text("dsn")}
	found = append(found, passwordsIn(s.text("dsn"))...)
	for _, name := range sortedKeys(c.options) {
		value := c.options[name].value
		text := fmt.Sprint(value)
		found = append(found, passwordsIn(text)...) // from an address in the wrong place
		if soundsSecret(name) && !harmless(value) {
			found = append(found, text)
		}
	}
	return found
}

// secretWords are the words that make the name of a setting, an option or a parameter the
// name of a secret, wherever they are in it: sslpassword, api_key, sentinelAuth. They also
// match harmless names, such as key_prefix, because hiding too much is better than showing a
// secret.
const secretWords = `pass|pwd|secret|token|key|auth|cred|private|bearer|dsn`

var (
	secretName = regexp.MustCompile(`(?i)` + secretWords + `|ur[il]s?$`)

	// secretPair matches a parameter whose name sounds secret in a dsn of any form.
	secretPair = regexp.MustCompile(`(?i)(?:` + secretWords + `)[a-z0-9_.-]*\s*=\s*('(?:[^'\\]|\\.)*'|"[^"]*"|[^\s&;]+)`)

	// secretBegins matches what a secret follows in a dsn, possibly malformed.
	secretBegins = regexp.MustCompile(`(?i)(?:` + secretWords + `)[a-z0-9_.-]*\s*=|password`)
)

// soundsSecret reports whether values with this name are secret. It decides for stores
// registered with [With], and for options.
func soundsSecret(name string) bool { return secretName.MatchString(name) }

// harmless reports whether the value of an option is not secret, whatever its name.
func harmless(value any) bool {
	return value == true || value == false || value == "true" || value == "false"
}

// passwordsIn finds the passwords in a dsn of any of the drivers, encoded and decoded.
func passwordsIn(dsn string) []string {
	var found []string
	add := func(text string) {
		found = append(found, text)
		for _, decode := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if plain, err := decode(text); err == nil {
				found = append(found, plain)
			}
		}
	}
	rest := withoutScheme(dsn)
	if _, after, ok := strings.Cut(rest, ":"); ok {
		for i := range len(after) { // the password, or what follows it, may contain an "@"
			if after[i] == '@' {
				add(after[:i])
			}
		}
	}
	for _, m := range secretPair.FindAllStringSubmatch(dsn, -1) {
		add(m[1])
		add(strings.Trim(m[1], `'"`))
	}
	return found
}

func withoutScheme(dsn string) string {
	if _, rest, found := strings.Cut(dsn, "://"); found {
		return rest
	}
	return dsn
}

// secrets lists the secrets of a store registered with [With]: the values of secret settings,
// and the passwords within the others.
func (f *foreign) secrets(s *settings) (found, whole []string) {
	for _, sp := range f.specs {
		texts := append(slices.Clone(s.list(sp.key)), s.text(sp.key))
		if n, ok := s.values[sp.key].(int64); ok {
			texts = append(texts, strconv.FormatInt(n, 10))
		}
		for _, text := range texts { // any value may be an address with a password
			found = append(found, passwordsIn(text)...)
			if sp.secret {
				found, whole = append(found, text), append(whole, text)
			}
		}
	}
	return found, whole
}

// scrub removes secrets from the text of an error of a driver or a store. Drivers quote the parts of a
// dsn that they cannot parse; if the text may contain such a part, scrub replaces it
// entirely.
func scrub(err error, secrets []string, dsns ...string) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	return scrubText(strings.TrimPrefix(err.Error(), "session: "), secrets, dsns...)
}

func scrubText(text string, secrets []string, dsns ...string) string {
	all := slices.Clone(secrets)
	for _, s := range secrets {
		all = append(all, forms(s)...)
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, s := range all {
		if s != "" {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	for _, dsn := range dsns {
		if slices.ContainsFunc(secretParts(dsn), func(part string) bool { return quotes(text, part) }) {
			return "the driver rejects this address; its message is omitted because it quotes part of the address"
		}
	}
	return text
}

// secretParts returns the parts of a dsn, possibly malformed, that may contain a password:
// everything after the name of a parameter that sounds secret, and everything between the
// first colon after the scheme and the last "@"; if there is neither, all of it.
func secretParts(dsn string) []string {
	var parts []string
	rest := withoutScheme(dsn)
	last := strings.LastIndex(rest, "@")
	first := strings.Index(rest, ":")
	pair := secretBegins.FindStringIndex(rest)
	if pair != nil {
		parts = append(parts, rest[pair[1]:])
	}
	switch {
	case last < 0 && pair != nil:
	case last < 0:
		parts = append(parts, rest)
	case first < 0 || first > last:
		parts = append(parts, rest[:last]) // a user without a password, or not a dsn
	default:
		parts = append(parts, rest[first+1:last])
	}
	return parts
}

// quotes reports whether text contains four consecutive bytes of other in any form.
func quotes(text, other string) bool {
	const run = 4
	for _, form := range forms(other) {
		for i := 0; i+run <= len(form); i++ {
			if strings.Contains(text, form[i:i+run]) {
				return true
			}
		}
	}
	return false
}

// forms returns the forms in which a message may quote text: as it is, encoded for a URL, or
// as a literal.
func forms(text string) []string {
	literal, _ := json.Marshal(text) // cannot fail for a string
	return []string{
		text, url.QueryEscape(text), url.PathEscape(text), strings.TrimPrefix(url.UserPassword("", text).String(), ":"),
		strings.Trim(strconv.Quote(text), `"`), strings.Trim(string(literal), `"`),
	}
}
