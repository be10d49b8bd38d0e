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

// secrets lists everything of a connection that must not be read: the password, the
// dsn, the password within the dsn, and each as it looks in a URL.
func (c *connection) secrets() []string {
	s := &c.settings
	found := []string{s.text("password"), s.text("dsn")}
	found = append(found, passwordsIn(s.text("dsn"))...)
	for _, name := range sortedKeys(c.options) {
		text, _ := c.options[name].value.(string)
		found = append(found, passwordsIn(text)...) // of an address in the wrong place
		if secretOption(name) {
			found = append(found, text)
		}
	}
	return found
}

// secretOption knows "sslpassword", too.
func secretOption(name string) bool {
	return soundsSecret(name) || strings.HasSuffix(strings.ToLower(name), "password")
}

var (
	userInfo     = regexp.MustCompile(`^(?:[a-z0-9+.-]+://)?[^:/@]*:(.*)@`)
	passwordPair = regexp.MustCompile(`(?i)password\s*=\s*('(?:[^'\\]|\\.)*'|[^\s&;]+)`)
)

// passwordsIn finds what is a password in the forms of all drivers.
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

// scrub makes the text of a driver's error fit to be read. Drivers quote pieces of a
// dsn that they do not understand; if a text could hold such a piece, it is dropped.
func scrub(err error, secrets []string, dsns ...string) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
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
		if quotes(text, delicate(dsn)) {
			return "the driver cannot use this address; its words are left out, because they quote from it"
		}
	}
	return text
}

// delicate is the part of a dsn that can hold a password, whatever is wrong with it:
// from the first colon, after the scheme and the user, to the last "@"; or all from
// "password" on; or all of it.
func delicate(dsn string) string {
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
		return rest[:last] // a user without a password, or no dsn at all
	}
	return rest[first+1 : last]
}

// quotes tells whether a text has four bytes in a row of the other one, also as they
// look in a URL or within quotes.
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
