package sessionconfig

import "regexp"

// People put an address where a name belongs, and an address holds a password. So
// every value that is shown passes through mask, whatever its key says.
var (
	urlUser      = regexp.MustCompile(`(?s)(://).*@`)
	plainUser    = regexp.MustCompile(`(?s)([^\s"'(:/@]*):.*@`)
	passwordRest = regexp.MustCompile(`(?is)(password\s*=\s*).*?("?)$`)
	afterColon   = regexp.MustCompile(`(?s):.+?("?)$`)

	// The same within a sentence, where a blank ends an address.
	passwordWord = regexp.MustCompile(`(?i)(password=)('(?:[^'\\]|\\.)*'|[^\s&;"]+)`)
	userWord     = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://|[^\s"'(:/@]+:)[^\s"]*[^\s"(]@`)
)

// mask hides what can be a password in a value: all before the last "@" of a URL,
// what is between a colon and that "@", and what follows "password=". More than the
// password may go; a value that is shown in part would be a puzzle for attackers only.
func mask(value string) string {
	value = passwordRest.ReplaceAllString(value, "${1}"+redacted+"${2}")
	if urlUser.MatchString(value) {
		return urlUser.ReplaceAllString(value, "${1}"+redacted+"@")
	}
	return plainUser.ReplaceAllString(value, "${1}:"+redacted+"@")
}

// mask is the package's mask, for a setting of which more is known.
func (s spec) mask(value string) string {
	if s.user {
		value = afterColon.ReplaceAllString(value, ":"+redacted+"${1}")
	}
	return mask(value)
}

// maskText is mask for a sentence, in which a value may be quoted.
func maskText(text string) string {
	text = passwordWord.ReplaceAllString(text, "${1}"+redacted)
	return userWord.ReplaceAllString(text, "${1}"+redacted+"@")
}

// masked is the mistake without what mask hides, for texts that did not come from
// entry.mistake.
func (e *Error) masked() *Error {
	e.Key, e.Value = mask(e.Key), mask(e.Value)
	e.Reason, e.Hint = maskText(e.Reason), maskText(e.Hint)
	return e
}
