package sessionconfig

import (
	"context"
	"errors"
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
		text, _ := c.options[name].value.(string)
		found = append(found, passwordsIn(text)...) // from an address in the wrong place
		if secretOption(name) {
			found = append(found, text)
		}
	}
	return found
}

// secretOption is like soundsSecret, but also recognises names such as "sslpassword".
func secretOption(name string) bool {
	return soundsSecret(name) || strings.HasSuffix(strings.ToLower(name), "password")
}

var (
	userInfo     = regexp.MustCompile(`^(?:[a-z0-9+.-]+://)?[^:/@]*:(.*)@`)
	passwordPair = regexp.MustCompile(`(?i)password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&;]+)`)
)

// passwordsIn finds the passwords in a dsn of any of the drivers.
func passwordsIn(dsn string) []string {
	var found []string
	if m := userInfo.FindStringSubmatch(dsn); m != nil {
		found = append(found, m[1])
		if plain, err := url.PathUnescape(m[1]); err == nil {
			found = append(found, plain)
		}
	}
	for _, m := range passwordPair.FindAllStringSubmatch(dsn, -1) {
		found = append(found, m[1], strings.Trim(m[1], "'"))
	}
	return found
}

// scrub removes secrets from the text of a driver's error. Drivers quote the parts of a
// dsn that they cannot parse; if the text may contain such a part, scrub replaces it
// entirely.
func scrub(err error, secrets []string, dsns ...string) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "timed out"
	}
	text := strings.TrimPrefix(err.Error(), "session: ")
	all := slices.Clone(secrets)
	for _, s := range secrets {
		all = append(all, url.QueryEscape(s), url.PathEscape(s), strings.TrimPrefix(url.UserPassword("", s).String(), ":"))
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, s := range all {
		if s != "" {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	for _, dsn := range dsns {
		if quotes(text, secretPart(dsn)) {
			return "the driver rejects this address; its message is omitted because it quotes part of the address"
		}
	}
	return text
}

// secretPart returns the part of a dsn, possibly malformed, that may contain a password:
// everything after "password"; otherwise everything between the first colon after the
// scheme and the last "@"; otherwise all of it.
func secretPart(dsn string) string {
	_, rest, found := strings.Cut(dsn, "://")
	if !found {
		rest = dsn
	}
	if i := strings.Index(strings.ToLower(rest), "password"); i >= 0 {
		return rest[i+len("password"):]
	}
	last := strings.LastIndex(rest, "@")
	first := strings.Index(rest, ":")
	switch {
	case last < 0:
		return rest
	case first < 0 || first > last:
		return rest[:last] // a user without a password, or not a dsn
	}
	return rest[first+1 : last]
}

// quotes reports whether text contains four consecutive bytes of other, either verbatim,
// URL-encoded or quoted.
func quotes(text, other string) bool {
	const run = 4
	for _, form := range []string{other, url.QueryEscape(other), url.PathEscape(other), strconv.Quote(other)} {
		for i := 0; i+run <= len(form); i++ {
			if strings.Contains(text, form[i:i+run]) {
				return true
			}
		}
	}
	return false
}
