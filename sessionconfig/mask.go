package sessionconfig

import "regexp"

// Users sometimes enter an address, which may contain a password, where a name belongs.
// Therefore every value that is shown passes through mask, whatever its key.
var (
	urlUser    = regexp.MustCompile(`(?s)(://).*@`)
	plainUser  = regexp.MustCompile(`(?s)([^\s"'(:/@]*):.*@`)
	secretRest = regexp.MustCompile(`(?is)((?:` + secretWords + `)[a-z0-9_.-]*\s*=\s*).*?("?)$`)
	afterColon = regexp.MustCompile(`(?s):.+?("?)$`)

	// The same within a sentence, where a space ends an address.
	secretInText = regexp.MustCompile(`(?i)((?:` + secretWords + `)[a-z0-9_.-]*=)('(?:[^'\\]|\\.)*'|[^\s&;"]+)`)
	userWord     = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://|[^\s"'(:/@]+:)[^\s"]*[^\s"(]@`)
)

// mask hides whatever may be a password in a value: everything before the last "@" of a
// URL, everything between a colon and the last "@" of other values, and everything after
// a parameter whose name sounds secret. It prefers to hide too much rather than reveal part of a password.
func mask(value string) string {
	value = secretRest.ReplaceAllString(value, "${1}"+redacted+"${2}")
	if urlUser.MatchString(value) {
		return urlUser.ReplaceAllString(value, "${1}"+redacted+"@")
	}
	return plainUser.ReplaceAllString(value, "${1}:"+redacted+"@")
}

// mask is like the function mask, but also hides what follows a colon in a user name.
func (s spec) mask(value string) string {
	if s.user {
		value = afterColon.ReplaceAllString(value, ":"+redacted+"${1}")
	}
	return mask(value)
}

// maskText is like mask, for a sentence that may quote a value.
func maskText(text string) string {
	text = secretInText.ReplaceAllString(text, "${1}"+redacted)
	return userWord.ReplaceAllString(text, "${1}"+redacted+"@")
}

// masked applies mask to e and returns it. It is for text that entry.mistake did not
// produce.
func (e *Error) masked() *Error {
	e.Key, e.Value = mask(e.Key), mask(e.Value)
	e.Reason, e.Hint = maskText(e.Reason), maskText(e.Hint)
	return e
}
