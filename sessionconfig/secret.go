package sessionconfig

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// secrets lists everything of a connection that must not be read: the password, the
// dsn, the password within the dsn, and each as it looks in a URL.
func (c *connection) secrets() []string {
	s := &c.settings
	found := []string{s.text("password"), s.text("dsn")}
	found = append(found, passwordsIn(s.text("dsn"))...)
	for _, name := range sortedKeys(c.options) {
		if text, ok := c.options[name].value.(string); ok && secretOption(name) {
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

// scrub makes the text of a driver's error fit to be read. An error about the form
// of a dsn quotes pieces of it that cannot be told from secrets, so nothing of such
// a text is kept.
func (c *connection) scrub(err error) string {
	var ue *url.Error
	text := err.Error()
	switch {
	case errors.As(err, &ue) && ue.Op == "parse", strings.Contains(text, "cannot parse"):
		return "the driver does not understand the address or the options"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	secrets := c.secrets()
	for _, s := range c.secrets() {
		secrets = append(secrets, url.QueryEscape(s), url.PathEscape(s), strings.TrimPrefix(url.UserPassword("", s).String(), ":"))
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return strings.TrimPrefix(text, "session: ")
}
