package sessionconfig

import (
	"regexp"
	"strings"
)

// A definition is one NAME=value of a .env file. If it refers to a variable that is not
// set, value is "" and raw is what the file says.
type definition struct {
	value, raw string
	line       int
}

var (
	definitionStart = regexp.MustCompile(`^[ \t]*(?:export[ \t]+)?([\pL\pN_.]+)[ \t]*[=:]`)

	// afterQuote is what may follow a closing quote.
	afterQuote = regexp.MustCompile(`^[ \t]*(#.*)?$`)
	comment    = regexp.MustCompile(`[ \t]#.*$`)

	// dotenvSpecial matches what stands for something else in a value without single quotes.
	// A $ before anything but a name in capitals is part of the value, as in many passwords.
	dotenvSpecial   = regexp.MustCompile(`(?s)\\.|\$\{[^}]*\}?|\$[A-Z_][A-Z0-9_]*`)
	dotenvReference = regexp.MustCompile(`^\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Z_][A-Z0-9_]*))$`)
)

// parseDotenv parses a .env file. A reference such as ${NAME} means the variable in the
// environment, otherwise the one that the file defines above. If a line is malformed,
// parseDotenv returns its number.
func parseDotenv(text string, environ map[string]string) (all map[string]definition, malformed int) {
	all = map[string]definition{}
	lookup := func(name string) string {
		if value := environ[name]; value != "" {
			return value
		}
		return all[name].value
	}
	rest := strings.ReplaceAll(text, "\r\n", "\n")
	for line := 1; rest != ""; {
		head, tail, _ := strings.Cut(rest, "\n")
		if t := strings.TrimSpace(head); t == "" || t[0] == '#' {
			rest = tail
			line++
			continue
		}
		m := definitionStart.FindStringSubmatch(head)
		if m == nil {
			return nil, line
		}
		d, tail, ok := takeDefinition(rest[len(m[0]):], lookup)
		if !ok {
			return nil, line
		}
		d.line = line
		all[m[1]] = d
		line += strings.Count(rest[:len(rest)-len(tail)], "\n")
		rest = tail
	}
	return all, 0
}

// takeDefinition takes a value from the beginning of text, with its line break.
func takeDefinition(text string, lookup func(string) string) (d definition, rest string, ok bool) {
	unquoted := text
	text = strings.TrimLeft(text, " \t")
	if text == "" || text[0] != '"' && text[0] != '\'' {
		value, rest, _ := strings.Cut(unquoted, "\n")
		return expand(strings.TrimSpace(comment.ReplaceAllString(value, "")), false, lookup), rest, true
	}
	quote, end := text[0], 1
	for end < len(text) && text[end] != quote {
		if quote == '"' && text[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(text) {
		return d, "", false
	}
	after, rest, _ := strings.Cut(text[end+1:], "\n")
	d = definition{value: text[1:end]}
	if quote == '"' {
		d = expand(d.value, true, lookup)
	}
	return d, rest, afterQuote.MatchString(after)
}

// expand replaces references in a value and, within double quotes, escapes.
func expand(raw string, quoted bool, lookup func(string) string) (d definition) {
	d.value = dotenvSpecial.ReplaceAllStringFunc(raw, func(s string) string {
		if s[0] == '\\' {
			switch {
			case s == `\$`:
				return "$"
			case !quoted:
				return s
			case s == `\n`:
				return "\n"
			case s == `\r`:
				return "\r"
			}
			return s[1:]
		}
		value := ""
		if m := dotenvReference.FindStringSubmatch(s); m != nil {
			value = lookup(m[1] + m[2])
		}
		if value == "" {
			d.raw = raw
		}
		return value
	})
	if d.raw != "" {
		d.value = ""
	}
	return d
}
